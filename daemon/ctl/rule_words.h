#pragma once
// A policy rule, the directions of a policy, the labels of an object: each in one line of words.

#include <string>

#include "policy/node_policy.h"

namespace tierwall::daemon::ctl {

/// "Allow tcp from app == 'web' to port 80 or 443". `policy` has the sets the rule names.
std::string print_rule(const policy::ResolvedRule& rule, const policy::NodePolicy& policy);

/// The directions it judges: "Ingress, Egress".
std::string print_types(const policy::Policy& policy);

/// "app=web, zone=dmz".
std::string print_labels(const policy::Labels& labels);

}  // namespace tierwall::daemon::ctl
