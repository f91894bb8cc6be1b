#pragma once
// resolve() for one node, kept up to date: told which objects changed, it does work in proportion to what that changes.
// After every step its policy equals what resolve() makes of the same snapshot (tests/differential proves it).

#include <string>
#include <vector>

#include "policy/inventory.h"
#include "policy/local_pods.h"
#include "policy/node_policy.h"
#include "policy/ordering.h"
#include "policy/policy_change.h"
#include "policy/set_index.h"

namespace tierwall::policy {

class Resolver {
 public:
  /// Begins with the whole snapshot.
  Resolver(const Snapshot& snapshot, std::string node, TieBreak tie_break);
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// The snapshot, the same one with these objects changed, come or gone; nothing else may have changed. Answers what
  /// that changes in the policy.
  PolicyChange update(const Snapshot& snapshot, const std::vector<ResourceKey>& changed);

  [[nodiscard]] const NodePolicy& policy() const { return policy_; }

 private:
  void resolve_anew(const Snapshot& snapshot);
  void deliver_remarks(const Snapshot& snapshot);

  std::string node_;
  TieBreak tie_break_;
  NodePolicy policy_;
  SetIndex sets_;
  LocalPods pods_;
  std::vector<std::string> remarks_;  // on anything but pods that share an address
};

}  // namespace tierwall::policy
