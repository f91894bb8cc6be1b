#pragma once
// A treatment as one list of decisions: what its tiers, policies, rules and profiles come to when they are written one
// behind the other. The form in which rules are merged and split before they become chains.

#include <cstddef>
#include <vector>

#include "nft/compile_rule.h"
#include "nft/rule_place.h"
#include "nft/ruleset.h"
#include "policy/node_policy.h"

namespace tierwall::nft {

/// The first decision whose matches all hold says what happens to a packet; a Log does not end the search.
struct Decision {
  std::size_t stage = 0;       ///< the tier's place in the treatment; profiles are the last stage
  std::vector<Match> matches;  ///< none: everything that gets here
  /// Allow and Deny end the search. Pass goes on behind the last decision of this stage.
  policy::Action action = policy::Action::Deny;
  std::vector<RulePlace> stands_for;  ///< in their order; never empty
  bool of_rule = true;                ///< a policy rule's; else what a tier or a profile does at its end

  friend bool operator==(const Decision&, const Decision&) = default;
};

using DecisionList = std::vector<Decision>;

/// Untracked and preDNAT policy leaves what no rule decides to what follows.
inline bool tiers_may_deny(policy::PolicyClass policy_class) {
  return policy_class == policy::PolicyClass::Normal || policy_class == policy::PolicyClass::Forward;
}

/// The rules of one family, in the order they are evaluated in. Who reaches the end of the list is allowed (normal and
/// forward policy) or undecided (untracked and preDNAT policy): both return.
DecisionList list_decisions(const policy::NodePolicy& policy, const policy::Treatment& treatment, policy::Family family,
                            const SetNames& sets);

/// Without the decisions that no packet reaches, and without those that an equal one stands in front of.
DecisionList drop_unreachable(DecisionList decisions);

/// Does this decision end the search for every packet that gets here?
inline bool is_final(const Decision& decision) {
  return decision.matches.empty() && decision.action != policy::Action::Log;
}

}  // namespace tierwall::nft
