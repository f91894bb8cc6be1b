#include "daemon/control/inventory_lists.h"

#include <map>
#include <set>
#include <string>

#include <fmt/format.h>

#include "policy/ordering.h"

namespace tierwall::daemon {

namespace {

/// Calls `take(tier, policy)` for every policy of a treatment, in evaluation order.
template <typename Take>
void for_each_policy(const policy::NodePolicy& node, const policy::Treatment& treatment, const Take& take) {
  for (const policy::TierStep& step : treatment.steps) {
    const policy::ResolvedTier& tier = node.tiers[step.tier];
    for (const std::size_t index : step.policies) take(tier, tier.policies[index]);
  }
}

std::map<policy::ResourceKey, std::size_t> count_endpoints(const policy::NodePolicy& node) {
  std::map<policy::ResourceKey, std::size_t> counts;
  const auto count = [&](const std::vector<std::size_t>& treatments) {
    std::set<policy::ResourceKey> selecting;
    for (const std::size_t index : treatments) {
      for_each_policy(
          node, node.treatments[index],
          [&](const policy::ResolvedTier&, const policy::ResolvedPolicy& found) { selecting.insert(found.key); });
    }
    for (const policy::ResourceKey& key : selecting) ++counts[key];
  };
  for (const policy::ResolvedEndpoint& endpoint : node.endpoints) count({endpoint.ingress, endpoint.egress});
  for (const policy::ResolvedHostEndpoint& endpoint : node.host_endpoints) count(endpoint.treatments);
  return counts;
}

std::vector<std::string> applied_policies(const policy::NodePolicy& node, const policy::Treatment& treatment) {
  std::vector<std::string> lines;
  for_each_policy(node, treatment, [&](const policy::ResolvedTier& tier, const policy::ResolvedPolicy& found) {
    lines.push_back(tier.name + "/" + policy::print_key(found.key));
  });
  return lines;
}

std::string print_place(const std::optional<policy::Location>& place) {
  if (!place) return "";
  return place->line > 0 ? fmt::format("{}:{}", place->file, place->line) : place->file;
}

PolicyRow make_row(const policy::Policy& policy, const policy::ResourceKey& key, std::size_t endpoints,
                   const std::optional<policy::Location>& place) {
  PolicyRow row{.tier = policy.tier,
                .kind = std::string(policy::print_kind(key.kind)),
                .ns = key.ns,
                .name = key.name,
                .order = policy.order,
                .types = {},
                .selector = policy::describe_selector(policy.subject),
                .endpoints = endpoints,
                .file = print_place(place)};
  if (policy.applies_to_ingress) row.types.emplace_back("Ingress");
  if (policy.applies_to_egress) row.types.emplace_back("Egress");
  return row;
}

}  // namespace

std::vector<TierRow> list_tiers(const policy::Snapshot& snapshot) {
  std::vector<TierRow> rows;
  for (const policy::OrderedTier& ordered : policy::order_tiers(snapshot.tiers, snapshot.policies)) {
    const bool pass = ordered.tier.default_action == policy::TierDefault::Pass;
    rows.push_back({.name = ordered.tier.name,
                    .order = ordered.tier.order,
                    .default_action = pass ? "Pass" : "Deny",
                    .missing = ordered.missing,
                    .policies = ordered.policies.size()});
  }
  return rows;
}

std::vector<PolicyRow> list_policies(const policy::Snapshot& snapshot, const policy::NodePolicy& applied,
                                     policy::TieBreak tie_break, const policy::Locate& locate) {
  const std::map<policy::ResourceKey, std::size_t> endpoints = count_endpoints(applied);
  std::vector<PolicyRow> rows;
  for (const policy::OrderedTier& ordered : policy::order_tiers(snapshot.tiers, snapshot.policies, tie_break)) {
    for (const policy::Policy* policy : ordered.policies) {
      const policy::ResourceKey key{.kind = policy->kind, .ns = policy->ns, .name = policy->name};
      const auto found = endpoints.find(key);
      rows.push_back(make_row(*policy, key, found == endpoints.end() ? 0 : found->second, locate(key)));
    }
  }
  return rows;
}

std::vector<EndpointRow> list_endpoints(const policy::NodePolicy& applied) {
  std::vector<EndpointRow> rows;
  for (const policy::ResolvedEndpoint& endpoint : applied.endpoints) {
    EndpointRow row{.ns = endpoint.pod.ns,
                    .name = endpoint.pod.name,
                    .addresses = {},
                    .ingress = applied_policies(applied, applied.treatment(endpoint, policy::Direction::Ingress)),
                    .egress = applied_policies(applied, applied.treatment(endpoint, policy::Direction::Egress))};
    for (const policy::Address& address : endpoint.addresses) row.addresses.push_back(policy::print_address(address));
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<SetRow> list_sets(const nft::Ruleset& applied) {
  std::vector<SetRow> rows;
  for (const auto& [name, set] : applied.sets) {
    // The dispatch maps are the only ones that carry no comment in the table.
    const std::string meaning = set.comment.empty() && set.verdict_map ? "dispatch by pod address" : set.comment;
    rows.push_back({.name = name, .meaning = meaning, .members = set.elements.size()});
  }
  return rows;
}

}  // namespace tierwall::daemon
