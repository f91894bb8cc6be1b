#include "policy/resolver.h"

#include <algorithm>
#include <utility>

#include "policy/resolve_structure.h"
#include "policy/subject_dependents.h"
#include "policy/subjects.h"

namespace tierwall::policy {

namespace {

std::set<ResourceKey> all_keys(const Snapshot& snapshot) {
  std::set<ResourceKey> keys;
  for (const auto& [name, pod] : snapshot.pods) keys.insert(keys.end(), pod_key(pod));
  for (const auto& [name, sandbox] : snapshot.sandboxes) keys.insert({Kind::PodSandbox, name.first, name.second});
  for (const auto& [name, node] : snapshot.nodes) keys.insert({Kind::Node, "", name});
  for (const auto& [name, slice] : snapshot.endpoint_slices) {
    keys.insert({Kind::EndpointSlice, name.first, name.second});
  }
  for (const auto& [name, endpoint] : snapshot.host_endpoints) keys.insert({Kind::HostEndpoint, "", name});
  for (const auto& [key, set] : snapshot.network_sets) keys.insert(key);
  return keys;
}

}  // namespace

Resolver::Resolver(const Snapshot& snapshot, std::string node, TieBreak tie_break)
    : node_(std::move(node)), tie_break_(tie_break), pods_(node_) {
  pods_.note(snapshot, sets_.look_again(snapshot, all_keys(snapshot)));
  resolve_anew(snapshot);
  deliver_remarks(snapshot);
}

PolicyChange Resolver::update(const Snapshot& snapshot, const std::vector<ResourceKey>& changed) {
  PolicyChange change;
  change.everything = std::ranges::any_of(changed, [](const ResourceKey& key) { return shapes_policy(key.kind); });
  const std::vector<ResourceKey> pods =
      pods_.note(snapshot, sets_.look_again(snapshot, {changed.begin(), changed.end()}));
  sets_.settle(snapshot, policy_, change);
  if (!change.everything && !pods.empty()) {
    const LocalPods::Outcome outcome = pods_.follow(snapshot, sets_.claims(), pods, policy_);
    change.endpoints = outcome == LocalPods::Outcome::Endpoints;
    change.everything = outcome == LocalPods::Outcome::Unknown;
  }
  if (change.everything) resolve_anew(snapshot);
  deliver_remarks(snapshot);
  return change;
}

void Resolver::resolve_anew(const Snapshot& snapshot) {
  const std::vector<Subject> pods = pods_.subjects(snapshot, sets_.claims());
  std::vector<const Subject*> of_node;
  of_node.reserve(pods.size());
  for (const Subject& pod : pods) of_node.push_back(&pod);
  std::vector<std::unique_ptr<const Labels>> of_profiles;
  std::vector<Subject> host_endpoints;
  for (const auto& [name, endpoint] : snapshot.host_endpoints) {
    if (endpoint.node != node_) continue;
    const Labels& labels = *of_profiles.emplace_back(labels_of_profiles(snapshot, endpoint));
    host_endpoints.push_back({.scope = scope_of(endpoint, labels),
                              .addresses = endpoint.expected_addresses,
                              .ports = &endpoint.ports,
                              .host_endpoint = &endpoint});
  }
  Structure next = resolve_structure(snapshot, node_, tie_break_, of_node, host_endpoints);
  sets_.adopt(snapshot, policy_, next.policy, std::move(next.queries));
  pods_.adopt(std::move(next.selections));
  policy_ = std::move(next.policy);
  remarks_ = std::move(policy_.remarks);
}

void Resolver::deliver_remarks(const Snapshot& snapshot) {
  policy_.remarks = sets_.claims().remarks(snapshot);
  policy_.remarks.insert(policy_.remarks.end(), remarks_.begin(), remarks_.end());
}

}  // namespace tierwall::policy
