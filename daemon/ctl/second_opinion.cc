#include "daemon/ctl/second_opinion.h"

#include <set>

#include <fmt/format.h>

#include "nft/compile.h"
#include "nft/simulate.h"
#include "policy/resolve.h"

namespace tierwall::daemon::ctl {

namespace {

using policy::Verdict;

nft::Packet first_packet(const Connection& connection) {
  return nft::to_packet(connection.flow, connection.to_own_host ? nft::Hook::Input : nft::Hook::Forward);
}

bool denies(const std::optional<policy::Decision>& decision) {
  return decision && decision->verdict == Verdict::Deny;
}

/// What this node's table must do: it judges only the ends that run there.
Verdict expected_on(const std::string& node, const Connection& connection) {
  const bool source = connection.source.pod != nullptr && connection.source.pod->node == node;
  const bool destination = connection.destination.pod != nullptr && connection.destination.pod->node == node;
  const bool deny =
      (source && denies(connection.decision.egress)) || (destination && denies(connection.decision.ingress));
  return deny ? Verdict::Deny : Verdict::Allow;
}

std::string describe(const std::string& node, Verdict expected, const nft::Walk& walk) {
  const std::string last = walk.steps.empty() ? "no rule" : walk.steps.back().chain + ": " + walk.steps.back().rule;
  return fmt::format("node '{}': the evaluator says {}, the compiled table {} the packet ({})", node,
                     policy::print_verdict(expected), walk.end == nft::Walk::End::Dropped ? "drops" : "accepts", last);
}

}  // namespace

const Result<nft::Ruleset>& CompiledTables::table_of(const std::string& node) {
  const auto found = tables_.find(node);
  if (found != tables_.end()) return found->second;
  policy::NodePolicy resolved = policy::resolve(snapshot_, policy::Scope{node}, tie_break_);
  resolved.host_endpoints.clear();  // what pods decide is compared, and a packet without interfaces would meet others
  return tables_.emplace(node, nft::compile(resolved, {})).first->second;
}

Result<std::optional<std::string>> CompiledTables::find_disagreement(const Connection& connection) {
  const bool judged = connection.decision.egress || connection.decision.ingress;
  const bool by_host = connection.decision.ingress && connection.decision.ingress->reason == policy::Reason::HostToPod;
  if (!judged || by_host || !connection.flow.source || !connection.flow.destination)
    return std::optional<std::string>();
  std::set<std::string> nodes;
  for (const Party* party : {&connection.source, &connection.destination}) {
    if (party->pod != nullptr) nodes.insert(party->pod->node.text());
  }
  for (const std::string& node : nodes) {
    const Result<nft::Ruleset>& table = table_of(node);
    if (!table) return table.error().in("node '" + node + "'");
    const nft::Walk walk = nft::simulate(*table, first_packet(connection));
    const Verdict expected = expected_on(node, connection);
    if ((walk.end == nft::Walk::End::Dropped) != (expected == Verdict::Deny)) {
      return std::optional<std::string>(describe(node, expected, walk));
    }
  }
  return std::optional<std::string>();
}

}  // namespace tierwall::daemon::ctl
