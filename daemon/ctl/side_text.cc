#include "daemon/ctl/side_text.h"

#include <fmt/format.h>

#include "daemon/ctl/host_text.h"
#include "daemon/ctl/terminal.h"
#include "daemon/ctl/walk_text.h"

namespace tierwall::daemon::ctl {

namespace {

using policy::Decision;
using policy::Direction;
using policy::Reason;
using policy::Verdict;

std::string why_host_unjudged(const Connection& connection) {
  const std::optional<Decision>& ingress = connection.decision.ingress;
  if (ingress && ingress->reason == Reason::HostToPod) return "not judged: what a node sends to its own pods never is";
  return "not judged: no host endpoint is there";
}

constexpr std::string_view kEndpointToHost =
    "what a pod's egress allows to its own node is up to endpoint_to_host in tierwall.toml";

/// Why nothing judges a side that has no endpoint.
std::string why_unjudged(const Connection& connection, const Party& party) {
  if (connection.to_own_host && party.pod == nullptr) {
    return fmt::format("not judged: {}", kEndpointToHost);
  }
  if (party.host_of && connection.among_host_endpoints) return why_host_unjudged(connection);
  if (party.host_of) return "not judged: no policy applies to a node itself";
  return party.address ? "not judged: it is no pod that is known" : "not judged: it is no pod";
}

std::string why_exempt(Reason reason) {
  return reason == Reason::HostToPod ? "not judged: a node always reaches its own pods, or probes would fail"
                                     : "not judged: IPv6 does not work without neighbour discovery";
}

std::string print_host_side(const Connection& connection, const PolicyView& view, Direction direction,
                            const std::string& title, bool color) {
  const bool egress = direction == Direction::Egress;
  const HostAnswer answer{egress ? connection.leaving.value() : connection.entering.value(),
                          egress ? *connection.decision.egress : *connection.decision.ingress};
  const std::string way = print_way(answer.passage, direction);
  const std::string whole =
      fmt::format("{}{} at HostEndpoint {}", title, way.empty() ? "" : " " + way, answer.decision.host->endpoint);
  std::string text = print_host_answer(whole, answer, connection.flow, view, color);
  if (connection.to_own_host) text += wrap(kEndpointToHost, 3, 5);
  return text;
}

}  // namespace

std::string name_with_address(const Party& party) {
  const bool named_otherwise = party.address && !party.words.starts_with(policy::print_address(*party.address));
  return named_otherwise ? fmt::format("{} ({})", party.words, policy::print_address(*party.address)) : party.words;
}

std::string print_side(const Connection& connection, const PolicyView& view, Direction direction, bool color) {
  const bool egress = direction == Direction::Egress;
  const Party& party = egress ? connection.source : connection.destination;
  const std::optional<Decision>& decision = egress ? connection.decision.egress : connection.decision.ingress;
  const std::string title = fmt::format("{} of {}", policy::print_direction(direction), name_with_address(party));
  if (decision && decision->host) return print_host_side(connection, view, direction, title, color);
  if (!decision || party.endpoint == nullptr) return wrap(title + ": " + why_unjudged(connection, party), 0, 2);
  const bool allowed = decision->verdict == Verdict::Allow;
  const Color shade = allowed ? Color::Green : Color::Red;
  const std::string head = title + ": " + paint(policy::print_verdict(decision->verdict), shade, color) + "\n";
  if (decision->trail.empty()) return head + wrap(why_exempt(decision->reason), 3, 5);
  return head + print_walk(walk(view, *party.endpoint, direction, connection.flow), view.resolved, connection.flow,
                           {shade, color});
}

}  // namespace tierwall::daemon::ctl
