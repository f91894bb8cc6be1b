#pragma once
// One policy rule -> the nft rules that match what it matches, in one direction and family.

#include <vector>

#include "nft/ruleset.h"
#include "nft/set_names.h"
#include "policy/node_policy.h"

namespace tierwall::nft {

/// Match lists that are alternatives: the policy rule matches if one of them does. None: the rule matches no packet of
/// this family. nft has no "or" but sets, so a peer that is exact addresses or ranges takes two rules.
std::vector<std::vector<Match>> compile_matches(const policy::ResolvedRule& rule, policy::Family family,
                                                const SetNames& sets);

}  // namespace tierwall::nft
