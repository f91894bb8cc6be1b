#include "policy/staged.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace tierwall::policy {

namespace {

Kind enforced_kind(Kind staged) {
  switch (staged) {
    case Kind::StagedGlobalNetworkPolicy:
      return Kind::GlobalNetworkPolicy;
    case Kind::StagedNetworkPolicy:
      return Kind::NetworkPolicy;
    case Kind::StagedKubernetesNetworkPolicy:
      return Kind::KubernetesNetworkPolicy;
    default:
      abort_on_bug("the kind of a staged policy", __FILE__, __LINE__);
  }
}

}  // namespace

bool has_staged(const Snapshot& snapshot) {
  return std::ranges::any_of(snapshot.policies, [](const auto& entry) { return entry.second.staged.has_value(); });
}

Snapshot carry_out_staged(Snapshot snapshot) {
  std::vector<Policy> staged;
  for (const auto& [key, policy] : snapshot.policies) {
    if (policy.staged) staged.push_back(policy);
  }
  for (Policy& policy : staged) {
    snapshot.policies.erase(key_of(policy));
    const StagedAction action = *std::exchange(policy.staged, std::nullopt);
    policy.kind = enforced_kind(policy.kind);
    if (action == StagedAction::Set) {
      snapshot.put(policy);
    } else {
      snapshot.remove(key_of(policy));
    }
  }
  return snapshot;
}

}  // namespace tierwall::policy
