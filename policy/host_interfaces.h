#pragma once
// Which host endpoint governs which interface (calico.md 4.1).

#include <optional>
#include <string>
#include <vector>

#include "policy/inventory.h"
#include "policy/node_policy.h"

namespace tierwall::policy {

/// The host endpoints that govern something, by node and name, with their interfaces and without treatments: of one
/// node, or (absent) of all nodes. An interface has one: a host endpoint that names it, or that names none and expects
/// an address the interface has; of several the lowest name counts. So it is with those of all interfaces.
///
/// A host endpoint that governs nothing here is left out, and `remarks` say why, as far as this node's interfaces are
/// known.
std::vector<ResolvedHostEndpoint> find_governed(const Snapshot& snapshot, const std::optional<std::string>& node,
                                                std::vector<std::string>& remarks);

}  // namespace tierwall::policy
