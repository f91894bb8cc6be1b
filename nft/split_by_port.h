#pragma once
// Splits a list of decisions by protocol and destination port, so that a packet meets only what speaks of its port.
//
//   meta l4proto tcp -> by destination port: cells, each with the decisions that its ports can meet, free of what the
//                udp    cell itself says
//                sctp
//   any other        -> the decisions that are not about those three only

#include <cstddef>
#include <optional>
#include <vector>

#include "nft/decision.h"
#include "policy/port.h"

namespace tierwall::nft {

/// Ports whose packets meet the same decisions.
struct PortCell {
  std::vector<policy::PortRange> ports;  ///< sorted, disjoint, not touching
  DecisionList decisions;

  friend bool operator==(const PortCell&, const PortCell&) = default;
};

struct ProtocolCells {
  policy::Protocol protocol;
  std::vector<PortCell> cells;  ///< together all ports, by their first one

  friend bool operator==(const ProtocolCells&, const ProtocolCells&) = default;
};

struct SplitDecisions {
  std::vector<ProtocolCells> protocols;  ///< tcp, udp, sctp
  DecisionList others;

  friend bool operator==(const SplitDecisions&, const SplitDecisions&) = default;
};

/// Nothing if the cells would hold more than `most` decisions together: a list that hardly speaks of ports.
std::optional<SplitDecisions> split_by_port(const DecisionList& decisions, std::size_t most);

}  // namespace tierwall::nft
