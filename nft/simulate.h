#pragma once
// What the ruleset does to a packet, without a kernel: the second judge beside policy/evaluate.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
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
  std::uint32_t ct_state = ct_state::kNew;  ///< what connection tracking will say
  bool loopback = false;                    ///< the node to itself
  std::string in_interface = {};            ///< empty: made by the node itself
  std::string out_interface = {};           ///< empty: for the node itself, or not known yet
  std::uint32_t mark = 0;
  std::uint32_t ct_status = 0;
  std::uint32_t ct_mark = 0;
  bool source_is_local = false;  ///< its source is an address of the node
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
  std::uint32_t mark = 0;   ///< of the packet afterwards
  bool untracked = false;   ///< it was taken out of connection tracking

  friend bool operator==(const Walk&, const Walk&) = default;
};

/// Runs the packet through every base chain of its hook in priority order. An accept ends a base chain, a drop ends
/// everything. Pre: jumps name chains that exist and lookups sets that exist (TIERWALL_CHECK).
Walk simulate(const Ruleset& ruleset, const Packet& packet);

/// The whole way of a packet through the node, hook by hook, as its interfaces say: prerouting and input; prerouting,
/// forward and postrouting; or output and postrouting. Ends where it is dropped. Addresses stay as they are.
struct Journey {
  Walk::End end = Walk::End::Accepted;
  std::vector<std::pair<Hook, Walk>> walks;

  friend bool operator==(const Journey&, const Journey&) = default;
};
Journey travel(const Ruleset& ruleset, Packet packet);

}  // namespace tierwall::nft
