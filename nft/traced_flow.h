#pragma once
// Which packets are traced, and the table that has the kernel do so. Pure.

#include <cstdint>
#include <optional>

#include "nft/change_set.h"
#include "policy/address.h"
#include "policy/port.h"

namespace tierwall::nft {

/// Packets with all of these, as they are sent: before any translation. What is absent does not restrict.
struct TracedFlow {
  std::optional<policy::Address> source = {};
  std::optional<policy::Address> destination = {};
  std::optional<policy::Protocol> protocol = {};
  std::optional<std::uint16_t> destination_port = {};  ///< only with a protocol that has ports
  std::uint32_t packets = 1;                           ///< at most so many where they arrive, and where they are sent

  friend bool operator==(const TracedFlow&, const TracedFlow&) = default;
};

/// A table that looks at packets before other tables do, where they enter the node and where it sends them, and stops
/// none.
ChangeSet trace_table(const TracedFlow& flow);

}  // namespace tierwall::nft
