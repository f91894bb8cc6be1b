#pragma once
// The policy the inventory asks for on this node, kept up to date as the inventory changes.

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/node_settings.h"
#include "policy/inventory.h"
#include "policy/policy_change.h"
#include "policy/resolver.h"

namespace tierwall::daemon {

class DesiredPolicy {
 public:
  /// Takes in what changed in the inventory since the last call. From scratch at first, when settings it depends on
  /// changed, and when so much changed that the inventory does not know what.
  policy::PolicyChange follow(const policy::Inventory& inventory, const NodeSettings& settings);

  /// Pre: it followed once.
  [[nodiscard]] const policy::NodePolicy& policy() const { return resolver_->policy(); }
  /// Does what is kept equal what is made from scratch? For self checks; takes as long as resolving everything.
  [[nodiscard]] bool verify(const policy::Inventory& inventory) const;

 private:
  std::optional<policy::Resolver> resolver_;
  std::string node_;
  policy::TieBreak tie_break_ = policy::TieBreak::Calico332;
  std::uint64_t generation_ = 0;  // of the inventory
};

}  // namespace tierwall::daemon
