#pragma once
// Two rulesets -> the ChangeSet that leads from one to the other. The only place that knows in which order the
// kernel accepts operations:
//
//   counters declared -> chains declared -> sets declared -> elements, set by set -> rules
//     -> rules of chains that go flushed -> chains removed -> sets removed -> counters removed
//
// Chains come early because elements jump to them, sets before the rules that look into them. Within a set, elements
// that go are deleted before others are added: a changed element is a deleted and an added one, and intervals that
// change may overlap. All of it becomes visible at once, so no packet sees a set between the two.

#include "nft/change_set.h"
#include "nft/ruleset.h"

namespace tierwall::nft {

/// From `applied` to `desired`. Sets are changed element by element; base chains whose rules differ are flushed and
/// filled again; other chains never change, they come or go. A set whose type, flags or comment differ is a bug
/// (sets are named by what they mean), and so is a compiled chain whose content differs.
ChangeSet diff(const Ruleset& applied, const Ruleset& desired);

/// The whole table anew in one transaction, whatever the kernel holds: add (so that delete succeeds), delete, add,
/// fill. Hooks are never missing in between, because the transaction lands at once. From then on the table is this
/// owner's, whose it was before; refused only while another living process owns it.
ChangeSet rebuild(const Ruleset& desired, TableOwner owner = TableOwner::Nobody);

/// Kernels before 6.2 find a chain still busy whose last map element went away in the same transaction. Splits what
/// only removes chains, sets and counters off into a second ChangeSet.
struct SplitChangeSet {
  ChangeSet main;
  ChangeSet removals;
};
SplitChangeSet split_removals(const ChangeSet& changes);

/// The ruleset that results, as a correct kernel would have it. Used by the fake kernel and by tests.
/// Pre: the operations fit (diff and rebuild make such).
Ruleset apply(Ruleset ruleset, const ChangeSet& changes);
/// The same in place.
void advance(Ruleset& ruleset, const ChangeSet& changes);

}  // namespace tierwall::nft
