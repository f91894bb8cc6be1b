#pragma once
// Neighbouring decisions of equal verdict commute, so a long run of them is as many lookups as it has shapes: what is
// alike but for the address on one side becomes one lookup in the union of those addresses.

#include <cstddef>

#include "nft/decision.h"
#include "nft/set_unions.h"

namespace tierwall::nft {

/// Merges runs of more than `apart` policy rules with one verdict, of one tier; shorter runs stay rule by rule. What
/// varies is looked for on the side of the peer first: the source of ingress, the destination of egress. A long run
/// that ends in its own verdict for everything is left out.
DecisionList merge_runs(const DecisionList& decisions, std::size_t apart, policy::Direction direction,
                        SetUnions& unions);

}  // namespace tierwall::nft
