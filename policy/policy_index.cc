#include "policy/policy_index.h"

#include <algorithm>

namespace tierwall::policy {

namespace {

/// Only what is global and no preview speaks of host endpoints, and untracked and preDNAT policies of nothing else
/// (calico.md 1.1, 1.2).
bool may_select(const Policy& policy, const Subject& endpoint) {
  return endpoint.pod != nullptr ? policy.stage == Stage::Tracked : policy.kind == Kind::GlobalNetworkPolicy;
}

}  // namespace

PolicyIndex::PolicyIndex(const std::vector<OrderedTier>& tiers) {
  for (const OrderedTier& tier : tiers) {
    for (const Policy* policy : tier.policies) {
      if (policy->staged) continue;
      selectors_.add(static_cast<Number>(policies_.size()), policy->subject);
      policies_.push_back(policy);
    }
  }
}

std::vector<PolicyIndex::Number> PolicyIndex::selecting(const Subject& endpoint) const {
  std::vector<Number> numbers = selectors_.matching(endpoint.scope);
  std::erase_if(numbers, [&](Number number) { return !may_select(*policies_[number], endpoint); });
  return numbers;
}

}  // namespace tierwall::policy
