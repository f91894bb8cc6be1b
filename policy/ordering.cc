#include "policy/ordering.h"

#include <algorithm>
#include <limits>
#include <tuple>

namespace tierwall::policy {

namespace {

double order_value(const std::optional<double>& order) {
  return order.value_or(std::numeric_limits<double>::infinity());
}

/// What the tier "security" calls its policy "web" internally: names had to begin with the tier until 3.31.
std::string name_in_tier(const Policy& policy) {
  const std::string prefix = policy.tier + ".";
  return policy.name.starts_with(prefix) ? policy.name : prefix + policy.name;
}

std::string internal_name(const Policy& policy) {
  switch (policy.kind) {
    case Kind::KubernetesNetworkPolicy:
      return "knp.default." + policy.name;
    case Kind::KubernetesAdminNetworkPolicy:
      return "kanp.adminnetworkpolicy." + policy.name;
    case Kind::KubernetesBaselineAdminNetworkPolicy:
      return "kbanp.baselineadminnetworkpolicy." + policy.name;
    default:
      return name_in_tier(policy);
  }
}

std::string tie_key(const Policy& policy, TieBreak tie_break) {
  if (tie_break == TieBreak::Calico331) {
    return policy.ns.empty() ? internal_name(policy) : policy.ns + "/" + internal_name(policy);
  }
  return policy.name + "/" + policy.ns + "/" + std::string(print_kind(policy.kind));
}

/// As comes_before says, asking every policy for its keys once.
void sort_policies(std::vector<const Policy*>& policies, TieBreak tie_break) {
  struct Ranked {
    double order;
    std::string tie;
    const Policy* policy;
  };
  std::vector<Ranked> ranked;
  ranked.reserve(policies.size());
  for (const Policy* policy : policies) {
    ranked.push_back({order_value(policy->order), tie_key(*policy, tie_break), policy});
  }
  std::ranges::sort(ranked, [](const Ranked& left, const Ranked& right) {
    return left.order != right.order ? left.order < right.order : left.tie < right.tie;
  });
  std::ranges::transform(ranked, policies.begin(), &Ranked::policy);
}

std::map<std::string, Tier> with_built_in(std::map<std::string, Tier> tiers) {
  for (const Tier& built_in :
       {Tier{"default", 1'000'000, TierDefault::Deny}, Tier{"kube-admin", 1'000, TierDefault::Pass},
        Tier{"kube-baseline", 10'000'000, TierDefault::Pass}}) {
    tiers[built_in.name] = built_in;
  }
  return tiers;
}

}  // namespace

bool comes_before(const Policy& left, const Policy& right, TieBreak tie_break) {
  const double left_order = order_value(left.order);
  const double right_order = order_value(right.order);
  return left_order != right_order ? left_order < right_order : tie_key(left, tie_break) < tie_key(right, tie_break);
}

std::vector<OrderedTier> order_tiers(const std::map<std::string, Tier>& tiers,
                                     const std::map<ResourceKey, Policy>& policies, TieBreak tie_break) {
  std::map<std::string, OrderedTier> by_name;
  for (auto& [name, tier] : with_built_in(tiers)) by_name[name] = {tier, false, {}};
  for (const auto& [key, policy] : policies) {
    auto [entry, added] = by_name.try_emplace(policy.tier);
    if (added) entry->second = {Tier{policy.tier, std::nullopt, TierDefault::Deny}, true, {}};
    entry->second.policies.push_back(&policy);
  }

  std::vector<OrderedTier> ordered;
  ordered.reserve(by_name.size());
  for (auto& [name, tier] : by_name) {
    sort_policies(tier.policies, tie_break);
    ordered.push_back(std::move(tier));
  }
  const auto rank = [](const OrderedTier& tier) {
    return std::make_tuple(tier.missing, order_value(tier.tier.order), tier.tier.name);
  };
  std::ranges::sort(ordered, {}, rank);
  return ordered;
}

}  // namespace tierwall::policy
