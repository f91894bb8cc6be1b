#pragma once
// Transport protocols and ports as policy speaks of them.

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/result.h"

namespace tierwall::policy {

/// An IP protocol number (IANA).
struct Protocol {
  std::uint8_t number = 0;

  friend auto operator<=>(const Protocol&, const Protocol&) = default;
};

inline constexpr Protocol kIcmp{1}, kTcp{6}, kUdp{17}, kIcmpv6{58}, kSctp{132}, kUdpLite{136};

/// TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite in any case, or a number from 1 to 255 (calico.md 1.8).
Result<Protocol> parse_protocol(std::string_view text);
/// Lower case name ("tcp", "icmpv6"), or the number.
std::string print_protocol(Protocol protocol);
/// Does a rule with this protocol have source and destination ports? tcp, udp, sctp.
bool has_ports(Protocol protocol);
/// Do its packets begin with ports? Those, and UDP-Lite, whose ports no rule can name.
bool carries_ports(Protocol protocol);

/// Both ends inclusive.
struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;

  [[nodiscard]] bool contains(std::uint16_t port) const { return first <= port && port <= last; }
  friend auto operator<=>(const PortRange&, const PortRange&) = default;
};

/// "80" or "8000:8100", each from 1 to 65535 (Calico's syntax).
Result<PortRange> parse_port_range(std::string_view text);
/// "80" or "8000-8100".
std::string print_port_range(PortRange range);
/// Sorted, with overlapping and adjacent ranges joined.
std::vector<PortRange> merge_port_ranges(std::vector<PortRange> ranges);

/// A name Kubernetes takes for a container port: at most 15 of a-z, 0-9 and '-', at least one letter, no '-' at
/// either end and no two together (kubernetes.md 1.3).
bool is_port_name(std::string_view text);

}  // namespace tierwall::policy
