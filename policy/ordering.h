#pragma once
// The order in which tiers and policies are evaluated (calico.md 3.1 and 3.2).

#include <map>
#include <string>
#include <vector>

#include "policy/model.h"

namespace tierwall::policy {

/// How policies of one order are told apart (calico.md 3.2). A policy's place must not depend on the release its author
/// used before, so clusters that come from an older Calico can keep the older rule.
enum class TieBreak {
  Calico332,  ///< by the bytes of NAME/NAMESPACE/KIND: Calico 3.32 and later
  Calico331,  ///< by the internal names of Calico 3.31 and earlier: TIER.NAME, NAMESPACE/TIER.NAME,
              ///< NAMESPACE/knp.default.NAME
};

/// The tiers of a world in evaluation order: those that exist by order (absent last) and name, then those that are
/// only named by policies. `default`, `kube-admin` and `kube-baseline` exist without being written (design.md 7.9).
struct OrderedTier {
  Tier tier;
  bool missing = false;
  std::vector<const Policy*> policies;  ///< in evaluation order, staged ones among them; borrowed from the snapshot
};

std::vector<OrderedTier> order_tiers(const std::map<std::string, Tier>& tiers,
                                     const std::map<ResourceKey, Policy>& policies,
                                     TieBreak tie_break = TieBreak::Calico332);

/// By order (absent last), then as `tie_break` says.
bool comes_before(const Policy& left, const Policy& right, TieBreak tie_break = TieBreak::Calico332);

}  // namespace tierwall::policy
