// Law 2 of design.md: what is kept up to date event by event equals what is made from scratch. Long random sequences of
// events over every kind of object; after each batch the resolver is compared with resolve(), and what it says has
// changed with what did. So with the table: what follows members equals compile() and diff().

#include "policy/resolver.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "nft/compile.h"
#include "nft/diff.h"
#include "policy/resolve.h"
#include "policy/subjects.h"
#include "tests/differential/event_sequences.h"
#include "tests/differential/generated_world.h"
#include "tests/vocabulary/effort.h"

namespace tierwall::test {
namespace {

constexpr std::uint32_t kSequences = 12;
constexpr std::size_t kSteps = 80;  // per sequence

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

struct Mismatch {
  std::size_t step = 0;
  std::string what;
};

/// Follows a policy with the table.
class TableFollower {
 public:
  explicit TableFollower(const policy::NodePolicy& policy, nft::CompileOptions options)
      : options_(std::move(options)), table_(*nft::compile_table(policy, options_)) {}

  /// What is wrong with it; nothing if all is well.
  std::optional<std::string> follow(const policy::NodePolicy& policy, const policy::PolicyChange& change) {
    nft::CompiledTable fresh = *nft::compile_table(policy, options_);
    const nft::ChangeSet wanted = nft::diff(table_.ruleset, fresh.ruleset);
    const std::optional<nft::ChangeSet> changes = table_.members.follow(policy, change, table_.ruleset);
    if (changes && *changes != wanted) return "changes of the table";
    if (changes && table_.members.all() != fresh.members.all()) return "sets with members";
    nft::advance(table_.ruleset, wanted);
    if (table_.ruleset != fresh.ruleset) return "the table";
    if (!changes) table_.members = std::move(fresh.members);
    return std::nullopt;
  }

 private:
  nft::CompileOptions options_;
  nft::CompiledTable table_;
};

/// Tells the events and compares after every batch.
std::optional<Mismatch> find_mismatch(const EventBatches& batches, policy::TieBreak tie_break,
                                      nft::Flattening flattening) {
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
    policy::follow(follower, resolver.policy(), change);
    if (const auto part = differing_part(follower, fresh)) return Mismatch{step, *part + ", as the change tells it"};
    if (const auto part = table.follow(resolver.policy(), change)) return Mismatch{step, *part};
  }
  return std::nullopt;
}

TEST(Resolver, KeptUpToDateItEqualsWhatIsResolvedFromScratch) {
  for (std::uint32_t seed = 1; seed <= test::tried_of(kSequences); ++seed) {
    const auto tie_break = seed % 2 == 0 ? policy::TieBreak::Calico332 : policy::TieBreak::Calico331;
    const auto flattening = seed % 3 == 0 ? nft::Flattening{} : nft::Flattening::always();
    EventBatches batches = generate_events(seed, kSteps);
    const auto mismatch = find_mismatch(batches, tie_break, flattening);
    if (!mismatch) continue;
    batches.resize(mismatch->step + 1);
    batches = shrink_events(std::move(batches), [&](const EventBatches& fewer) {
      return find_mismatch(fewer, tie_break, flattening).has_value();
    });
    std::string story;
    for (const auto& batch : batches) story += "\n  " + print_batch(batch);
    FAIL() << "seed " << seed << ", step " << mismatch->step << ": " << mismatch->what << " differ; it takes" << story;
  }
}

/// Most events are about pods elsewhere, and they must not cost a walk over all policies.
TEST(Resolver, APodOfAnotherNodeChangesMembersOnly) {
  policy::Inventory inventory;
  const auto tell = [&](const policy::Resource& object) {
    inventory.apply({.source = "directory", .key = policy::key_of(object), .resource = object});
  };
  policy::Pod here{.ns = "shop", .name = "web", .node = kJudgedNode, .addresses = fixed_pod_addresses(0)};
  tell(here);
  policy::Policy policy{.ns = "shop", .name = "p"};
  policy::Rule rule{.action = policy::Action::Allow};
  rule.source.selector = policy::equals("app", "db");
  policy.ingress = {rule};
  tell(policy);
  policy::Resolver resolver(inventory.snapshot(), kJudgedNode, policy::TieBreak::Calico332);
  ASSERT_EQ(resolver.policy().address_sets.size(), 1u);

  policy::Pod far{.ns = "shop", .name = "db", .labels = {{"app", "db"}}, .node = "node-2"};
  far.addresses = {fixed_pod_addresses(1).front()};
  tell(far);
  const policy::PolicyChange change = resolver.update(inventory.snapshot(), {policy::pod_key(far)});
  EXPECT_FALSE(change.everything);
  ASSERT_EQ(change.address_sets.size(), 1u);
  EXPECT_EQ(change.address_sets.front().addresses.come, far.addresses);
  EXPECT_EQ(resolver.policy().address_sets.front().addresses, far.addresses);
}

}  // namespace
}  // namespace tierwall::test
