#pragma once
// What a dump of counters says. Internal to the kernel half. Pure: bytes in, values out. Not by libnftnl: it ends the
// process (exit()) where an attribute has not the size it expects.

#include <cstdint>

#include "nft/netlink_messages.h"
#include "nft/table_counters.h"

namespace tierwall::nft {

/// Of one datagram of the dump.
struct CounterDump {
  bool complete = false;  ///< the dump ends here
  int errno_value = 0;    ///< the kernel refused it: nothing more comes

  friend bool operator==(const CounterDump&, const CounterDump&) = default;
};

/// Adds what it tells to `readings`. Answers to other questions than `sequence` and what is cut off are left out.
CounterDump read_counters(Datagram datagram, std::uint32_t sequence, CounterReadings& readings);

}  // namespace tierwall::nft
