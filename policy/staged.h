#pragma once
// Staged policies (calico.md 1.7, 3.4): never enforced, but part of the world, so that one can ask what would be if
// they were.

#include "policy/inventory.h"

namespace tierwall::policy {

bool has_staged(const Snapshot& snapshot);

/// The world after every staged policy was carried out: with Set it takes the place of the enforced policy of its kind,
/// namespace and name or stands beside the others, with Delete that policy is gone. Learn and Ignore were read as Set.
Snapshot carry_out_staged(Snapshot snapshot);

}  // namespace tierwall::policy
