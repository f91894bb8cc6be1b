#include "daemon/guard/guard.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "daemon/sources/policy_directory.h"
#include "policy/resolve.h"

namespace tierwall::daemon {

namespace {

using policy::Kind;

bool can_touch_host_policy(Kind kind) {
  switch (kind) {
    case Kind::HostEndpoint:
    case Kind::GlobalNetworkPolicy:
    case Kind::Tier:
    case Kind::Profile:
    case Kind::GlobalNetworkSet:
    case Kind::NetworkSet:
      return true;
    default:
      return false;
  }
}

/// Calls `visit` with every object that can touch host policy.
template <typename Visit>
void for_each_host_object(const policy::Snapshot& snapshot, Visit visit) {
  const auto visit_all = [&](const auto& objects) {
    for (const auto& [name, object] : objects) {
      const policy::ResourceKey key = policy::key_of(object);
      if (can_touch_host_policy(key.kind)) visit(key, object);
    }
  };
  visit_all(snapshot.host_endpoints);
  visit_all(snapshot.policies);
  visit_all(snapshot.tiers);
  visit_all(snapshot.profiles);
  visit_all(snapshot.network_sets);
}

/// May the guard keep the former version of what this source says?
bool may_be_held(GuardMode mode, const std::string& source) {
  return mode == GuardMode::Hold || source == kDirectorySource;
}

/// The first decision against the flow; nothing if it passes.
std::optional<policy::Decision> denial_of(const policy::NodePolicy& policy, const ManagementFlow& management,
                                          const policy::Failsafes& failsafes) {
  policy::Passage passage = management.passage;
  const auto is_local_pod = [&](const std::optional<policy::Address>& address) {
    return address && policy.find_endpoint(*address) != nullptr;
  };
  passage.from_pod = is_local_pod(management.flow.source);
  passage.to_pod = is_local_pod(management.flow.destination);
  for (policy::Decision& decision : policy::judge_passage(policy, passage, management.flow, failsafes)) {
    if (decision.verdict == policy::Verdict::Deny) return std::move(decision);
  }
  return std::nullopt;
}

std::string print_decider(const policy::Decision& decision) {
  const std::string endpoint = "HostEndpoint " + decision.host->endpoint;
  switch (decision.reason) {
    case policy::Reason::Rule:
      return fmt::format("{} (tier {}) rule {} of {}", policy::print_key(*decision.policy), decision.tier,
                         decision.rule.value_or(0), endpoint);
    case policy::Reason::TierDefault:
      return fmt::format("the end of tier {} of {}", decision.tier, endpoint);
    default:
      return endpoint + ", which nothing opens for it";
  }
}

}  // namespace

std::string print_cut(const CutFlow& cut) {
  return fmt::format("{} would be cut by {}", cut.flow.what, print_decider(cut.decision));
}

std::vector<CutFlow> find_cut(const policy::NodePolicy* before, const policy::NodePolicy& after,
                              const std::vector<ManagementFlow>& flows, const policy::Failsafes& failsafes) {
  std::vector<CutFlow> cut;
  for (const ManagementFlow& flow : flows) {
    std::optional<policy::Decision> denial = denial_of(after, flow, failsafes);
    if (!denial || (before != nullptr && denial_of(*before, flow, failsafes))) continue;
    cut.push_back({flow, *std::move(denial)});
  }
  return cut;
}

void Guard::begin_with(const policy::Inventory& remembered, const NodeSettings& settings) {
  before_start_ = policy::resolve(remembered.snapshot(), policy::Scope{.node = settings.node}, settings.tie_break);
  note_accepted(remembered, *before_start_);
}

std::optional<policy::NodePolicy> Guard::rule(const policy::Inventory& inventory, const NodeSettings& settings,
                                              const policy::NodePolicy& desired, const policy::NodePolicy* applied,
                                              const policy::PolicyChange& change) {
  const bool released = std::exchange(released_, false);
  const bool touched = touches_host_policy(desired, change);
  if (desired.host_endpoints.empty() || settings.guard == GuardMode::Off) {
    held_.clear();
    warned_.clear();
    return std::nullopt;
  }
  if (!touched && held_.empty() && applied != nullptr) return std::nullopt;
  const policy::NodePolicy* before = applied != nullptr ? applied : before_start_ ? &*before_start_ : nullptr;
  if (before != nullptr && *before == desired) {
    held_.clear();
    return std::nullopt;
  }
  warned_.clear();
  const std::vector<ManagementFlow> flows = watched_flows();
  std::vector<CutFlow> cut = find_cut(before, desired, flows, settings.failsafes);
  held_.clear();
  if (cut.empty()) return std::nullopt;
  if (!released && settings.guard != GuardMode::Warn) {
    policy::NodePolicy former = policy::resolve(with_former_objects(inventory, settings.guard),
                                                policy::Scope{.node = settings.node}, settings.tie_break);
    if (find_cut(before, former, flows, settings.failsafes).empty()) {
      held_ = std::move(cut);
      return former;
    }
  }
  warned_ = std::move(cut);
  return std::nullopt;
}

/// May a management flow meet another verdict after the change?
bool Guard::touches_host_policy(const policy::NodePolicy& desired, const policy::PolicyChange& change) {
  if (change.everything) {
    host_sets_.reset();
    return true;
  }
  if (desired.host_endpoints.empty()) return false;
  if (change.endpoints) return true;  // whose flow it is, a pod's or the node's own, decides which policy judges it
  if (!change.touches_sets()) return false;
  if (!host_sets_) host_sets_ = policy::sets_of_host_endpoints(desired);
  return std::ranges::any_of(change.address_sets,
                             [&](const auto& changed) { return host_sets_->address_sets.contains(changed.set); }) ||
         std::ranges::any_of(change.service_sets,
                             [&](const auto& changed) { return host_sets_->service_sets.contains(changed.set); });
}

void Guard::note_accepted(const policy::Inventory& inventory, const policy::NodePolicy& in_force) {
  if (!held_.empty()) return;
  if (in_force.host_endpoints.empty()) {
    accepted_.reset();
    return;
  }
  const auto changed = inventory.changed_since(std::exchange(accepted_at_, inventory.generation()));
  const bool same = accepted_ && changed && std::ranges::none_of(*changed, [](const policy::ResourceKey& key) {
                      return can_touch_host_policy(key.kind);
                    });
  if (!same) accepted_ = host_objects(inventory);
}

Guard::Objects Guard::host_objects(const policy::Inventory& inventory) {
  Objects objects;
  for_each_host_object(inventory.snapshot(), [&](const policy::ResourceKey& key, const auto& object) {
    objects.emplace(key, Accepted{object, inventory.source(key).value_or("")});
  });
  return objects;
}

bool Guard::release() {
  if (held_.empty()) return false;
  released_ = true;
  return true;
}

/// Those there are now, and those a held change would have cut: a session that ends must not let it through.
std::vector<ManagementFlow> Guard::watched_flows() {
  std::vector<ManagementFlow> flows;
  for (const CutFlow& cut : held_) flows.push_back(cut.flow);
  Result<std::vector<ManagementFlow>> observed = flows_.observe();
  blind_ = observed ? std::nullopt : std::optional(observed.error().message);
  if (!observed) return flows;
  for (ManagementFlow& flow : *observed) {
    if (std::ranges::count(flows, flow) == 0) flows.push_back(std::move(flow));
  }
  return flows;
}

policy::Snapshot Guard::with_former_objects(const policy::Inventory& inventory, GuardMode mode) const {
  policy::Snapshot world = inventory.snapshot();
  for_each_host_object(inventory.snapshot(), [&](const policy::ResourceKey& key, const auto&) {
    // With no host endpoint to go back to, the policies go on for the sake of pods, and only the endpoints wait.
    if (!accepted_ && key.kind != Kind::HostEndpoint) return;
    if (may_be_held(mode, inventory.source(key).value_or(""))) world.remove(key);
  });
  if (!accepted_) return world;
  for (const auto& [key, accepted] : *accepted_) {
    if (may_be_held(mode, inventory.source(key).value_or(accepted.source))) world.put(accepted.object);
  }
  return world;
}

}  // namespace tierwall::daemon
