#pragma once
// Snapshot -> NodePolicy: who is selected by what, in which order, and which addresses every selector denotes.

#include <functional>
#include <optional>
#include <string>

#include "policy/inventory.h"
#include "policy/node_policy.h"
#include "policy/ordering.h"

namespace tierwall::policy {

/// Whose endpoints are resolved: one node's, those a predicate picks, or (both absent) all of the cluster, as `explain`
/// needs them. Work on policies and sets is in proportion to what these endpoints meet.
struct Scope {
  std::optional<std::string> node = std::nullopt;
  std::function<bool(const Pod&)> only = nullptr;

  [[nodiscard]] bool contains(const Pod& pod) const { return (!node || pod.node == *node) && (!only || only(pod)); }
};

/// Tiers and policies are ordered as calico.md 3.1 and 3.2 say; staged policies, and those that select no endpoint in
/// scope, are left out, and so are sets that no remaining rule names.
NodePolicy resolve(const Snapshot& snapshot, const Scope& scope, TieBreak tie_break = TieBreak::Calico332);

}  // namespace tierwall::policy
