#include "policy/policy_change.h"

namespace tierwall::policy {

void follow(NodePolicy& behind, const NodePolicy& ahead, const PolicyChange& change) {
  if (change.everything) {
    behind = ahead;
    return;
  }
  for (const AddressSetChange& set : change.address_sets) behind.address_sets[set.set] = ahead.address_sets[set.set];
  for (const ServiceSetChange& set : change.service_sets) behind.service_sets[set.set] = ahead.service_sets[set.set];
  behind.remarks = ahead.remarks;
}

}  // namespace tierwall::policy
