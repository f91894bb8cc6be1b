#include "tests/differential/kept_up_to_date.h"

#include <set>
#include <utility>

#include "nft/diff.h"
#include "policy/resolve.h"
#include "policy/resolver.h"
#include "policy/subjects.h"
#include "tests/differential/generated_world.h"

namespace tierwall::test {

namespace {

/// The first part in which two policies differ; nothing if they are equal.
std::optional<std::string> differing_part(const policy::NodePolicy& kept, const policy::NodePolicy& fresh) {
  if (kept == fresh) return std::nullopt;
  if (kept.tiers != fresh.tiers) return "tiers";
  if (kept.profiles != fresh.profiles) return "profiles";
  if (kept.treatments != fresh.treatments) return "treatments";
  if (kept.endpoints != fresh.endpoints) return "endpoints";
  if (kept.host_endpoints != fresh.host_endpoints) return "host endpoints";
  if (kept.remarks != fresh.remarks) return "remarks";
  for (std::size_t i = 0; i < kept.address_sets.size() && i < fresh.address_sets.size(); ++i) {
    if (kept.address_sets[i] != fresh.address_sets[i]) return "set " + fresh.address_sets[i].meaning;
  }
  for (std::size_t i = 0; i < kept.service_sets.size() && i < fresh.service_sets.size(); ++i) {
    if (kept.service_sets[i] != fresh.service_sets[i]) return "set " + fresh.service_sets[i].meaning;
  }
  return "the list of sets";
}

/// Asks every policy about every pod here, with no index: resolve() finds the pairs by one, too.
std::optional<std::string> wrongly_selected(const policy::Snapshot& world, const policy::NodePolicy& kept) {
  for (const policy::ResolvedEndpoint& endpoint : kept.endpoints) {
    const policy::Pod& pod = world.pods.at({endpoint.pod.ns, endpoint.pod.name});
    std::set<policy::ResourceKey> found;
    for (const policy::TierStep& step : kept.treatment(endpoint, policy::Direction::Ingress).steps) {
      for (const std::size_t at : step.policies) found.insert(kept.tiers[step.tier].policies[at].key);
    }
    std::set<policy::ResourceKey> wanted;
    for (const auto& [key, policy] : world.policies) {
      const bool judges = !policy.staged && policy.stage == policy::Stage::Tracked && policy.applies_to_ingress;
      if (judges && policy::selects(world, policy, pod)) wanted.insert(key);
    }
    if (found != wanted) return "policies of " + policy::print_key(endpoint.pod);
  }
  return std::nullopt;
}

/// Follows a policy with the table.
class TableFollower {
 public:
  explicit TableFollower(const policy::NodePolicy& policy, nft::CompileOptions options)
      : options_(std::move(options)), table_(*nft::compile_table(policy, options_)) {}

  /// What is wrong with it; nothing if all is well.
  std::optional<std::string> follow(const policy::NodePolicy& policy, const policy::PolicyChange& change) {
    nft::CompiledTable fresh = *nft::compile_table(policy, options_);
    const nft::ChangeSet wanted = nft::diff(table_.ruleset, fresh.ruleset);
    const std::optional<nft::TableParts::Step> step = table_.parts.follow(policy, change, options_, table_.ruleset);
    if (step && step->changes != wanted) return "changes of the table";
    if (step && table_.parts.member_sets() != fresh.parts.member_sets()) return "sets with members";
    if (step && table_.parts.chains() != fresh.parts.chains()) return "chains of treatments";
    nft::advance(table_.ruleset, wanted);
    if (table_.ruleset != fresh.ruleset) return "the table";
    if (!step) table_.parts = std::move(fresh.parts);
    return std::nullopt;
  }

 private:
  nft::CompileOptions options_;
  nft::CompiledTable table_;
};

}  // namespace

std::optional<Mismatch> find_mismatch(const EventBatches& batches, policy::TieBreak tie_break,
                                      nft::Flattening flattening, StepsTaken* steps) {
  policy::Inventory inventory;
  policy::Resolver resolver(inventory.snapshot(), kJudgedNode, tie_break);
  policy::NodePolicy follower = resolver.policy();
  TableFollower table(resolver.policy(), {.flattening = flattening, .node = kJudgedNode});
  for (std::size_t step = 0; step < batches.size(); ++step) {
    const std::uint64_t before = inventory.generation();
    for (const policy::ResourceEvent& event : batches[step]) inventory.apply(event);
    const policy::PolicyChange change = resolver.update(inventory.snapshot(), inventory.changed_since(before).value());
    const policy::NodePolicy fresh =
        policy::resolve(inventory.snapshot(), policy::Scope{.node = kJudgedNode}, tie_break);
    if (const auto part = differing_part(resolver.policy(), fresh)) return Mismatch{step, *part};
    if (const auto part = wrongly_selected(inventory.snapshot(), fresh)) return Mismatch{step, *part};
    if (steps != nullptr) ++(change.everything ? steps->anew : change.endpoints ? steps->endpoints : steps->members);
    policy::follow(follower, resolver.policy(), change);
    if (const auto part = differing_part(follower, fresh)) return Mismatch{step, *part + ", as the change tells it"};
    if (const auto part = table.follow(resolver.policy(), change)) return Mismatch{step, *part};
  }
  return std::nullopt;
}

}  // namespace tierwall::test
