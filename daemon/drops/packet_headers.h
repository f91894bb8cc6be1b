#pragma once
// The first bytes of a packet -> who sends what to whom. The bytes come from strangers: nothing in them is believed.

#include <cstdint>
#include <string_view>

#include "policy/address.h"
#include "policy/port.h"
#include "policy/result.h"

namespace tierwall::daemon {

struct PacketHeaders {
  policy::Address source;
  policy::Address destination;
  policy::Protocol protocol;
  std::uint16_t source_port = 0;  ///< 0 where the protocol has none, or they are not among the bytes
  std::uint16_t destination_port = 0;
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;

  friend bool operator==(const PacketHeaders&, const PacketHeaders&) = default;
};

/// IPv4 with options, IPv6 with extension headers. Malformed if there is no whole IP header. A later fragment, or a
/// packet cut short, has neither ports nor ICMP type.
Result<PacketHeaders> read_headers(std::string_view bytes);

}  // namespace tierwall::daemon
