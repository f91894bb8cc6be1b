#include "daemon/ctl/connection.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "daemon/ctl/passages.h"
#include "daemon/ctl/reason_text.h"
#include "daemon/ctl/suggestion.h"
#include "daemon/sources/auto_host_endpoint.h"
#include "policy/resolve.h"

namespace tierwall::daemon::ctl {

namespace {

using policy::Address;
using policy::Family;

std::optional<Address> first_of(const std::vector<Address>& addresses, Family family) {
  const auto found = std::ranges::find(addresses, family, &Address::family);
  return found == addresses.end() ? std::nullopt : std::optional(*found);
}

/// Why no policy can apply to the pod; absent if it is an endpoint.
std::optional<std::string> why_no_endpoint(const policy::Pod& pod) {
  if (pod.host_network) return "uses its node's network (hostNetwork): it is the host, so ask for 'host'";
  if (pod.phase == policy::PodPhase::Succeeded) return "has finished (Succeeded)";
  if (pod.phase == policy::PodPhase::Failed) return "has finished (Failed)";
  if (pod.addresses.empty()) return "has no address (status.podIPs)";
  return std::nullopt;
}

/// The families an end can speak: its address's, or those of the pod's addresses; a host's are not known.
bool speaks(const Party& party, Family family) {
  if (party.address) return party.address->family == family;
  return party.endpoint == nullptr || first_of(party.endpoint->addresses, family).has_value();
}

Result<Family> choose_family(const FlowText& text, const Party& source, const Party& destination) {
  std::optional<Family> wanted = text.family;
  if (text.protocol == policy::kIcmpv6) {
    if (wanted == Family::V4) return malformed("icmpv6 does not travel over IPv4");
    wanted = Family::V6;
  }
  if (!wanted) {
    for (const Family family : policy::kFamilies) {
      if (speaks(source, family) && speaks(destination, family)) return family;
    }
    return malformed(fmt::format("{} and {} have no address of the same family", source.words, destination.words));
  }
  for (const Party* party : {&source, &destination}) {
    if (!speaks(*party, *wanted))
      return malformed(fmt::format("{} has no {} address", party->words, print_family(*wanted)));
  }
  return *wanted;
}

policy::Flow make_flow(const FlowText& text, Family family) {
  policy::Flow flow;
  flow.family = family;
  flow.protocol = text.protocol == policy::kIcmp && family == Family::V6 ? policy::kIcmpv6 : text.protocol;
  flow.source_port = text.source_port;
  flow.destination_port = text.destination_port;
  if (flow.protocol == policy::kIcmp || flow.protocol == policy::kIcmpv6) {
    const std::uint8_t echo_request = flow.protocol == policy::kIcmp ? 8 : 128;
    flow.icmp = text.icmp.value_or(policy::Icmp{echo_request, std::uint8_t{0}});
  }
  return flow;
}

/// A host reaches its own pods without being judged (design of the dispatch: host -> pod never crosses a hook of ours).
policy::ConnectionDecision host_to_pod() {
  policy::Decision decision;
  decision.verdict = policy::Verdict::Allow;
  decision.reason = policy::Reason::HostToPod;
  return {policy::Verdict::Allow, std::nullopt, std::move(decision)};
}

}  // namespace

ConnectionJudge::ConnectionJudge(const policy::Snapshot& snapshot, const JudgeOptions& options)
    : snapshot_(snapshot),
      node_(options.node),
      host_name_(options.host_name),
      failsafes_(options.failsafes),
      of_node_(options.of_node),
      tiers_(policy::order_tiers(snapshot.tiers, snapshot.policies, options.tie_break)),
      policy_(policy::resolve(snapshot, policy::Scope{}, options.tie_break)) {
  for (std::size_t i = 0; i < policy_.endpoints.size(); ++i) {
    for (const Address& address : policy_.endpoints[i].addresses) endpoint_by_address_.emplace(address, i);
  }
  learn_hosts();
}

void ConnectionJudge::learn_hosts() {
  const auto learn = [&](const std::string& node, const Address& address) {
    std::vector<Address>& addresses = hosts_[node];
    if (std::ranges::find(addresses, address) == addresses.end()) addresses.push_back(address);
  };
  for (const auto& [name, pod] : snapshot_.pods) {
    if (pod.node.empty()) continue;
    hosts_.try_emplace(pod.node.text());
    if (pod.host_address) learn(pod.node.text(), *pod.host_address);
  }
  if (of_node_) {
    hosts_.try_emplace(of_node_->node);
    for (const Address& address : addresses_of_interfaces(snapshot_)) learn(of_node_->node, address);
  }
  for (const auto& [name, endpoint] : snapshot_.host_endpoints) {
    governed_.insert(endpoint.node);
    hosts_.try_emplace(endpoint.node);
    if (const auto node = snapshot_.nodes.find(endpoint.node); node != snapshot_.nodes.end()) {
      for (const Address& address : node->second.addresses) learn(endpoint.node, address);
    }
    for (const Address& address : endpoint.expected_addresses) learn(endpoint.node, address);
  }
}

const policy::ResolvedEndpoint* ConnectionJudge::find_endpoint(const Address& address) const {
  const auto found = endpoint_by_address_.find(address);
  return found == endpoint_by_address_.end() ? nullptr : &policy_.endpoints[found->second];
}

Result<Party> ConnectionJudge::find_pod(const policy::ResourceKey& key) const {
  const auto found = snapshot_.pods.find({key.ns, key.name});
  if (found == snapshot_.pods.end()) {
    std::vector<std::string> names;
    for (const auto& entry : snapshot_.pods) names.push_back(entry.first.first + "/" + entry.first.second);
    return Error{ErrorKind::NotFound, fmt::format("pod {} is not {}{}", policy::print_name(key),
                                                  of_node_ ? "known on this node" : "in these manifests",
                                                  suggest(policy::print_name(key), names))};
  }
  const policy::Pod& pod = found->second;
  if (const auto reason = why_no_endpoint(pod))
    return malformed(fmt::format("pod {} {}", policy::print_name(key), *reason));
  const policy::ResolvedEndpoint* endpoint = policy_.find_endpoint(key);
  if (endpoint != nullptr && !endpoint->addresses.empty()) {
    return Party{"pod " + policy::print_name(key), &pod, endpoint, std::nullopt, std::nullopt};
  }
  const policy::ResolvedEndpoint* holder = find_endpoint(pod.addresses.front());
  return malformed(fmt::format("pod {}: its address {} belongs to {}", policy::print_name(key),
                               policy::print_address(pod.addresses.front()),
                               holder != nullptr ? "pod " + policy::print_name(holder->pod) : "no endpoint"));
}

Party ConnectionJudge::find_outside(const End& end, std::vector<std::string>& notes) const {
  Party party{"outside traffic on " + end.interface, nullptr, nullptr, end.address, std::nullopt, end.interface};
  if (!end.address) {
    if (governed_.empty()) return party;
    notes.push_back(
        fmt::format("the outside address is not given, so no selector or net matches it; host:{}:ADDRESS "
                    "gives it",
                    end.interface));
    return party;
  }
  const std::string text = policy::print_address(*end.address);
  party.words = text + " via " + end.interface;
  if (const policy::ResolvedEndpoint* endpoint = find_endpoint(*end.address)) {
    notes.push_back(fmt::format("{} is pod {}, whose own policy is not asked here, as it is outside of this node", text,
                                policy::print_name(endpoint->pod)));
  }
  return party;
}

Result<Party> ConnectionJudge::find_party(const End& end, std::vector<std::string>& notes) const {
  switch (end.kind) {
    case End::Kind::Pod:
      return find_pod(end.pod);
    case End::Kind::Host:
      return Party{"host", nullptr, nullptr, std::nullopt, std::string()};
    case End::Kind::Interface:
      return find_outside(end, notes);
    case End::Kind::Address:
      break;
  }
  const std::string text = policy::print_address(*end.address);
  const policy::ResolvedEndpoint* endpoint = find_endpoint(*end.address);
  if (endpoint == nullptr) return Party{text, nullptr, nullptr, end.address, std::nullopt};
  const std::string words = "pod " + policy::print_name(endpoint->pod);
  notes.push_back(text + " is " + words);
  return Party{words, &snapshot_.pods.at({endpoint->pod.ns, endpoint->pod.name}), endpoint, end.address, std::nullopt};
}

void ConnectionJudge::place_host(Party& host, const Party& other, std::vector<std::string>& notes) const {
  if (!host.host_of) return;
  const Place place = choose_node(other);
  host.host_of = place.node;
  host.words = host.host_of->empty() ? "the host" : "node " + *host.host_of;
  if (place.why == Place::Why::OfPod) {
    notes.push_back(fmt::format("host is taken as the node of {}; --node names another", other.words));
  } else if (place.why == Place::Why::OnlyOne) {
    notes.push_back(
        fmt::format("host is taken as node {}, the only one with host endpoints; --node names another", place.node));
  } else if (place.why == Place::Why::Unsaid) {
    notes.push_back(fmt::format("host is taken as {}, which no manifest names; --node names another", host.words));
  }
}

/// Interfaces matter to host endpoints only.
void ConnectionJudge::place_interface(Party& outside, const Party& other, std::vector<std::string>& notes) const {
  if (!outside.interface || governed_.empty()) return;
  if (!node_ && other.host_of) {
    outside.node = *other.host_of;
    return;
  }
  const Place place = choose_node(other);
  outside.node = place.node;
  if (place.why == Place::Why::Named || place.why == Place::Why::Here) return;
  notes.push_back(
      fmt::format("{} is taken as an interface of node {}; --node names another", *outside.interface, place.node));
}

ConnectionJudge::Place ConnectionJudge::choose_node(const Party& other) const {
  if (node_) return {Place::Why::Named, *node_};
  if (hosts_.contains(host_name_)) return {Place::Why::Here, host_name_};
  if (other.pod != nullptr) return {Place::Why::OfPod, other.pod->node.text()};
  if (governed_.size() == 1) return {Place::Why::OnlyOne, *governed_.begin()};
  return {governed_.empty() ? Place::Why::Here : Place::Why::Unsaid, host_name_};
}

/// The address of a pod's own node is that node, so `ip:` and `host` give the same answer; so is the address of any
/// node with host endpoints.
void ConnectionJudge::recognise_host(Party& party, const Party& other, std::vector<std::string>& notes) const {
  if (party.pod != nullptr || !party.address || party.host_of || party.interface) return;
  const auto is_of = [&](const std::string& node) {
    const auto host = hosts_.find(node);
    return host != hosts_.end() && std::ranges::find(host->second, *party.address) != host->second.end();
  };
  if (other.pod != nullptr && !other.pod->node.empty() && is_of(other.pod->node.text())) {
    notes.push_back(fmt::format("{} is the node {} runs on", party.words, other.words));
    party.host_of = other.pod->node.text();
  } else if (const auto governed = std::ranges::find_if(governed_, is_of); governed != governed_.end()) {
    notes.push_back(fmt::format("{} is node {}", party.words, *governed));
    party.host_of = *governed;
  } else {
    return;
  }
  party.words = "node " + *party.host_of;
}

void ConnectionJudge::find_host_address(Party& host, Family family, std::vector<std::string>& notes) const {
  if (!host.host_of || host.address) return;
  if (const auto found = hosts_.find(*host.host_of); found != hosts_.end()) {
    host.address = first_of(found->second, family);
  }
  if (!host.address) {
    notes.push_back(fmt::format("no {} address of {} is known, so no selector or net matches it", print_family(family),
                                host.words));
  }
}

void ConnectionJudge::ask_host_endpoints(Connection& connection) const {
  policy::ConnectionDecision& sides = connection.decision;
  for (const policy::Passage& passage : connection.passages) {
    for (policy::Decision& decision : policy::judge_passage(policy_, passage, connection.flow, failsafes_)) {
      if (decision.verdict == policy::Verdict::Deny) sides.verdict = policy::Verdict::Deny;
      if (!passage.in) {
        sides.egress = std::move(decision);
        connection.leaving = passage;
      } else if (!passage.out) {
        sides.ingress = std::move(decision);
        connection.entering = passage;
      } else {
        connection.crossing.push_back({passage, std::move(decision)});
      }
    }
  }
}

/// An address of the node's pod network that no pod is known to have, where the table of the node meets it: before any
/// policy in the forward hook, and as the source of what is for the node itself.
std::optional<std::string> ConnectionJudge::find_unknown_pod(const Connection& connection,
                                                             const policy::Passage& passage) const {
  if (of_node_->unknown_pod == nft::CompileOptions::UnknownPod::Allow || !passage.in) return std::nullopt;
  for (const Party* party : {&connection.source, &connection.destination}) {
    if (!party->address || party->endpoint != nullptr || party->host_of) continue;
    if (party == &connection.destination && !passage.out) continue;
    for (const policy::Prefix& prefix : of_node_->pod_cidrs) {
      if (!prefix.contains(*party->address)) continue;
      return fmt::format("{} is in the pod network {} of node {}, and no pod is known to have it (unknown_pod)",
                         policy::print_address(*party->address), policy::print_prefix(prefix), of_node_->node);
    }
  }
  return std::nullopt;
}

void ConnectionJudge::ask_settings(Connection& connection) const {
  if (!of_node_ || connection.to_itself) return;
  for (const policy::Passage& passage : connection.passages) {
    if (passage.node != of_node_->node) continue;
    std::optional<std::string> why = find_unknown_pod(connection, passage);
    if (!why && connection.to_own_host && of_node_->endpoint_to_host == nft::CompileOptions::EndpointToHost::Drop) {
      why = fmt::format("node {} lets no pod of its own reach it (endpoint_to_host)", passage.node);
    }
    if (!why) continue;
    connection.closed = ClosedBySetting{passage.node, *std::move(why)};
    connection.decision.verdict = policy::Verdict::Deny;
    return;
  }
}

std::vector<const policy::Decision*> Connection::decisions() const {
  std::vector<const policy::Decision*> all;
  if (decision.egress) all.push_back(&*decision.egress);
  for (const HostAnswer& answer : crossing) all.push_back(&answer.decision);
  if (decision.ingress) all.push_back(&*decision.ingress);
  return all;
}

Result<Connection> ConnectionJudge::judge(const FlowText& text) const {
  Connection connection;
  Party& source = connection.source;
  Party& destination = connection.destination;
  for (const auto& [end, party] : {std::pair{&text.from, &source}, std::pair{&text.to, &destination}}) {
    Result<Party> found = find_party(*end, connection.notes);
    if (!found) return found.error();
    *party = *std::move(found);
  }
  const auto ends = {std::pair{&source, &destination}, std::pair{&destination, &source}};
  for (const auto& [party, other] : ends) {
    place_host(*party, *other, connection.notes);
    recognise_host(*party, *other, connection.notes);
  }
  for (const auto& [party, other] : ends) place_interface(*party, *other, connection.notes);
  const Result<Family> family = choose_family(text, source, destination);
  if (!family) return family.error();
  connection.flow = make_flow(text, *family);

  if (source.host_of && destination.pod != nullptr && destination.pod->node == *source.host_of) {
    connection.decision = host_to_pod();
  }
  for (Party* party : {&source, &destination}) {
    if (party->endpoint != nullptr && !party->address) party->address = first_of(party->endpoint->addresses, *family);
    if (!connection.decision.ingress) find_host_address(*party, *family, connection.notes);
  }
  connection.flow.source = source.address;
  connection.flow.destination = destination.address;
  connection.to_itself = source.endpoint != nullptr && source.endpoint == destination.endpoint;
  connection.to_own_host = source.pod != nullptr && destination.host_of == source.pod->node.text();
  if (!connection.decision.ingress) {
    connection.decision = policy::evaluate_connection(policy_, source.endpoint, destination.endpoint, connection.flow);
  }
  connection.among_host_endpoints = !governed_.empty();
  connection.passages = find_passages(view(), connection, connection.notes);
  ask_host_endpoints(connection);
  ask_settings(connection);
  return connection;
}

}  // namespace tierwall::daemon::ctl
