#include "policy/inventory.h"

#include <algorithm>
#include <utility>

namespace tierwall::policy {

namespace {

constexpr std::string_view kApiServerSource = "kubernetes";

/// Where an object of each type stands in a snapshot: its map and its key there.
auto slot(Snapshot& snapshot, const Namespace& object) {
  return std::pair(&snapshot.namespaces, object.name);
}
auto slot(Snapshot& snapshot, const ServiceAccount& object) {
  return std::pair(&snapshot.service_accounts, std::pair(object.ns, object.name));
}
auto slot(Snapshot& snapshot, const Pod& object) {
  return std::pair(&snapshot.pods, std::pair(object.ns, object.name));
}
auto slot(Snapshot& snapshot, const PodSandbox& object) {
  return std::pair(&snapshot.sandboxes, std::pair(object.ns, object.name));
}
auto slot(Snapshot& snapshot, const Node& object) {
  return std::pair(&snapshot.nodes, object.name);
}
auto slot(Snapshot& snapshot, const Service& object) {
  return std::pair(&snapshot.services, std::pair(object.ns, object.name));
}
auto slot(Snapshot& snapshot, const EndpointSlice& object) {
  return std::pair(&snapshot.endpoint_slices, std::pair(object.ns, object.name));
}
auto slot(Snapshot& snapshot, const NetworkInterface& object) {
  return std::pair(&snapshot.interfaces, object.name);
}
auto slot(Snapshot& snapshot, const HostEndpoint& object) {
  return std::pair(&snapshot.host_endpoints, object.name);
}
auto slot(Snapshot& snapshot, const Tier& object) {
  return std::pair(&snapshot.tiers, object.name);
}
auto slot(Snapshot& snapshot, const Profile& object) {
  return std::pair(&snapshot.profiles, object.name);
}
auto slot(Snapshot& snapshot, const NetworkSet& object) {
  return std::pair(&snapshot.network_sets, key_of(object));
}
auto slot(Snapshot& snapshot, const Policy& object) {
  return std::pair(&snapshot.policies, key_of(object));
}

std::string object_as_written(const ResourceKey& key) {
  return std::string(written_kind(key.kind)) + " " + print_name(key);
}

std::string source_in_words(const std::string& source) {
  return source == kApiServerSource ? "the API server" : "the source '" + source + "'";
}

}  // namespace

bool Snapshot::put(const Resource& resource) {
  return std::visit(
      [this](const auto& object) {
        const auto [objects, key] = slot(*this, object);
        const auto [at, inserted] = objects->try_emplace(key, object);
        if (inserted) return true;
        if (at->second == object) return false;
        at->second = object;
        return true;
      },
      resource);
}

bool Snapshot::remove(const ResourceKey& key) {
  switch (key.kind) {
    case Kind::Namespace:
      return namespaces.erase(key.name) > 0;
    case Kind::ServiceAccount:
      return service_accounts.erase({key.ns, key.name}) > 0;
    case Kind::Pod:
      return pods.erase({key.ns, key.name}) > 0;
    case Kind::PodSandbox:
      return sandboxes.erase({key.ns, key.name}) > 0;
    case Kind::Node:
      return nodes.erase(key.name) > 0;
    case Kind::Service:
      return services.erase({key.ns, key.name}) > 0;
    case Kind::EndpointSlice:
      return endpoint_slices.erase({key.ns, key.name}) > 0;
    case Kind::NetworkInterface:
      return interfaces.erase(key.name) > 0;
    case Kind::HostEndpoint:
      return host_endpoints.erase(key.name) > 0;
    case Kind::Tier:
      return tiers.erase(key.name) > 0;
    case Kind::Profile:
      return profiles.erase(key.name) > 0;
    case Kind::GlobalNetworkSet:
    case Kind::NetworkSet:
      return network_sets.erase(key) > 0;
    case Kind::GlobalNetworkPolicy:
    case Kind::NetworkPolicy:
    case Kind::KubernetesNetworkPolicy:
    case Kind::KubernetesClusterNetworkPolicy:
    case Kind::KubernetesAdminNetworkPolicy:
    case Kind::KubernetesBaselineAdminNetworkPolicy:
    case Kind::StagedGlobalNetworkPolicy:
    case Kind::StagedNetworkPolicy:
    case Kind::StagedKubernetesNetworkPolicy:
      return policies.erase(key) > 0;
  }
  return false;
}

bool Inventory::apply(const ResourceEvent& event) {
  if (event.change == ResourceEvent::Change::Gone) {
    const auto known = copies_.find(event.key);
    if (known == copies_.end() || known->second.erase(event.source) == 0) return true;
    if (known->second.empty()) copies_.erase(known);
    publish(event.key);
    return true;
  }
  TIERWALL_CHECK(!event.resource || key_of(*event.resource) == event.key);
  Copy& copy = copies_[event.key][event.source];
  copy.problems = event.problems;
  const bool valid = event.resource && !has_errors(event.problems);
  // A fail-closed reading never replaces a good version, and nothing at all replaces neither.
  const bool counts = valid || (event.resource && !copy.valid);
  if (counts) {
    copy.in_force = event.resource;
    copy.valid = valid;
    copy.where = event.where;
  }
  publish(event.key);
  return counts;
}

void Inventory::publish(const ResourceKey& key) {
  const Copy* copy = winner(key);
  const bool changed = copy == nullptr ? snapshot_.remove(key) : snapshot_.put(*copy->in_force);
  if (changed) ++generation_;
}

const Inventory::Copy* Inventory::winner(const ResourceKey& key) const {
  const auto known = copies_.find(key);
  return known == copies_.end() ? nullptr : winner(known->second);
}

const Inventory::Copy* Inventory::winner(const Copies& copies) {
  const auto api_server = copies.find(kApiServerSource);
  if (api_server != copies.end() && api_server->second.in_force) return &api_server->second;
  const auto usable = [](const Copies::value_type& entry) { return entry.second.in_force.has_value(); };
  const auto first = std::find_if(copies.begin(), copies.end(), usable);
  return first == copies.end() ? nullptr : &first->second;
}

std::vector<Diagnostic> Inventory::problems() const {
  std::vector<Diagnostic> found;
  for (const auto& [key, copies] : copies_) {
    for (const auto& [source, copy] : copies) {
      found.insert(found.end(), copy.problems.begin(), copy.problems.end());
    }
    if (copies.size() > 1) report_copies(key, copies, found);
  }
  std::sort(found.begin(), found.end());
  return found;
}

void Inventory::report_copies(const ResourceKey& key, const Copies& copies, std::vector<Diagnostic>& found) {
  const Copy* in_force = winner(copies);
  const auto counts = std::find_if(copies.begin(), copies.end(),
                                   [in_force](const Copies::value_type& entry) { return &entry.second == in_force; });
  if (counts == copies.end()) return;
  for (const auto& [source, copy] : copies) {
    if (&copy == in_force || !copy.in_force) continue;
    found.push_back({.where = copy.where,
                     .severity = Severity::Warning,
                     .object = object_as_written(key),
                     .field = "",
                     .message = "not in force: the copy from " + source_in_words(counts->first) + " counts"});
  }
}

std::vector<ResourceKey> Inventory::keys_of(std::string_view source) const {
  std::vector<ResourceKey> keys;
  for (const auto& [key, copies] : copies_) {
    if (copies.find(source) != copies.end()) keys.push_back(key);
  }
  return keys;
}

std::optional<std::string> Inventory::source(const ResourceKey& key) const {
  const auto known = copies_.find(key);
  if (known == copies_.end()) return std::nullopt;
  const Copy* in_force = winner(known->second);
  for (const auto& [source, copy] : known->second) {
    if (&copy == in_force) return source;
  }
  return std::nullopt;
}

std::optional<Location> Inventory::location(const ResourceKey& key) const {
  const Copy* copy = winner(key);
  if (copy == nullptr) return std::nullopt;
  return copy->where;
}

}  // namespace tierwall::policy
