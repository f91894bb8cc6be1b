#pragma once
// Addresses in objects of the cluster.

#include <optional>

#include "daemon/sources/decode_reader.h"
#include "policy/address.h"

namespace tierwall::daemon {

/// Absent after an error, and for empty text: what has no address yet has that.
std::optional<policy::Address> read_address(const Cursor& at);

}  // namespace tierwall::daemon
