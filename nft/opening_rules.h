#pragma once
// How every base chain begins: with the packets no policy judges.

#include <vector>

#include "nft/compile.h"
#include "nft/ruleset.h"

namespace tierwall::nft {

/// Replies and related errors, neighbour discovery and multicast listeners. Accept here ends only our own judgement;
/// other tables still see the packet.
std::vector<Rule> opening_rules();

/// The same, and before it, where established connections are rechecked, the end of those that were cut.
std::vector<Rule> opening_rules(const CompileOptions& options);

/// The latter alone: in front of connection tracking there are no replies.
Rule neighbour_discovery_rule();

inline constexpr int kRawPriority = -300;     ///< in front of connection tracking (-200)
inline constexpr int kManglePriority = -150;  ///< behind it, before DNAT (-100)
inline constexpr int kFilterPriority = 10;    ///< filter + 10: behind DNAT (-100), before SNAT (100)

}  // namespace tierwall::nft
