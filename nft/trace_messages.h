#pragma once
// What the kernel tells of traced packets, and of the rules they met. Pure: bytes in, values out. Not by libnftnl: it
// ends the process (exit()) where an attribute has not the size it expects, and rules of others come by here, too.

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "nft/netlink_messages.h"

namespace tierwall::nft {

/// Where a rule stands: family and name of its table, chain, handle.
using RuleKey = std::tuple<std::uint8_t, std::string, std::string, std::uint64_t>;
/// Of every rule, empty for one without.
using RuleComments = std::map<RuleKey, std::string>;

/// One step of a packet.
struct TraceStep {
  enum class At { Rule, Policy, Return };  ///< a rule matched; the end of a base chain; the end of another one
  std::uint32_t packet = 0;                ///< the same for all steps of one
  At at = At::Rule;
  std::uint8_t family = 0;  ///< of the table: 1 inet, 2 ip, 5 netdev, 7 bridge, 10 ip6
  std::string table = {};
  std::string chain = {};
  std::uint64_t rule = 0;          ///< handle, of Rule
  std::string verdict = {};        ///< "accept", "drop", "continue", "jump in4-...", "return", ...
  std::uint32_t in_interface = 0;  ///< numbers; 0: none
  std::uint32_t out_interface = 0;
  std::string headers = {};  ///< the first bytes from the network header on; with the first step of a hook only

  [[nodiscard]] RuleKey key() const { return {family, table, chain, rule}; }
  friend bool operator==(const TraceStep&, const TraceStep&) = default;
};

/// The steps in a datagram of the kernel's, in order.
std::vector<TraceStep> read_trace(Datagram datagram);

struct RuleDump {
  bool complete = false;  ///< the dump ends here
  int errno_value = 0;    ///< the kernel refused it

  friend bool operator==(const RuleDump&, const RuleDump&) = default;
};

/// Adds the comments of the rules in one datagram of the dump.
RuleDump read_rule_comments(Datagram datagram, std::uint32_t sequence, RuleComments& comments);

}  // namespace tierwall::nft
