#pragma once
// Worlds as text that a person can read: one line per object and per rule.

#include <string>

#include "policy/inventory.h"

namespace tierwall::test {

/// "Pod a/p1 on node-1 10.0.0.1 {app=x} ports web=80/tcp", "GlobalNetworkPolicy p0 in tier t0, order 1, ...", with the
/// rules of policies and profiles below, indented.
std::string describe_world(const policy::Snapshot& world);

/// "Deny tcp, from selector all(), to ports 80 web"
std::string describe_rule(const policy::Rule& rule);

}  // namespace tierwall::test
