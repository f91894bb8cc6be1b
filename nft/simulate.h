#pragma once
// What the ruleset does to a packet, without a kernel: the second judge beside policy/evaluate.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nft/ruleset.h"
#include "policy/evaluate.h"

namespace tierwall::nft {

struct Packet {
  Hook hook = Hook::Forward;
  policy::Address source;
  policy::Address destination;  ///< of the same family
  policy::Protocol protocol = policy::kTcp;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;
  std::uint32_t ct_state = ct_state::kNew;
  bool loopback = false;  ///< the node to itself
};

/// The first packet of a flow. Pre: both its addresses are known.
Packet to_packet(const policy::Flow& flow, Hook hook = Hook::Forward);

struct Walk {
  enum class End { Accepted, Dropped };

  struct Step {
    std::string chain;
    std::string rule;     ///< the rule as printed
    std::string comment;  ///< its policy words

    friend bool operator==(const Step&, const Step&) = default;
  };
  End end = End::Accepted;
  std::vector<Step> steps;  ///< the rules that matched, in order; the last one decided unless the hook's end did

  friend bool operator==(const Walk&, const Walk&) = default;
};

/// Runs the packet through every base chain of its hook in priority order. An accept ends a base chain, a drop ends
/// everything. Pre: jumps name chains that exist and lookups sets that exist (TIERWALL_CHECK).
Walk simulate(const Ruleset& ruleset, const Packet& packet);

}  // namespace tierwall::nft
