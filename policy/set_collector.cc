#include "policy/set_collector.h"

#include <algorithm>
#include <utility>

namespace tierwall::policy {

namespace {

std::string name_of(const ServiceName& service) {
  return "service " + service.ns + "/" + service.name;
}

/// Sorts by meaning; answers where each former index went.
template <typename Set>
std::vector<SetId> sort_by_meaning(std::vector<Set>& sets, std::vector<SetQuery>& queries) {
  std::vector<SetId> order(sets.size());
  for (SetId i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](SetId id) -> const std::string& { return sets[id].meaning; });
  std::vector<SetId> moved_to(sets.size());
  std::vector<Set> sorted_sets;
  std::vector<SetQuery> sorted_queries;
  for (const SetId from : order) {
    moved_to[from] = sorted_sets.size();
    sorted_sets.push_back(std::move(sets[from]));
    sorted_queries.push_back(std::move(queries[from]));
  }
  sets = std::move(sorted_sets);
  queries = std::move(sorted_queries);
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

/// The id of what has this meaning, described and asked for if it is new.
template <typename Collected, typename Describe, typename Ask>
SetId collect(Collected& collected, std::string meaning, const Describe& describe, const Ask& ask) {
  const auto [entry, added] = collected.ids.try_emplace(meaning, collected.sets.size());
  if (!added) return entry->second;
  auto& set = collected.sets.emplace_back();
  set.meaning = std::move(meaning);
  set.description = describe();
  collected.queries.push_back(ask());
  return entry->second;
}

std::optional<RangeSet> resolve_nets(const std::vector<Prefix>& nets) {
  if (nets.empty()) return std::nullopt;
  return RangeSet::of(nets);
}

}  // namespace

SetId SetCollector::endpoints_and_nets(const Selector& selector) {
  return collect(
      address_sets_, print_selector(selector), [&] { return describe_selector(selector); },
      [&] { return SetQuery{.of = SetQuery::Of::Endpoints, .selector = selector}; });
}

SetId SetCollector::nodes(const Selector& selector) {
  return collect(
      address_sets_, "nodes " + print_selector(selector), [&] { return "nodes with " + describe_selector(selector); },
      [&] { return SetQuery{.of = SetQuery::Of::Nodes, .selector = selector}; });
}

SetId SetCollector::named_port(const std::string& port_name, std::optional<Protocol> protocol, const Selector& owners) {
  const std::string port = "port '" + port_name + "'" + (protocol ? "/" + print_protocol(*protocol) : "") + " of ";
  return collect(
      service_sets_, port + print_selector(owners), [&] { return port + describe_selector(owners); },
      [&] {
        return SetQuery{
            .of = SetQuery::Of::NamedPorts, .selector = owners, .port_name = port_name, .protocol = protocol};
      });
}

SetId SetCollector::addresses_of(const ServiceName& service) {
  return collect(
      address_sets_, name_of(service), [&] { return name_of(service); },
      [&] { return SetQuery{.of = SetQuery::Of::ServiceAddresses, .service = service}; });
}

SetId SetCollector::endpoints_of(const ServiceName& service, std::optional<Protocol> protocol) {
  const std::string meaning = name_of(service) + (protocol ? "/" + print_protocol(*protocol) : "");
  return collect(
      service_sets_, meaning, [&] { return std::string(meaning); },
      [&] { return SetQuery{.of = SetQuery::Of::ServicePorts, .service = service, .protocol = protocol}; });
}

std::vector<SetId> SetCollector::named_ports(const PortList& ports, std::optional<Protocol> protocol,
                                             const Selector& owners) {
  std::vector<SetId> services;
  for (const std::string& name : ports.names) services.push_back(named_port(name, protocol, owners));
  return services;
}

ResolvedPeer SetCollector::peer(const Peer& peer, std::optional<Protocol> protocol, const Selector* local) {
  ResolvedPeer resolved;
  if (peer.selector) resolved.in_set = endpoints_and_nets(*peer.selector);
  if (peer.nodes) resolved.in_set = nodes(*peer.nodes);
  if (peer.not_selector) resolved.not_in_set = endpoints_and_nets(*peer.not_selector);
  resolved.nets = resolve_nets(peer.nets);
  resolved.not_nets = resolve_nets(peer.not_nets);
  resolved.ports.ranges = peer.ports.ranges;
  resolved.not_ports.ranges = peer.not_ports.ranges;
  if (peer.ports.names.empty() && peer.not_ports.names.empty()) return resolved;
  std::vector<Selector> owners;
  if (peer.selector) owners.push_back(*peer.selector);
  if (local != nullptr) owners.push_back(*local);
  const Selector owner = conjunction(std::move(owners));
  resolved.ports.services = named_ports(peer.ports, protocol, owner);
  resolved.not_ports.services = named_ports(peer.not_ports, protocol, owner);
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

SetQueries SetCollector::deliver(NodePolicy& policy) {
  const std::vector<SetId> addresses = sort_by_meaning(address_sets_.sets, address_sets_.queries);
  const std::vector<SetId> services = sort_by_meaning(service_sets_.sets, service_sets_.queries);
  for_each_rule(policy, [&](ResolvedRule& rule) {
    renumber(rule.source, addresses, services);
    renumber(rule.destination, addresses, services);
  });
  policy.address_sets = std::move(address_sets_.sets);
  policy.service_sets = std::move(service_sets_.sets);
  return {std::move(address_sets_.queries), std::move(service_sets_.queries)};
}

}  // namespace tierwall::policy
