#pragma once
// The order in which tiers and policies are evaluated (calico.md 3.1 and 3.2, Calico 3.32 and later).

#include <map>
#include <string>
#include <vector>

#include "policy/model.h"

namespace tierwall::policy {

/// The tiers of a world in evaluation order: those that exist by order (absent last) and name, then those that are
/// only named by policies. `default`, `kube-admin` and `kube-baseline` exist without being written (design.md 7.9).
struct OrderedTier {
  Tier tier;
  bool missing = false;
  std::vector<const Policy*> policies;  ///< in evaluation order; borrowed from the snapshot
};

std::vector<OrderedTier> order_tiers(const std::map<std::string, Tier>& tiers,
                                     const std::map<ResourceKey, Policy>& policies);

/// By order (absent last), then by the bytes of NAME/NAMESPACE/KIND.
bool comes_before(const Policy& left, const Policy& right);

}  // namespace tierwall::policy
