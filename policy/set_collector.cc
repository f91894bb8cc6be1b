#include "policy/set_collector.h"

#include <algorithm>
#include <utility>

namespace tierwall::policy {

namespace {

template <typename Set>
SetId remember(std::map<std::string, SetId>& ids, std::vector<Set>& sets, Set set) {
  const SetId id = sets.size();
  ids.emplace(set.meaning, id);
  sets.push_back(std::move(set));
  return id;
}

template <typename Member>
void sort_unique(std::vector<Member>& members) {
  std::ranges::sort(members);
  members.erase(std::unique(members.begin(), members.end()), members.end());
}

void append_named_ports(std::vector<ServiceAddress>& members, const Subject& endpoint, const std::string& port_name,
                        std::optional<Protocol> protocol) {
  for (const ContainerPort& port : *endpoint.ports) {
    if (port.name != port_name || (protocol && port.protocol != *protocol)) continue;
    for (const Address& address : endpoint.addresses) members.push_back({address, port.protocol, port.port});
  }
}

std::string name_of(const ServiceName& service) {
  return "service " + service.ns + "/" + service.name;
}

/// Sorts by meaning; answers where each former index went.
template <typename Set>
std::vector<SetId> sort_by_meaning(std::vector<Set>& sets) {
  std::vector<SetId> order(sets.size());
  for (SetId i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](SetId id) -> const std::string& { return sets[id].meaning; });
  std::vector<SetId> moved_to(sets.size());
  std::vector<Set> sorted;
  sorted.reserve(sets.size());
  for (const SetId from : order) {
    moved_to[from] = sorted.size();
    sorted.push_back(std::move(sets[from]));
  }
  sets = std::move(sorted);
  return moved_to;
}

void renumber(ResolvedPorts& ports, const std::vector<SetId>& services) {
  for (SetId& id : ports.services) id = services[id];
}

void renumber(ResolvedPeer& peer, const std::vector<SetId>& addresses, const std::vector<SetId>& services) {
  if (peer.in_set) peer.in_set = addresses[*peer.in_set];
  if (peer.not_in_set) peer.not_in_set = addresses[*peer.not_in_set];
  renumber(peer.ports, services);
  renumber(peer.not_ports, services);
}

template <typename Visit>
void for_each_rule(NodePolicy& policy, Visit visit) {
  const auto visit_all = [&](auto& holder) {
    for (ResolvedRule& rule : holder.ingress) visit(rule);
    for (ResolvedRule& rule : holder.egress) visit(rule);
  };
  for (ResolvedTier& tier : policy.tiers) {
    for (ResolvedPolicy& resolved : tier.policies) visit_all(resolved);
  }
  for (ResolvedProfile& profile : policy.profiles) visit_all(profile);
}

std::optional<RangeSet> resolve_nets(const std::vector<Prefix>& nets) {
  if (nets.empty()) return std::nullopt;
  return RangeSet::of(nets);
}

}  // namespace

SetCollector::SetCollector(const Snapshot& snapshot, const Subjects& subjects) : subjects_(subjects) {
  for (const auto& [name, slice] : snapshot.endpoint_slices) {
    if (!slice.service.empty()) slices_[{slice.ns, slice.service}].push_back(&slice);
  }
}

SetCollector::Slices SetCollector::slices_of(const ServiceName& service) const {
  const auto found = slices_.find(service);
  return found == slices_.end() ? Slices{} : found->second;
}

SetId SetCollector::endpoints_and_nets(const Selector& selector) {
  AddressSet set;
  set.meaning = print_selector(selector);
  if (const auto known = address_ids_.find(set.meaning); known != address_ids_.end()) return known->second;
  set.description = describe_selector(selector);
  for (const auto* endpoints : {&subjects_.pods, &subjects_.host_endpoints}) {
    for (const Subject& endpoint : *endpoints) {
      if (!matches(selector, endpoint.scope)) continue;
      set.addresses.insert(set.addresses.end(), endpoint.addresses.begin(), endpoint.addresses.end());
    }
  }
  for (const Subject& subject : subjects_.network_sets) {
    if (!matches(selector, subject.scope)) continue;
    for (const AddressRange& range : subject.network_set->nets.ranges()) set.nets.insert(range);
  }
  sort_unique(set.addresses);
  return remember(address_ids_, address_sets_, std::move(set));
}

SetId SetCollector::nodes(const Selector& selector) {
  AddressSet set;
  set.meaning = "nodes " + print_selector(selector);
  if (const auto known = address_ids_.find(set.meaning); known != address_ids_.end()) return known->second;
  set.description = "nodes with " + describe_selector(selector);
  for (const Subject& node : subjects_.nodes) {
    if (matches(selector, node.scope))
      set.addresses.insert(set.addresses.end(), node.addresses.begin(), node.addresses.end());
  }
  sort_unique(set.addresses);
  return remember(address_ids_, address_sets_, std::move(set));
}

SetId SetCollector::named_port(const std::string& port_name, std::optional<Protocol> protocol, const Selector& owners) {
  const std::string port = "port '" + port_name + "'" + (protocol ? "/" + print_protocol(*protocol) : "") + " of ";
  ServiceSet set;
  set.meaning = port + print_selector(owners);
  if (const auto known = service_ids_.find(set.meaning); known != service_ids_.end()) return known->second;
  set.description = port + describe_selector(owners);
  for (const auto* endpoints : {&subjects_.pods, &subjects_.host_endpoints}) {
    for (const Subject& endpoint : *endpoints) {
      if (matches(owners, endpoint.scope)) append_named_ports(set.members, endpoint, port_name, protocol);
    }
  }
  sort_unique(set.members);
  return remember(service_ids_, service_sets_, std::move(set));
}

SetId SetCollector::addresses_of(const ServiceName& service) {
  AddressSet set;
  set.meaning = set.description = name_of(service);
  if (const auto known = address_ids_.find(set.meaning); known != address_ids_.end()) return known->second;
  for (const EndpointSlice* slice : slices_of(service)) {
    set.addresses.insert(set.addresses.end(), slice->addresses.begin(), slice->addresses.end());
  }
  sort_unique(set.addresses);
  return remember(address_ids_, address_sets_, std::move(set));
}

SetId SetCollector::endpoints_of(const ServiceName& service, std::optional<Protocol> protocol) {
  ServiceSet set;
  set.meaning = set.description = name_of(service) + (protocol ? "/" + print_protocol(*protocol) : "");
  if (const auto known = service_ids_.find(set.meaning); known != service_ids_.end()) return known->second;
  for (const EndpointSlice* slice : slices_of(service)) {
    for (const Address& address : slice->addresses) {
      for (const EndpointPort& port : slice->ports) {
        if (!protocol || port.protocol == *protocol) set.members.push_back({address, port.protocol, port.port});
      }
    }
  }
  sort_unique(set.members);
  return remember(service_ids_, service_sets_, std::move(set));
}

ResolvedPorts SetCollector::ports(const PortList& ports, std::optional<Protocol> protocol, const Selector& owners) {
  ResolvedPorts resolved{ports.ranges, {}};
  for (const std::string& name : ports.names) resolved.services.push_back(named_port(name, protocol, owners));
  return resolved;
}

ResolvedPeer SetCollector::peer(const Peer& peer, std::optional<Protocol> protocol, const Selector* local) {
  ResolvedPeer resolved;
  if (peer.selector) resolved.in_set = endpoints_and_nets(*peer.selector);
  if (peer.nodes) resolved.in_set = nodes(*peer.nodes);
  if (peer.not_selector) resolved.not_in_set = endpoints_and_nets(*peer.not_selector);
  resolved.nets = resolve_nets(peer.nets);
  resolved.not_nets = resolve_nets(peer.not_nets);
  std::vector<Selector> owners;
  if (peer.selector) owners.push_back(*peer.selector);
  if (local != nullptr) owners.push_back(*local);
  const Selector owner = conjunction(std::move(owners));
  resolved.ports = ports(peer.ports, protocol, owner);
  resolved.not_ports = ports(peer.not_ports, protocol, owner);
  return resolved;
}

ResolvedPeer SetCollector::source(const Peer& source, std::optional<Protocol> protocol, const Selector* local) {
  ResolvedPeer resolved = peer(source, protocol, local);
  if (source.service) resolved.in_set = addresses_of(*source.service);
  return resolved;
}

/// Towards a Service only its endpoints' own ports are meant (calico.md 2.6).
ResolvedPeer SetCollector::destination(const Peer& destination, std::optional<Protocol> protocol,
                                       const Selector* local) {
  ResolvedPeer resolved = peer(destination, protocol, local);
  if (destination.service) resolved.ports.services = {endpoints_of(*destination.service, protocol)};
  return resolved;
}

void SetCollector::deliver(NodePolicy& policy) {
  const std::vector<SetId> addresses = sort_by_meaning(address_sets_);
  const std::vector<SetId> services = sort_by_meaning(service_sets_);
  for_each_rule(policy, [&](ResolvedRule& rule) {
    renumber(rule.source, addresses, services);
    renumber(rule.destination, addresses, services);
  });
  policy.address_sets = std::move(address_sets_);
  policy.service_sets = std::move(service_sets_);
}

}  // namespace tierwall::policy
