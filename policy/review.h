#pragma once
// What is valid but probably not meant: warnings about a whole snapshot, for `check` and for status.

#include <functional>
#include <optional>
#include <vector>

#include "policy/diagnostic.h"
#include "policy/failsafe.h"
#include "policy/inventory.h"
#include "policy/ordering.h"

namespace tierwall::policy {

using Locate = std::function<std::optional<Location>(const ResourceKey&)>;

/// Everything of review_parts.h, sorted by place. Work is bounded: in a very large world selectors that denote nothing
/// and pods without name resolution are looked for in a part of it only.
std::vector<Diagnostic> review(const Snapshot& snapshot, const Locate& locate, TieBreak tie_break = TieBreak::Calico332,
                               const Failsafes& failsafes = default_failsafes());

}  // namespace tierwall::policy
