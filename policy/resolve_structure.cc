#include "policy/resolve_structure.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "policy/host_interfaces.h"
#include "policy/set_collector.h"

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

/// What applies to one endpoint, while it is being collected.
struct PendingEndpoint {
  const Subject* subject = nullptr;
  std::vector<Treatment> treatments = {};
};

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

/// Asks the index about every endpoint. By number of the policy: the positions of the endpoints it selects, ascending.
std::vector<std::vector<std::size_t>> find_selected(const std::vector<PendingEndpoint>& endpoints,
                                                    Selections& selections) {
  std::vector<std::vector<std::size_t>> selected(selections.index.size());
  for (std::size_t endpoint = 0; endpoint < endpoints.size(); ++endpoint) {
    selections.of_endpoints.push_back(selections.index.selecting(*endpoints[endpoint].subject));
    for (const PolicyIndex::Number number : selections.of_endpoints.back()) selected[number].push_back(endpoint);
  }
  return selected;
}

/// The tiers with at least one policy that selects an endpoint here; fills the endpoints' treatments and the selections
/// on the way.
std::vector<ResolvedTier> resolve_tiers(const std::vector<OrderedTier>& all_tiers, SetCollector& sets,
                                        std::vector<PendingEndpoint>& endpoints, Selections& selections) {
  std::vector<ResolvedTier> tiers;
  const std::vector<std::vector<std::size_t>> selected = find_selected(endpoints, selections);
  selections.places.resize(selected.size());
  PolicyIndex::Number number = 0;
  for (const OrderedTier& ordered : all_tiers) {
    ResolvedTier tier{ordered.tier.name, ordered.tier.order, ordered.tier.default_action, ordered.missing, {}};
    for (const Policy* policy : ordered.policies) {
      if (policy->staged) continue;
      const PolicyIndex::Number at = number++;
      if (selected[at].empty()) continue;
      const PolicyPlace place{tiers.size(), tier.policies.size()};
      for (const std::size_t endpoint : selected[at]) append_policy(endpoints[endpoint].treatments, *policy, place);
      selections.places[at] = place;
      tier.policies.push_back(resolve_policy(sets, *policy));
    }
    if (!tier.policies.empty()) tiers.push_back(std::move(tier));
  }
  return tiers;
}

ResolvedProfile resolve_profile(const Snapshot& snapshot, SetCollector& sets, const std::string& name,
                                bool of_namespace) {
  ResolvedProfile profile{.name = name, .ingress = {}, .egress = {}};
  if (const auto written = snapshot.profiles.find(name); written != snapshot.profiles.end()) {
    profile.ingress = resolve_rules(sets, written->second.ingress, Direction::Ingress, nullptr);
    profile.egress = resolve_rules(sets, written->second.egress, Direction::Egress, nullptr);
    return profile;
  }
  profile.implicit = of_namespace || name == kAllowProfile;
  profile.missing = !profile.implicit;
  return profile;
}

std::vector<std::string> profiles_of(const Subject& endpoint) {
  if (endpoint.pod != nullptr) return {namespace_profile(endpoint.pod->ns)};
  return endpoint.host_endpoint->profiles;
}

/// The profiles that the endpoints here name, each once.
std::vector<ResolvedProfile> resolve_profiles(const Snapshot& snapshot, SetCollector& sets,
                                              std::vector<PendingEndpoint>& endpoints) {
  std::vector<ResolvedProfile> profiles;
  std::map<std::string, std::size_t> index;
  for (PendingEndpoint& endpoint : endpoints) {
    std::vector<std::size_t> indices;
    for (const std::string& name : profiles_of(*endpoint.subject)) {
      const auto [entry, added] = index.try_emplace(name, profiles.size());
      if (added) profiles.push_back(resolve_profile(snapshot, sets, name, endpoint.subject->pod != nullptr));
      indices.push_back(entry->second);
    }
    for (Treatment& treatment : endpoint.treatments) {
      if (treatment.policy_class == PolicyClass::Normal) treatment.profiles = indices;
    }
  }
  return profiles;
}

/// Host endpoints need no treatment where no policy is: only Normal means something without one.
bool is_needed(const Treatment& treatment) {
  return treatment.policy_class == PolicyClass::Normal || !treatment.steps.empty();
}

void deliver_treatments(NodePolicy& policy, const std::vector<PendingEndpoint>& endpoints) {
  for (const PendingEndpoint& endpoint : endpoints) {
    std::ranges::copy_if(endpoint.treatments, std::back_inserter(policy.treatments), is_needed);
  }
  std::ranges::sort(policy.treatments);
  policy.treatments.erase(std::unique(policy.treatments.begin(), policy.treatments.end()), policy.treatments.end());
}

void deliver_endpoints(NodePolicy& policy, const std::vector<PendingEndpoint>& endpoints,
                       std::vector<ResolvedHostEndpoint> governed) {
  deliver_treatments(policy, endpoints);
  const auto position = [&](const Treatment& treatment) {
    return static_cast<std::size_t>(std::ranges::lower_bound(policy.treatments, treatment) - policy.treatments.begin());
  };
  auto host = governed.begin();
  for (const PendingEndpoint& endpoint : endpoints) {
    if (const Pod* pod = endpoint.subject->pod) {
      policy.endpoints.push_back({pod_key(*pod), pod->node.text(), endpoint.subject->addresses,
                                  position(endpoint.treatments.front()), position(endpoint.treatments.back())});
      continue;
    }
    for (const Treatment& treatment : endpoint.treatments) {
      if (is_needed(treatment)) host->treatments.push_back(position(treatment));
    }
    ++host;
  }
  policy.host_endpoints = std::move(governed);
}

}  // namespace

Structure resolve_structure(const Snapshot& snapshot, const std::optional<std::string>& node, TieBreak tie_break,
                            const std::vector<const Subject*>& pods, const std::vector<Subject>& host_endpoints) {
  std::vector<PendingEndpoint> endpoints;
  endpoints.reserve(pods.size() + host_endpoints.size());
  for (const Subject* pod : pods) endpoints.push_back({pod, treatments_of_pod()});

  SetCollector sets;
  NodePolicy policy;
  std::vector<ResolvedHostEndpoint> governed = find_governed(snapshot, node, policy.remarks);
  for (const ResolvedHostEndpoint& endpoint : governed) {
    const auto subject = std::ranges::find_if(
        host_endpoints, [&](const Subject& candidate) { return candidate.host_endpoint->name == endpoint.name; });
    endpoints.push_back({&*subject, treatments_of_host_endpoint()});
  }
  const std::vector<OrderedTier> all_tiers = order_tiers(snapshot.tiers, snapshot.policies, tie_break);
  Selections selections{.index = PolicyIndex(all_tiers)};
  policy.tiers = resolve_tiers(all_tiers, sets, endpoints, selections);
  for (const ResolvedTier& tier : policy.tiers) {
    if (tier.missing) {
      policy.remarks.push_back("tier '" + tier.name +
                               "' does not exist: its policies are evaluated after all tiers, with Deny");
    }
  }
  policy.profiles = resolve_profiles(snapshot, sets, endpoints);
  SetQueries queries = sets.deliver(policy);
  for (const ResolvedProfile& profile : policy.profiles) {
    if (profile.missing) {
      policy.remarks.push_back("profile '" + profile.name +
                               "' does not exist: host endpoints that name it deny what reaches it");
    }
  }
  deliver_endpoints(policy, endpoints, std::move(governed));
  return {std::move(policy), std::move(queries), std::move(selections)};
}

}  // namespace tierwall::policy
