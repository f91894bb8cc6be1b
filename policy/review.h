#pragma once
// What is valid but probably not meant: warnings about a whole snapshot, for `check` and for status.

#include <functional>
#include <optional>
#include <vector>

#include "policy/diagnostic.h"
#include "policy/inventory.h"

namespace tierwall::policy {

using Locate = std::function<std::optional<Location>(const ResourceKey&)>;

/// Policies that name a missing tier, objects in a namespace nobody defines, pods that share an address, and name
/// servers that policy cuts off from everyone. Sorted by place.
std::vector<Diagnostic> review(const Snapshot& snapshot, const Locate& locate);

}  // namespace tierwall::policy
