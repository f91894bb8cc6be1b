#pragma once
// Ports of the host that stay open whatever policy says, so that a mistake cannot lock its operators out.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "policy/address.h"
#include "policy/port.h"

namespace tierwall::policy {

/// Inbound: a port of this node. Outbound: a port of somebody else.
struct Failsafe {
  Protocol protocol;
  std::optional<Prefix> nets;  ///< of the other side; absent: any address
  std::uint16_t port = 0;
  std::string interface = {};  ///< of this node, the only one it holds for; empty: any

  friend bool operator==(const Failsafe&, const Failsafe&) = default;
};

/// Ports that stay reachable on this node, and ports elsewhere that this node can always reach.
struct Failsafes {
  std::vector<Failsafe> inbound;
  std::vector<Failsafe> outbound;

  friend bool operator==(const Failsafes&, const Failsafes&) = default;
};

/// What holds unless the configuration says otherwise.
Failsafes default_failsafes();

}  // namespace tierwall::policy
