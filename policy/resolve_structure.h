#pragma once
// A NodePolicy without the members of its sets: who is selected by what and in which order, and which sets that takes.

#include <optional>
#include <string>
#include <vector>

#include "policy/inventory.h"
#include "policy/node_policy.h"
#include "policy/ordering.h"
#include "policy/set_query.h"
#include "policy/subjects.h"

namespace tierwall::policy {

struct Structure {
  NodePolicy policy;  ///< its sets are empty; remarks on pods that share an address are not among its remarks
  SetQueries queries;
};

/// Of the pods, sorted by namespace and name, and of the host endpoints that govern something on the node (absent: on
/// any). `host_endpoints` are those of all nodes.
Structure resolve_structure(const Snapshot& snapshot, const std::optional<std::string>& node, TieBreak tie_break,
                            const std::vector<const Subject*>& pods, const std::vector<Subject>& host_endpoints);

}  // namespace tierwall::policy
