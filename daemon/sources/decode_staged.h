#pragma once
// spec.stagedAction of Calico's Staged kinds (calico.md 1.7). Such policies are previews and never enforced, so nothing
// in them can open or close anything.

#include "daemon/sources/decode_reader.h"
#include "policy/model.h"

namespace tierwall::daemon {

/// Set, Delete, Learn or Ignore. The last two count as Set, with a warning; so does what cannot be understood, after an
/// error.
policy::StagedAction read_staged_action(const Cursor& at);

/// A preview of a deletion says whose deletion, and nothing else: reports every other field of the spec.
void demand_only_deletion(const Cursor& spec);

}  // namespace tierwall::daemon
