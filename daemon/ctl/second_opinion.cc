#include "daemon/ctl/second_opinion.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "nft/compile.h"
#include "nft/simulate.h"
#include "policy/resolve.h"

namespace tierwall::daemon::ctl {

namespace {

using policy::Passage;
using policy::Verdict;

bool denies(const std::optional<policy::Decision>& decision) {
  return decision && decision->verdict == Verdict::Deny;
}

bool has_end_on(const Party& party, const std::string& node) {
  return party.pod != nullptr && party.pod->node == node;
}

/// What the table of the passage's node must do: it judges the pods that run there, and its host endpoints.
Verdict expected_on(const Passage& passage, const Connection& connection) {
  const policy::ConnectionDecision& sides = connection.decision;
  const bool egress = has_end_on(connection.source, passage.node) || connection.leaving == passage;
  const bool ingress = has_end_on(connection.destination, passage.node) || connection.entering == passage;
  const bool crossing = std::ranges::any_of(connection.crossing, [&](const HostAnswer& answer) {
    return answer.passage == passage && answer.decision.verdict == Verdict::Deny;
  });
  const bool closed = connection.closed && connection.closed->node == passage.node;
  const bool deny = closed || (egress && denies(sides.egress)) || (ingress && denies(sides.ingress)) || crossing;
  return deny ? Verdict::Deny : Verdict::Allow;
}

nft::Packet first_packet(const Connection& connection, const Passage& passage) {
  nft::Packet packet = nft::to_packet(connection.flow);
  packet.in_interface = passage.in.value_or("");
  packet.out_interface = passage.out.value_or("");
  packet.source_is_local = !passage.in;
  return packet;
}

std::string describe(const std::string& node, Verdict expected, const PacketVerdict& table) {
  return fmt::format("node '{}': the evaluator says {}, the compiled table {} the packet ({})", node,
                     policy::print_verdict(expected), table.dropped ? "drops" : "accepts", table.rule);
}

/// Of a pod whose manifest names no node, as if it hung on one without a name.
Passage passage_without_node(const Connection& connection) {
  Passage passage;
  passage.from_pod = has_end_on(connection.source, "");
  passage.to_pod = has_end_on(connection.destination, "");
  passage.in = policy::kPodInterface;
  passage.out = policy::kPodInterface;
  return passage;
}

std::vector<Passage> passages_of(const Connection& connection) {
  std::vector<Passage> passages = connection.passages;
  std::erase_if(passages, [](const Passage& passage) { return !passage.in && !passage.out; });
  const Passage nowhere = passage_without_node(connection);
  if ((nowhere.from_pod || nowhere.to_pod) && !connection.to_itself) passages.push_back(nowhere);
  return passages;
}

}  // namespace

const Result<nft::Ruleset>& CompiledTables::table_of(const std::string& node) {
  const auto found = tables_.find(node);
  if (found != tables_.end()) return found->second;
  const nft::CompileOptions options =
      of_node_ && of_node_->node == node ? *of_node_ : nft::CompileOptions{.node = node, .failsafes = failsafes_};
  return tables_.emplace(node, nft::compile(policy::resolve(snapshot_, policy::Scope{node}, tie_break_), options))
      .first->second;
}

Result<PacketVerdict> CompiledTables::ask(const std::string& node, const nft::Packet& packet) {
  if (in_force_ && in_force_->node == node) return in_force_->judge(packet);
  const Result<nft::Ruleset>& table = table_of(node);
  if (!table) return table.error().in("node '" + node + "'");
  return judge_packet(*table, packet);
}

Result<std::optional<std::string>> CompiledTables::find_disagreement(const Connection& connection) {
  if (!connection.flow.source || !connection.flow.destination) return std::optional<std::string>();
  for (const Passage& passage : passages_of(connection)) {
    const Result<PacketVerdict> table = ask(passage.node, first_packet(connection, passage));
    if (!table) return table.error();
    const Verdict expected = expected_on(passage, connection);
    if (table->dropped != (expected == Verdict::Deny)) {
      return std::optional<std::string>(describe(passage.node, expected, *table));
    }
  }
  return std::optional<std::string>();
}

}  // namespace tierwall::daemon::ctl
