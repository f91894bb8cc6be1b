#pragma once
// The table of last resort: what holds a node at boot when its policy should be in force and cannot be had. Replies,
// the node to itself, neighbour discovery, DHCP as a client and the failsafe ports pass; everything else is dropped,
// forwarded traffic too. The first commit of the daemon replaces it.

#include <vector>

#include "nft/ruleset.h"
#include "policy/failsafe.h"

namespace tierwall::nft {

Ruleset fallback(const std::vector<policy::Failsafe>& inbound, const std::vector<policy::Failsafe>& outbound);

}  // namespace tierwall::nft
