#pragma once
// A policy rule in one line of words.

#include <string>

#include "policy/node_policy.h"

namespace tierwall::daemon::ctl {

/// "Allow tcp from app == 'web' to port 80 or 443". `policy` has the sets the rule names.
std::string print_rule(const policy::ResolvedRule& rule, const policy::NodePolicy& policy);

}  // namespace tierwall::daemon::ctl
