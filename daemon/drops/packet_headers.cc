#include "daemon/drops/packet_headers.h"

#include <algorithm>
#include <cstddef>
#include <optional>

namespace tierwall::daemon {

namespace {

/// Reads numbers in network byte order; beyond the end there is nothing.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}

  [[nodiscard]] bool has(std::size_t offset, std::size_t count) const {
    return offset <= bytes_.size() && count <= bytes_.size() - offset;
  }
  [[nodiscard]] std::uint8_t byte(std::size_t offset) const { return static_cast<std::uint8_t>(bytes_[offset]); }
  [[nodiscard]] std::uint16_t word(std::size_t offset) const {
    return static_cast<std::uint16_t>(byte(offset) << 8 | byte(offset + 1));
  }
  [[nodiscard]] policy::Address address(std::size_t offset, policy::Family family) const {
    policy::Address address{.family = family};
    const std::size_t size = family == policy::Family::V4 ? 4 : 16;
    for (std::size_t i = 0; i < size; ++i) address.bytes.at(i) = byte(offset + i);
    return address;
  }

 private:
  std::string_view bytes_;
};

constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kIpv6Header = 40;
constexpr std::uint16_t kFragmentOffset = 0x1fff;   // of IPv4
constexpr std::uint16_t kFragmentOffset6 = 0xfff8;  // of the IPv6 fragment header

/// IPv6 extension headers (RFC 8200); an ESP header hides what follows and is a protocol like any other.
constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kAuthentication = 51, kDestination = 60;

/// Where the header behind the IP headers begins; nothing if it is not there.
struct Transport {
  std::uint8_t protocol = 0;
  std::optional<std::size_t> offset = {};
};

Transport find_transport4(const Bytes& bytes) {
  const bool first_fragment = (bytes.word(6) & kFragmentOffset) == 0;
  const std::size_t header = static_cast<std::size_t>(bytes.byte(0) & 0x0f) * 4;
  const bool plausible = first_fragment && header >= kIpv4Header;
  return {bytes.byte(9), plausible ? std::optional(header) : std::nullopt};
}

Transport find_transport6(const Bytes& bytes) {
  std::uint8_t next = bytes.byte(6);
  std::size_t offset = kIpv6Header;
  for (;;) {
    const bool extension =
        next == kHopByHop || next == kRouting || next == kFragment || next == kAuthentication || next == kDestination;
    if (!extension) return {next, offset};
    if (!bytes.has(offset, 8)) return {next, std::nullopt};
    const std::uint8_t behind = bytes.byte(offset);
    if (next == kFragment && (bytes.word(offset + 2) & kFragmentOffset6) != 0) return {behind, std::nullopt};
    const std::size_t length = bytes.byte(offset + 1);
    offset += next == kFragment ? 8 : next == kAuthentication ? (length + 2) * 4 : (length + 1) * 8;
    next = behind;
  }
}

void take_transport(const Bytes& bytes, const Transport& transport, PacketHeaders& headers) {
  headers.protocol = policy::Protocol{transport.protocol};
  if (!transport.offset || !bytes.has(*transport.offset, 4)) return;
  const bool is_icmp = headers.protocol == policy::kIcmp || headers.protocol == policy::kIcmpv6;
  if (is_icmp) {
    headers.icmp_type = bytes.byte(*transport.offset);
    headers.icmp_code = bytes.byte(*transport.offset + 1);
  } else if (policy::has_ports(headers.protocol) || headers.protocol == policy::kUdpLite) {
    headers.source_port = bytes.word(*transport.offset);
    headers.destination_port = bytes.word(*transport.offset + 2);
  }
}

}  // namespace

Result<PacketHeaders> read_headers(std::string_view text) {
  using policy::Family;
  const Bytes bytes(text);
  if (!bytes.has(0, 1)) return malformed("an empty packet");
  const int version = bytes.byte(0) >> 4;
  PacketHeaders headers;
  if (version == 4 && bytes.has(0, kIpv4Header)) {
    headers.source = bytes.address(12, Family::V4);
    headers.destination = bytes.address(16, Family::V4);
    take_transport(bytes, find_transport4(bytes), headers);
    return headers;
  }
  if (version == 6 && bytes.has(0, kIpv6Header)) {
    headers.source = bytes.address(8, Family::V6);
    headers.destination = bytes.address(24, Family::V6);
    take_transport(bytes, find_transport6(bytes), headers);
    return headers;
  }
  return malformed("no whole IP header");
}

}  // namespace tierwall::daemon
