#pragma once
// A transaction in two, because the kernel does not make all of it visible at once: an interval set that comes with
// the transaction answers "no" for a moment after everything else is there (Linux 6.18; some tenths of a millisecond,
// in which a rule that looks into it passes packets by). So what is new is made and filled first, while nothing leads
// to it, and is hooked in by a transaction of its own. Pure.

#include <optional>

#include "nft/change_set.h"
#include "nft/prepare_sets.h"

namespace tierwall::nft {

struct HookedLast {
  TransactionPart unhooked;  ///< new counters, sets and chains with all they hold; changes nothing for any packet
  TransactionPart main;      ///< the rest: base chains, elements of sets that were there, removals

  friend bool operator==(const HookedLast&, const HookedLast&) = default;
};

/// Absent if no interval set is new, or the table itself comes or goes.
std::optional<HookedLast> hook_last(const ChangeSet& changes);

/// What takes away what these changes made. Pre: `unhooked` of hook_last().
ChangeSet removal_of(const ChangeSet& unhooked);

}  // namespace tierwall::nft
