#pragma once
// The one SCTP packet the lab sends: an INIT, complete with its checksum, because conntrack discards wrong ones. The
// kernels we test on have no SCTP of their own, so both ends are raw sockets.

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace tierwall::lab {

struct SctpPorts {
  std::uint16_t source = 0;
  std::uint16_t destination = 0;

  friend bool operator==(const SctpPorts&, const SctpPorts&) = default;
};

inline constexpr std::size_t kSctpInitSize = 32;

std::array<std::uint8_t, kSctpInitSize> make_sctp_init(SctpPorts ports);
/// Absent if the bytes are too short to be SCTP.
std::optional<SctpPorts> read_sctp_ports(std::span<const std::uint8_t> packet);

}  // namespace tierwall::lab
