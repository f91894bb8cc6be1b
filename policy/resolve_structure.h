#pragma once
// A NodePolicy without the members of its sets: who is selected by what and in which order, and which sets that takes.

#include <optional>
#include <string>
#include <vector>

#include "policy/inventory.h"
#include "policy/node_policy.h"
#include "policy/ordering.h"
#include "policy/policy_index.h"
#include "policy/set_query.h"
#include "policy/subjects.h"
#include "policy/treatments.h"

namespace tierwall::policy {

/// Who is selected by what. Borrows the policies of the snapshot.
struct Selections {
  PolicyIndex index = {};
  std::vector<std::optional<PolicyPlace>> places = {};  ///< by number; absent: the policy selects no endpoint here
  std::vector<std::vector<PolicyIndex::Number>> of_endpoints = {};  ///< the pods, then the host endpoints
};

struct Structure {
  NodePolicy policy;  ///< its sets are empty; remarks on pods that share an address are not among its remarks
  SetQueries queries;
  Selections selections;
};

/// Of the pods, sorted by namespace and name, and of the host endpoints that govern something on the node (absent: on
/// any). `host_endpoints` are those of all nodes.
Structure resolve_structure(const Snapshot& snapshot, const std::optional<std::string>& node, TieBreak tie_break,
                            const std::vector<const Subject*>& pods, const std::vector<Subject>& host_endpoints);

}  // namespace tierwall::policy
