#pragma once
// One packet for the table in force on a node, and what becomes of it there: the second judge of `tierwall explain`.

#include <string>

#include "daemon/control/status.h"
#include "nft/ruleset.h"
#include "nft/simulate.h"
#include "policy/result.h"

namespace tierwall::daemon {

struct PacketVerdict {
  bool dropped = false;
  std::string rule;  ///< the last one that matched, as "CHAIN: RULE"; "no rule"

  friend bool operator==(const PacketVerdict&, const PacketVerdict&) = default;
};

/// By simulation, on its whole way through the node.
PacketVerdict judge_packet(const nft::Ruleset& ruleset, const nft::Packet& packet);

/// Without what a first packet never has: its hook follows from its interfaces, and connection tracking says "new".
Json to_json(const nft::Packet& packet);
/// Malformed if it has no addresses, or those of two families.
Result<nft::Packet> packet_from_json(const Json& json);
Json to_json(const PacketVerdict& verdict);
Result<PacketVerdict> packet_verdict_from_json(const Json& json);

}  // namespace tierwall::daemon
