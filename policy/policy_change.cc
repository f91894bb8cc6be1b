#include "policy/policy_change.h"

namespace tierwall::policy {

void follow(NodePolicy& behind, const NodePolicy& ahead, const PolicyChange& change) {
  if (change.everything) {
    behind = ahead;
    return;
  }
  for (const AddressSetChange& set : change.address_sets) behind.address_sets[set.set] = ahead.address_sets[set.set];
  for (const ServiceSetChange& set : change.service_sets) behind.service_sets[set.set] = ahead.service_sets[set.set];
  if (change.endpoints) {
    behind.endpoints = ahead.endpoints;
    behind.host_endpoints = ahead.host_endpoints;
    behind.treatments = ahead.treatments;
  }
  behind.remarks = ahead.remarks;
}

}  // namespace tierwall::policy
