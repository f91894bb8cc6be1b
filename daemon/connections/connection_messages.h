#pragma once
// Connections as ctnetlink has them: messages to the kernel, and what it answers. Bytes and values; no sockets.

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/connections/connection_table.h"

struct nlmsghdr;

namespace tierwall::daemon {

/// Asks for every connection of both families.
std::string encode_listing(std::uint32_t sequence);
/// Sets or clears nft::kCutBit of one connection, which must be there, and nothing else of it.
std::string encode_cut(const TrackedConnection& connection, bool cut, std::uint32_t sequence);

/// One answer to a listing. Absent: malformed, or no connection of IPv4 or IPv6. *Pre:* the whole message is there.
std::optional<TrackedConnection> read_tracked(const nlmsghdr& message);

}  // namespace tierwall::daemon
