#pragma once
// What a node is told to do beside its policy objects, and how far it has come: with the objects everything that its
// verdicts depend on.

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/control/status.h"
#include "daemon/node_settings.h"
#include "policy/result.h"

namespace tierwall::daemon {

struct NodeFacts {
  NodeSettings settings = {};          ///< its pod CIDRs are those in force, wherever they come from
  bool host_auto = false;              ///< a host endpoint for this node without anybody writing one
  std::uint64_t known = 0;             ///< counts changes of what is known; equal numbers: the same objects
  std::uint64_t generation = 0;        ///< of the table in force; 0: none of this process yet
  std::vector<std::string> pending{};  ///< why the table in force may not be what the objects ask for; empty: it is

  friend bool operator==(const NodeFacts&, const NodeFacts&) = default;
};

Json to_json(const NodeFacts& facts);
/// Complete: what a compiled table depends on is in `compile` too. What is no matter of verdicts (NodeSettings::guard,
/// how chains are flattened) does not travel.
Result<NodeFacts> node_facts_from_json(const Json& json);

}  // namespace tierwall::daemon
