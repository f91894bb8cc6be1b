#include "daemon/ctl/seen_flow.h"

#include <utility>
#include <vector>

#include <fmt/format.h>

#include "daemon/ctl/sentence.h"
#include "daemon/ctl/terminal.h"

namespace tierwall::daemon::ctl {

namespace {

bool was_translated(const TrackedConnection& connection) {
  return connection.original.destination != connection.reply.source ||
         connection.original.destination_port != connection.reply.source_port;
}

std::string print_target(const policy::Address& address, std::uint16_t port) {
  std::string text = policy::print_address(address);
  if (port == 0) return text;
  return address.family == policy::Family::V6 ? fmt::format("[{}]:{}", text, port) : fmt::format("{}:{}", text, port);
}

/// Who decided, of a denial only who denied.
std::string print_deciders(const Connection& connection) {
  if (connection.closed) return connection.closed->why;
  const policy::ConnectionDecision& sides = connection.decision;
  std::vector<std::string> words;
  const auto add = [&](std::string_view side, const policy::Decision& decision) {
    if (sides.verdict == policy::Verdict::Deny && decision.verdict == policy::Verdict::Allow) return;
    words.push_back(fmt::format("{}: {}", side, name_decider(decision)));
  };
  if (sides.egress) add("egress", *sides.egress);
  for (const HostAnswer& answer : connection.crossing) add("crossing", answer.decision);
  if (sides.ingress) add("ingress", *sides.ingress);
  return join(words, "; ");
}

bool is_judged(const Connection& connection) {
  return connection.closed || !connection.decisions().empty();
}

}  // namespace

Json to_json(const SeenFlow& flow) {
  const auto end = [](const DropEnd& of) { return Json{{"address", of.address}, {"pod", of.pod}}; };
  return {{"time_ms", flow.time.count()},
          {"source", end(flow.source)},
          {"destination", end(flow.destination)},
          {"protocol", flow.protocol},
          {"source_port", flow.source_port},
          {"destination_port", flow.destination_port},
          {"icmp", flow.icmp ? Json(*flow.icmp) : Json(nullptr)},
          {"asked_for", flow.asked_for},
          {"verdict", flow.verdict},
          {"by", flow.by},
          {"staged_verdict", flow.staged_verdict}};
}

FlowTeller::FlowTeller(NodeWorld world, std::set<policy::Address> own_addresses, Routes& routes)
    : world_(std::move(world)),
      own_addresses_(std::move(own_addresses)),
      routes_(routes),
      has_host_endpoints_(!world_.snapshot().host_endpoints.empty()),
      worlds_(world_.snapshot(), judge_options(world_.facts)) {
  for (const auto& [name, pod] : world_.snapshot().pods) {
    if (!pod.is_endpoint()) continue;
    for (const policy::Address& address : pod.addresses)
      pods_.emplace(address, policy::ResourceKey{.kind = policy::Kind::Pod, .ns = pod.ns, .name = pod.name});
  }
}

std::string FlowTeller::pod_at(const policy::Address& address) const {
  const auto pod = pods_.find(address);
  return pod == pods_.end() ? std::string() : policy::print_name(pod->second);
}

SeenFlow FlowTeller::name(const TrackedConnection& connection) const {
  const policy::Address& source = connection.original.source;
  const policy::Address& destination = connection.reply.source;
  SeenFlow flow{.source = {policy::print_address(source), pod_at(source)},
                .destination = {policy::print_address(destination), pod_at(destination)},
                .protocol = policy::print_protocol(connection.protocol)};
  if (policy::carries_ports(connection.protocol)) {
    flow.source_port = connection.original.source_port;
    flow.destination_port = connection.reply.source_port;
  }
  if (connection.icmp.type) flow.icmp = fmt::format("{}/{}", *connection.icmp.type, connection.icmp.code.value_or(0));
  if (was_translated(connection))
    flow.asked_for = print_target(connection.original.destination, connection.original.destination_port);
  return flow;
}

End FlowTeller::end_at(const policy::Address& address) const {
  const auto pod = pods_.find(address);
  if (pod != pods_.end()) return {.kind = End::Kind::Pod, .pod = pod->second, .address = {}, .interface = {}};
  if (own_addresses_.contains(address)) return {};
  const std::string interface = has_host_endpoints_ ? routes_.interface_to(address) : std::string();
  const End::Kind kind = interface.empty() ? End::Kind::Address : End::Kind::Interface;
  return {.kind = kind, .pod = {}, .address = address, .interface = interface};
}

void FlowTeller::judge(const TrackedConnection& connection, SeenFlow& flow) const {
  flow.verdict = "-";
  const FlowText text{.from = end_at(connection.original.source),
                      .to = end_at(connection.reply.source),
                      .protocol = connection.protocol,
                      .source_port = flow.source_port,
                      .destination_port = flow.destination_port,
                      .icmp = connection.icmp.type ? std::optional(connection.icmp) : std::nullopt,
                      .family = connection.original.source.family};
  if (text.from.kind == End::Kind::Host && text.to.kind == End::Kind::Host) return;  // the node with itself
  const Result<Answer> answer = worlds_.ask(text);
  if (!answer || !is_judged(answer->today)) return;
  flow.verdict = policy::print_verdict(answer->today.decision.verdict);
  flow.by = print_deciders(answer->today);
  if (answer->staged_verdict() != answer->today.decision.verdict)
    flow.staged_verdict = policy::print_verdict(answer->staged_verdict());
}

}  // namespace tierwall::daemon::ctl
