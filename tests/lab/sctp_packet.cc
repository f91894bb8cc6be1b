#include "tests/lab/sctp_packet.h"

namespace tierwall::lab {
namespace {

// CRC-32C, reflected (RFC 9260 appendix A); stored with its least significant byte first.
std::uint32_t checksum(std::span<const std::uint8_t> bytes) {
  std::uint32_t crc = 0xffffffffu;
  for (const std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1u) != 0 ? 0x82f63b78u : 0u);
  }
  return ~crc;
}

std::uint8_t byte_of(std::uint32_t value, int shift) {
  return static_cast<std::uint8_t>((value >> shift) & 0xffu);
}

}  // namespace

std::array<std::uint8_t, kSctpInitSize> make_sctp_init(SctpPorts ports) {
  std::array<std::uint8_t, kSctpInitSize> packet = {
      byte_of(ports.source, 8),
      byte_of(ports.source, 0),
      byte_of(ports.destination, 8),
      byte_of(ports.destination, 0),
      0,
      0,
      0,
      0,  // verification tag: zero in an INIT
      0,
      0,
      0,
      0,  // checksum
      1,
      0,
      0,
      20,  // chunk INIT, 20 bytes
      0x54,
      0x57,
      0x41,
      0x4c,  // initiate tag
      0,
      0,
      0xff,
      0xff,  // window
      0,
      1,
      0,
      1,  // streams out and in
      0,
      0,
      0,
      1,  // first TSN
  };
  const std::uint32_t crc = checksum(packet);
  for (std::size_t i = 0; i < 4; ++i) packet[8 + i] = byte_of(crc, static_cast<int>(8 * i));
  return packet;
}

std::optional<SctpPorts> read_sctp_ports(std::span<const std::uint8_t> packet) {
  if (packet.size() < 12) return std::nullopt;
  const auto port = [&](std::size_t at) { return static_cast<std::uint16_t>(packet[at] << 8 | packet[at + 1]); };
  return SctpPorts{port(0), port(2)};
}

}  // namespace tierwall::lab
