#pragma once
// The first packet of a flow as bytes, from the IP header on: TCP SYN, UDP datagram, SCTP INIT, ICMP message with any
// type and code, or a few bytes of another protocol. Complete with checksums, because conntrack looks at them.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "policy/evaluate.h"

namespace tierwall::lab {

/// *Pre:* both addresses of the flow are known. `identifier` makes it one of its kind and is not 0: it becomes IPv4's
/// identification or IPv6's flow label, and the id of an ICMP echo.
std::vector<std::uint8_t> make_packet(const policy::Flow& flow, std::uint16_t identifier);

/// What of a packet is the same at both ends of its way: all but the hop limit and, in IPv4, the header's checksum.
/// Empty for bytes that are no IP packet.
std::string lasting_bytes(std::span<const std::uint8_t> packet);

}  // namespace tierwall::lab
