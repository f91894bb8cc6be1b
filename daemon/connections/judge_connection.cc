#include "daemon/connections/judge_connection.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace tierwall::daemon {

namespace {

using policy::Address;
using policy::Decision;
using policy::Direction;
using Fate = ConnectionJudgement::Fate;

policy::Flow first_packet(const TrackedConnection& connection) {
  const bool ports = policy::carries_ports(connection.protocol);
  return {.source = connection.original.source,
          .destination = connection.reply.source,
          .family = connection.original.source.family,
          .protocol = connection.protocol,
          .source_port = ports ? connection.original.source_port : std::uint16_t{0},
          .destination_port = ports ? connection.reply.source_port : std::uint16_t{0},
          .icmp = connection.icmp};
}

bool was_translated(const TrackedConnection& connection) {
  return connection.original.destination != connection.reply.source ||
         connection.original.destination_port != connection.reply.source_port;
}

std::string print_denier(const Decision& decision) {
  const std::string where = decision.host ? " of HostEndpoint " + decision.host->endpoint : std::string();
  if (decision.policy && decision.policy->kind != policy::Kind::Profile) {
    return fmt::format("{} (tier {}){}", policy::print_key(*decision.policy), decision.tier, where);
  }
  if (!decision.tier.empty()) return fmt::format("the end of tier {}{}", decision.tier, where);
  if (decision.policy) return policy::print_key(*decision.policy) + where;
  return "no rule that allows it" + where;
}

/// The sockets see their own end as it is sent from, and the other as the node knows it.
SocketEnds own_socket(const TrackedConnection& connection, bool from_node) {
  if (from_node) {
    const ConnectionTuple& sent = connection.original;
    return {sent.source, sent.destination, sent.source_port, sent.destination_port};
  }
  const ConnectionTuple& sent = connection.reply;
  return {sent.source, sent.destination, sent.source_port, sent.destination_port};
}

}  // namespace

ConnectionJudge::ConnectionJudge(JudgedBy by) : by_(std::move(by)) {
  for (const policy::ResolvedEndpoint& endpoint : by_.policy.endpoints) {
    for (const Address& address : endpoint.addresses) pods_.emplace(address, &endpoint);
  }
  for (const policy::ResolvedHostEndpoint& endpoint : by_.policy.host_endpoints) {
    if (endpoint.node != by_.options.node) continue;
    has_host_endpoints_ = true;
    has_pre_dnat_ =
        has_pre_dnat_ || by_.policy.treatment(endpoint, policy::PolicyClass::PreDnat, Direction::Ingress) != nullptr;
  }
}

const policy::ResolvedEndpoint* ConnectionJudge::find_pod(const Address& address) const {
  const auto found = pods_.find(address);
  return found == pods_.end() ? nullptr : found->second;
}

bool ConnectionJudge::is_pod_address(const Address& address) const {
  return std::ranges::any_of(by_.options.pod_cidrs, [&](const policy::Prefix& net) { return net.contains(address); });
}

bool ConnectionJudge::may_be_unknown_pod(const Address& address) const {
  return by_.options.unknown_pod == nft::CompileOptions::UnknownPod::Drop && is_pod_address(address) &&
         find_pod(address) == nullptr && by_.own_addresses.count(address) == 0;
}

ConnectionJudge::Ends ConnectionJudge::find_ends(const TrackedConnection& connection) const {
  Ends ends{.from_pod = find_pod(connection.original.source), .to_pod = find_pod(connection.reply.source)};
  ends.from_node = ends.from_pod == nullptr && by_.own_addresses.count(connection.original.source) != 0;
  ends.to_node = ends.to_pod == nullptr && by_.own_addresses.count(connection.reply.source) != 0;
  return ends;
}

/// A pod that reaches itself went through a Service and is judged like any other (its way inside its own namespace is
/// not tracked here).
std::optional<std::string> ConnectionJudge::pods_denial(const Ends& ends, const policy::Flow& flow) const {
  if (ends.from_pod != nullptr) {
    const Decision egress = policy::evaluate(by_.policy, *ends.from_pod, Direction::Egress, flow);
    if (egress.verdict == policy::Verdict::Deny) return print_denier(egress) + ", egress";
    const bool closed = by_.options.endpoint_to_host == nft::CompileOptions::EndpointToHost::Drop;
    if (ends.to_node && closed) return "endpoint_to_host";
  }
  if (ends.to_pod != nullptr) {
    const Decision ingress = policy::evaluate(by_.policy, *ends.to_pod, Direction::Ingress, flow);
    if (ingress.verdict == policy::Verdict::Deny) return print_denier(ingress) + ", ingress";
  }
  return std::nullopt;
}

std::optional<std::string> ConnectionJudge::hosts_denial(const Ends& ends, const TrackedConnection& connection,
                                                         const policy::Flow& flow, HostAnswer& answer) const {
  policy::Passage passage{
      .node = by_.options.node, .from_pod = ends.from_pod != nullptr, .to_pod = ends.to_pod != nullptr};
  answer = HostAnswer::Unsure;
  if (!ends.from_node) passage.in = by_.interface_to(*flow.source);
  if (!ends.to_node) passage.out = by_.interface_to(*flow.destination);
  for (const auto& interface : {passage.in, passage.out}) {
    if (interface && (interface->empty() || *interface == policy::kLoopback)) return std::nullopt;
  }
  if (has_pre_dnat_ && passage.in && was_translated(connection)) return std::nullopt;
  answer = HostAnswer::Passes;
  for (const Decision& decision : policy::judge_passage(by_.policy, passage, flow, by_.options.failsafes)) {
    if (decision.verdict == policy::Verdict::Deny) return print_denier(decision);
  }
  return std::nullopt;
}

ConnectionJudgement ConnectionJudge::judge(const TrackedConnection& connection) const {
  const Address& source = connection.original.source;
  const Address& destination = connection.reply.source;
  if (connection.zone != 0 || connection.expected || policy::is_loopback(source) || policy::is_loopback(destination))
    return {};
  const Ends ends = find_ends(connection);
  if (ends.from_node && ends.to_node) return {};
  ConnectionJudgement judgement{.fate = Fate::Stays};
  judgement.concerns_us =
      ends.from_pod != nullptr || ends.to_pod != nullptr || (has_host_endpoints_ && (ends.from_node || ends.to_node));
  // Probes of the node's own pods must work, whatever policy says.
  if (ends.from_node && (ends.to_pod != nullptr || is_pod_address(destination))) return judgement;

  const policy::Flow flow = first_packet(connection);
  std::optional<std::string> denier = pods_denial(ends, flow);
  HostAnswer host_answer = HostAnswer::Passes;
  if (!denier && has_host_endpoints_) denier = hosts_denial(ends, connection, flow, host_answer);
  if (denier) {
    judgement.fate = Fate::Denied;
    judgement.denier = *std::move(denier);
    if ((ends.from_node || ends.to_node) && connection.protocol == policy::kTcp) {
      judgement.own_socket = own_socket(connection, ends.from_node);
    }
    return judgement;
  }
  if (host_answer == HostAnswer::Unsure || may_be_unknown_pod(source) || may_be_unknown_pod(destination)) {
    judgement.fate = Fate::Unjudged;
  }
  return judgement;
}

std::string ConnectionJudge::describe_end(const Address& address, std::uint16_t port, bool has_port) const {
  const bool bracketed = has_port && address.family == policy::Family::V6;
  std::string text = bracketed ? "[" + policy::print_address(address) + "]" : policy::print_address(address);
  if (has_port) text += fmt::format(":{}", port);
  if (const policy::ResolvedEndpoint* pod = find_pod(address)) {
    text += fmt::format(" (pod {})", policy::print_name(pod->pod));
  } else if (by_.own_addresses.count(address) != 0) {
    text += " (this node)";
  }
  return text;
}

std::string ConnectionJudge::describe(const TrackedConnection& connection) const {
  const bool ports = policy::carries_ports(connection.protocol);
  return fmt::format("{} {} to {}", policy::print_protocol(connection.protocol),
                     describe_end(connection.original.source, connection.original.source_port, ports),
                     describe_end(connection.reply.source, connection.reply.source_port, ports));
}

}  // namespace tierwall::daemon
