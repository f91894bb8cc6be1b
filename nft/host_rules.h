#pragma once
// What host policy never judges: DHCPv6 and failsafe ports.

#include <vector>

#include "nft/ruleset.h"
#include "policy/failsafe.h"

namespace tierwall::nft {

/// Which way the packets of a chain go: to this node, or from it.
enum class Way { In, Out };

/// The port a failsafe names is the destination's, or of replies the source's.
enum class FailsafePort { Destination, Source };

/// Accepts what the failsafe keeps open.
Rule failsafe_rule(const policy::Failsafe& failsafe, Way way, FailsafePort port = FailsafePort::Destination);

/// The sets that such rules look into: one per interface that a failsafe names.
void add_failsafe_sets(Ruleset& ruleset, const std::vector<policy::Failsafe>& failsafes);

/// Accepts what a DHCPv6 client sends (Out) or receives (In).
Rule dhcpv6_rule(Way way);

}  // namespace tierwall::nft
