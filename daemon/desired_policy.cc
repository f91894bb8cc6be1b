#include "daemon/desired_policy.h"

#include "policy/resolve.h"

namespace tierwall::daemon {

policy::PolicyChange DesiredPolicy::follow(const policy::Inventory& inventory, const NodeSettings& settings) {
  const std::optional<std::vector<policy::ResourceKey>> changed = inventory.changed_since(generation_);
  generation_ = inventory.generation();
  const bool same_settings = settings.node == node_ && settings.tie_break == tie_break_;
  if (resolver_ && changed && same_settings) return resolver_->update(inventory.snapshot(), *changed);
  node_ = settings.node;
  tie_break_ = settings.tie_break;
  resolver_.emplace(inventory.snapshot(), node_, tie_break_);
  return {.everything = true};
}

bool DesiredPolicy::verify(const policy::Inventory& inventory) const {
  if (!resolver_ || inventory.generation() != generation_) return true;
  return resolver_->policy() == policy::resolve(inventory.snapshot(), policy::Scope{.node = node_}, tie_break_);
}

}  // namespace tierwall::daemon
