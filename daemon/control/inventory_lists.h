#pragma once
// The rows of `tierwall get`: the objects in force beside what they do on this node. Pure.

#include <vector>

#include "daemon/control/status.h"
#include "nft/ruleset.h"
#include "policy/inventory.h"
#include "policy/node_policy.h"
#include "policy/ordering.h"
#include "policy/review.h"

namespace tierwall::daemon {

/// In evaluation order. `policies` counts all policies of the tier, whether they select something here or not.
std::vector<TierRow> list_tiers(const policy::Snapshot& snapshot);
/// In evaluation order, staged ones at the place they would have; `endpoints` counts those of `applied`.
std::vector<PolicyRow> list_policies(const policy::Snapshot& snapshot, const policy::NodePolicy& applied,
                                     policy::TieBreak tie_break, const policy::Locate& locate);
std::vector<EndpointRow> list_endpoints(const policy::NodePolicy& applied);
/// Sets and maps of the table, by name.
std::vector<SetRow> list_sets(const nft::Ruleset& applied);

/// Rows as the array that travels.
template <typename Row>
Json rows_to_json(const std::vector<Row>& rows) {
  Json array = Json::array();
  for (const Row& row : rows) array.push_back(to_json(row));
  return array;
}

}  // namespace tierwall::daemon
