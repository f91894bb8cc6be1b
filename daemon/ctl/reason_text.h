#pragma once
// Why a rule did not match and why a policy was not asked, in words for people who did not write it.

#include <string>
#include <string_view>
#include <vector>

#include "daemon/ctl/walk.h"
#include "policy/evaluate.h"
#include "policy/node_policy.h"

namespace tierwall::daemon::ctl {

/// What of the flow is not as the rule wants it: "the source 10.0.1.5 is not one of the pods of shop with app ==
/// 'api'", "port 443 is not 80 or 8000-8100", "is about udp, the flow is tcp".
std::string describe_unmet(const policy::NodePolicy& resolved, const policy::ResolvedRule& rule,
                           const policy::Unmet& unmet, const policy::Flow& flow);

/// What the rule does now that it matches: "matches, and denies".
std::string describe_match(const policy::ResolvedRule& rule);

/// "does not select this pod", "is about ingress only" (of a walk over egress), "staged, not enforced".
std::string_view describe_skip(Skip why, const Walk& walk);

std::string_view print_family(policy::Family family);  ///< "IPv4", "IPv6"

/// "tier security (order 100, default Deny)"; tells tiers that nobody wrote, and those that are named but missing.
std::string describe_tier(const WalkedTier& tier);

/// "a, b or c"; beyond `shown` "a, b or 7 more". `last` is the word before the last.
std::string list_some(const std::vector<std::string>& items, std::size_t shown, std::string_view last);

}  // namespace tierwall::daemon::ctl
