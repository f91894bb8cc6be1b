#pragma once
// Which part of a node's policy a compiled rule comes from, and what its counter counts. Compiled rules may stand for
// many policy rules, and many compiled rules (of both families, of several endpoints) for one; all that stand for the
// same share a counter.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nft/ruleset.h"
#include "policy/node_policy.h"

namespace tierwall::nft {

/// A policy rule, or what happens behind the last one. Small, because a table is made of very many of them; of use only
/// together with the NodePolicy it points into.
struct RulePlace {
  enum class Of : std::uint8_t { Policy, Tier, Profile, NoProfile };
  Of of = Of::Policy;
  bool passes = false;       ///< of Tier: what no rule decides is passed on
  std::uint32_t owner = 0;   ///< index into NodePolicy::tiers, or of Profile ::profiles
  std::uint32_t policy = 0;  ///< of Policy: index into ResolvedTier::policies
  std::uint32_t rule = 0;    ///< of Policy and Profile: the rule's number; 0: what a profile does at its end

  friend auto operator<=>(const RulePlace&, const RulePlace&) = default;
};

/// "tier default, NetworkPolicy shop/web, rule 1", "tier default: no rule matched, default Deny".
std::string describe(const RulePlace& place, const policy::NodePolicy& policy);

/// What one counter counts, in policy terms: a rule; several rules of one policy that were merged; several policies' of
/// one tier; or what a tier or the profiles do to what no rule decided.
struct CountedRules {
  policy::Direction direction = policy::Direction::Ingress;
  policy::Action action = policy::Action::Deny;
  std::string tier = {};                           ///< empty: profiles
  std::string profile = {};                        ///< empty: several, or none
  std::optional<policy::ResourceKey> policy = {};  ///< absent: several, or none
  std::uint32_t rule = 0;                          ///< 0: several, or none
  bool at_end = false;                             ///< what no rule decided

  friend auto operator<=>(const CountedRules&, const CountedRules&) = default;
};

/// What a compiled rule with these places counts: what they have in common. Pre: at least one, all of one tier or all
/// of profiles.
CountedRules count_together(const std::vector<RulePlace>& places, policy::Direction direction, policy::Action action,
                            const policy::NodePolicy& policy);

/// "tier default, NetworkPolicy shop/web, rule 1".
std::string describe(const CountedRules& counted);

/// Its name is "ingress/default/NetworkPolicy/shop/web/1": equal only for equal values, and the same in every table, so
/// that what is counted outlives the table. What the kernel or nft would not take as a name (too long, unusual
/// characters) becomes "ingress/" with a fingerprint, and a comment says the rest.
Counter make_counter(const CountedRules& counted);

/// What the rules of a compiled table stand for.
struct TablePlaces {
  std::map<std::string, CountedRules> counted;                          ///< by name of the counter
  std::map<std::string, std::vector<std::vector<RulePlace>>> of_rules;  ///< by chain: of each of its rules
};

}  // namespace tierwall::nft
