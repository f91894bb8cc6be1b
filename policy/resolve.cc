#include "policy/resolve.h"

#include <algorithm>
#include <map>

#include "policy/set_collector.h"
#include "policy/subjects.h"

namespace tierwall::policy {

namespace {

std::optional<Family> family_of(const Rule& rule) {
  if (rule.ip_version) return rule.ip_version;
  if (rule.protocol == kIcmp) return Family::V4;
  if (rule.protocol == kIcmpv6) return Family::V6;
  return std::nullopt;
}

ResolvedRule resolve_rule(SetCollector& sets, const Rule& rule, Direction direction, const Selector* subject) {
  ResolvedRule resolved;
  resolved.action = rule.action;
  resolved.number = rule.number;
  resolved.understood = rule.understood;
  resolved.annotations = rule.annotations;
  if (!rule.understood) return resolved;  // what it matches is decided by its action alone
  resolved.family = family_of(rule);
  resolved.protocol = rule.protocol;
  resolved.not_protocol = rule.not_protocol;
  resolved.icmp = rule.icmp;
  resolved.not_icmp = rule.not_icmp;
  const Selector* source_subject = direction == Direction::Egress ? subject : nullptr;
  const Selector* destination_subject = direction == Direction::Ingress ? subject : nullptr;
  resolved.source = sets.source(rule.source, rule.protocol, source_subject);
  resolved.destination = sets.destination(rule.destination, rule.protocol, destination_subject);
  return resolved;
}

std::vector<ResolvedRule> resolve_rules(SetCollector& sets, const std::vector<Rule>& rules, Direction direction,
                                        const Selector* subject) {
  std::vector<ResolvedRule> resolved;
  resolved.reserve(rules.size());
  for (const Rule& rule : rules) resolved.push_back(resolve_rule(sets, rule, direction, subject));
  return resolved;
}

ResourceKey policy_key(const Policy& policy) {
  return {policy.kind, policy.ns, policy.name};
}

/// Which endpoints (by index) a policy selects.
std::vector<bool> select(const Policy& policy, const std::vector<const Subject*>& endpoints) {
  std::vector<bool> selected(endpoints.size());
  for (std::size_t i = 0; i < endpoints.size(); ++i) selected[i] = matches(policy.subject, endpoints[i]->scope);
  return selected;
}

/// What applies to one endpoint, while it is being collected.
struct PendingEndpoint {
  const Subject* subject = nullptr;
  Treatment ingress{Direction::Ingress, {}, 0};
  Treatment egress{Direction::Egress, {}, 0};
};

void append_policy(Treatment& treatment, std::size_t tier, std::size_t policy) {
  if (treatment.steps.empty() || treatment.steps.back().tier != tier) treatment.steps.push_back({tier, {}});
  treatment.steps.back().policies.push_back(policy);
}

/// Rules of a direction in which the policy does not apply are not resolved: nothing would read their sets.
ResolvedPolicy resolve_policy(SetCollector& sets, const Policy& policy) {
  ResolvedPolicy resolved{policy_key(policy), policy.order, {}, {}};
  if (policy.applies_to_ingress) {
    resolved.ingress = resolve_rules(sets, policy.ingress, Direction::Ingress, &policy.subject);
  }
  if (policy.applies_to_egress) {
    resolved.egress = resolve_rules(sets, policy.egress, Direction::Egress, &policy.subject);
  }
  return resolved;
}

/// The tiers with at least one policy that selects an endpoint here; fills the endpoints' treatments on the way.
std::vector<ResolvedTier> resolve_tiers(const Snapshot& snapshot, TieBreak tie_break, SetCollector& sets,
                                        std::vector<PendingEndpoint>& endpoints) {
  std::vector<const Subject*> subjects;
  subjects.reserve(endpoints.size());
  for (const PendingEndpoint& endpoint : endpoints) subjects.push_back(endpoint.subject);
  std::vector<ResolvedTier> tiers;
  for (const OrderedTier& ordered : order_tiers(snapshot.tiers, snapshot.policies, tie_break)) {
    ResolvedTier tier{ordered.tier.name, ordered.tier.order, ordered.tier.default_action, ordered.missing, {}};
    for (const Policy* policy : ordered.policies) {
      if (policy->staged) continue;
      const std::vector<bool> selected = select(*policy, subjects);
      if (std::ranges::count(selected, true) == 0) continue;
      for (std::size_t i = 0; i < endpoints.size(); ++i) {
        if (!selected[i]) continue;
        if (policy->applies_to_ingress) append_policy(endpoints[i].ingress, tiers.size(), tier.policies.size());
        if (policy->applies_to_egress) append_policy(endpoints[i].egress, tiers.size(), tier.policies.size());
      }
      tier.policies.push_back(resolve_policy(sets, *policy));
    }
    if (!tier.policies.empty()) tiers.push_back(std::move(tier));
  }
  return tiers;
}

/// The profile of every namespace that has an endpoint here.
std::vector<ResolvedProfile> resolve_profiles(const Snapshot& snapshot, SetCollector& sets,
                                              std::vector<PendingEndpoint>& endpoints) {
  std::vector<ResolvedProfile> profiles;
  std::map<std::string, std::size_t> index;
  for (PendingEndpoint& endpoint : endpoints) {
    const std::string name = namespace_profile(endpoint.subject->pod->ns);
    const auto [entry, added] = index.try_emplace(name, profiles.size());
    if (added) {
      ResolvedProfile profile{name, true, {}, {}};
      if (const auto written = snapshot.profiles.find(name); written != snapshot.profiles.end()) {
        profile.implicit = false;
        profile.ingress = resolve_rules(sets, written->second.ingress, Direction::Ingress, nullptr);
        profile.egress = resolve_rules(sets, written->second.egress, Direction::Egress, nullptr);
      }
      profiles.push_back(std::move(profile));
    }
    endpoint.ingress.profile = endpoint.egress.profile = entry->second;
  }
  return profiles;
}

void deliver_endpoints(NodePolicy& policy, const std::vector<PendingEndpoint>& endpoints) {
  for (const PendingEndpoint& endpoint : endpoints) {
    policy.treatments.push_back(endpoint.ingress);
    policy.treatments.push_back(endpoint.egress);
  }
  std::ranges::sort(policy.treatments);
  policy.treatments.erase(std::unique(policy.treatments.begin(), policy.treatments.end()), policy.treatments.end());
  const auto position = [&](const Treatment& treatment) {
    return static_cast<std::size_t>(std::ranges::lower_bound(policy.treatments, treatment) - policy.treatments.begin());
  };
  for (const PendingEndpoint& endpoint : endpoints) {
    const Pod& pod = *endpoint.subject->pod;
    policy.endpoints.push_back(
        {pod_key(pod), pod.node, endpoint.subject->addresses, position(endpoint.ingress), position(endpoint.egress)});
  }
}

}  // namespace

NodePolicy resolve(const Snapshot& snapshot, const Scope& scope, TieBreak tie_break) {
  const Subjects subjects = find_subjects(snapshot);
  std::vector<PendingEndpoint> endpoints;
  for (const Subject& pod : subjects.pods) {
    if (scope.contains(*pod.pod)) endpoints.push_back({&pod});
  }

  SetCollector sets(snapshot, subjects);
  NodePolicy policy;
  policy.remarks = subjects.remarks;
  policy.tiers = resolve_tiers(snapshot, tie_break, sets, endpoints);
  for (const ResolvedTier& tier : policy.tiers) {
    if (tier.missing) {
      policy.remarks.push_back("tier '" + tier.name +
                               "' does not exist: its policies are evaluated after all tiers, with Deny");
    }
  }
  policy.profiles = resolve_profiles(snapshot, sets, endpoints);
  sets.deliver(policy);
  deliver_endpoints(policy, endpoints);
  return policy;
}

}  // namespace tierwall::policy
