#include "daemon/control/node_facts.h"

#include <array>
#include <utility>

#include "daemon/control/host_lists.h"
#include "daemon/control/object_reader.h"

namespace tierwall::daemon {

namespace {

using Options = nft::CompileOptions;

// In the order of their enumerations.
constexpr std::array<std::string_view, 2> kTieBreaks = {"calico-3.32", "calico-3.31"};
constexpr std::array<std::string_view, 3> kEndpointToHost = {"accept", "return", "drop"};
constexpr std::array<std::string_view, 2> kUnknownPod = {"drop", "allow"};
constexpr std::array<std::string_view, 2> kHostDeny = {"drop", "reject"};

template <typename Enum, std::size_t N>
std::string_view word(Enum value, const std::array<std::string_view, N>& words) {
  return words.at(static_cast<std::size_t>(value));
}

Result<policy::Failsafe> read_failsafe(const FailsafeRow& row) {
  const Result<policy::Protocol> protocol = policy::parse_protocol(row.protocol);
  if (!protocol) return protocol.error();
  policy::Failsafe failsafe{*protocol, std::nullopt, row.port, row.interface.value_or("")};
  if (!row.nets) return failsafe;
  const Result<policy::Prefix> nets = policy::parse_prefix(*row.nets);
  if (!nets) return nets.error();
  failsafe.nets = *nets;
  return failsafe;
}

Result<policy::Failsafes> read_failsafes(const Json& json) {
  const Result<std::vector<FailsafeRow>> rows = failsafes_from_json(json);
  if (!rows) return rows.error();
  policy::Failsafes failsafes;
  for (const FailsafeRow& row : *rows) {
    const Result<policy::Failsafe> failsafe = read_failsafe(row);
    if (!failsafe) return failsafe.error().in("failsafe");
    (row.direction == "inbound" ? failsafes.inbound : failsafes.outbound).push_back(*failsafe);
  }
  return failsafes;
}

}  // namespace

Json to_json(const NodeFacts& facts) {
  const NodeSettings& settings = facts.settings;
  Json pod_cidrs = Json::array();
  for (const policy::Prefix& prefix : settings.compile.pod_cidrs) pod_cidrs.push_back(policy::print_prefix(prefix));
  Json failsafes = Json::array();
  for (const FailsafeRow& row : list_failsafes(settings.failsafes.inbound, settings.failsafes.outbound)) {
    failsafes.push_back(to_json(row));
  }
  return {{"node", settings.node},
          {"tie_break", word(settings.tie_break, kTieBreaks)},
          {"pod_cidrs", std::move(pod_cidrs)},
          {"unknown_pod", word(settings.compile.unknown_pod, kUnknownPod)},
          {"endpoint_to_host", word(settings.compile.endpoint_to_host, kEndpointToHost)},
          {"deny", word(settings.compile.host_deny, kHostDeny)},
          {"failsafes", std::move(failsafes)},
          {"host_auto", facts.host_auto},
          {"known", facts.known},
          {"generation", facts.generation},
          {"pending", facts.pending}};
}

Result<NodeFacts> node_facts_from_json(const Json& json) {
  ObjectReader reader(json, "node");
  NodeFacts facts;
  NodeSettings& settings = facts.settings;
  reader.read("node", settings.node);
  reader.read_word("tie_break", settings.tie_break, kTieBreaks);
  reader.read_array("pod_cidrs", settings.compile.pod_cidrs, [](const Json& item) {
    return item.is_string() ? policy::parse_prefix(item.get<std::string>()) : malformed("not a string");
  });
  reader.read_word("unknown_pod", settings.compile.unknown_pod, kUnknownPod);
  reader.read_word("endpoint_to_host", settings.compile.endpoint_to_host, kEndpointToHost);
  reader.read_word("deny", settings.compile.host_deny, kHostDeny);
  reader.read("host_auto", facts.host_auto);
  reader.read("known", facts.known);
  reader.read("generation", facts.generation);
  reader.read("pending", facts.pending);
  if (json.is_object() && json.contains("failsafes")) {
    Result<policy::Failsafes> failsafes = read_failsafes(json["failsafes"]);
    if (!failsafes) return failsafes.error();
    settings.failsafes = *std::move(failsafes);
  }
  settings.compile.node = settings.node;
  settings.compile.failsafes = settings.failsafes;
  return reader.finish(std::move(facts));
}

}  // namespace tierwall::daemon
