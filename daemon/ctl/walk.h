#pragma once
// The way of one flow through the policies of one endpoint in one direction (of a host endpoint: of one class): every
// tier of the world in evaluation order, who was asked there, why the others were not, and the condition at which each
// rule failed. Values only; the words are in reason_text.h. The verdict is policy::evaluate's: the walk tells how it
// came about.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "policy/evaluate.h"
#include "policy/failsafe.h"
#include "policy/inventory.h"
#include "policy/node_policy.h"
#include "policy/ordering.h"

namespace tierwall::daemon::ctl {

/// A world with its policies in order and resolved; a parameter object that borrows all of it.
struct PolicyView {
  const policy::Snapshot& snapshot;
  const std::vector<policy::OrderedTier>& tiers;
  const policy::NodePolicy& resolved;
  const policy::Failsafes& failsafes;
};

/// Why a policy is not asked.
enum class Skip {
  OtherEndpoints,
  OtherDirection,
  Staged,
  HostsOnly,     ///< untracked and preDNAT policy, on a walk for a pod
  NotOnForward,  ///< no applyOnForward, on a walk of that class
};

struct SkippedPolicy {
  Skip why = Skip::OtherEndpoints;
  policy::ResourceKey key;

  friend bool operator==(const SkippedPolicy&, const SkippedPolicy&) = default;
};

struct AskedRule {
  std::size_t index = 0;               ///< into the rules of this direction
  std::optional<policy::Unmet> unmet;  ///< absent: it matches

  friend bool operator==(const AskedRule&, const AskedRule&) = default;
};

struct AskedPolicy {
  std::size_t index = 0;  ///< into the policies of the resolved tier
  bool reached = true;    ///< false: something before it decided
  bool decided = false;   ///< the last of `rules` is the one that decided, or passed
  std::vector<AskedRule> rules;

  friend bool operator==(const AskedPolicy&, const AskedPolicy&) = default;
};

struct WalkedTier {
  enum class End {
    NotReached,    ///< a tier before it decided
    NothingToAsk,  ///< no policy of it applies
    RuleDecided,
    RulePassed,
    DefaultDenied,
    DefaultPassed,
    NoneDecided,  ///< of classes whose tiers have no default: untracked and preDNAT
  };
  std::string name;
  std::optional<double> order;
  policy::TierDefault default_action = policy::TierDefault::Deny;
  bool missing = false;
  std::optional<std::size_t> resolved;  ///< index into NodePolicy::tiers; present where policies apply
  std::vector<AskedPolicy> asked;       ///< that apply, in evaluation order
  std::vector<SkippedPolicy> skipped;   ///< in evaluation order
  End end = End::NotReached;

  friend bool operator==(const WalkedTier&, const WalkedTier&) = default;
};

struct WalkedProfile {
  std::size_t index = 0;  ///< into NodePolicy::profiles
  bool decided = false;   ///< by the last of `rules`
  std::vector<AskedRule> rules;

  friend bool operator==(const WalkedProfile&, const WalkedProfile&) = default;
};

struct Walk {
  policy::Direction direction = policy::Direction::Ingress;
  policy::PolicyClass policy_class = policy::PolicyClass::Normal;
  bool of_host = false;
  std::vector<WalkedTier> tiers;        ///< those with policies; for a host endpoint those with policies of the class
  std::vector<WalkedProfile> profiles;  ///< that were asked, as every tier was left: a pod's one
  bool no_profile = false;              ///< a host endpoint without any, where one would have been asked

  friend bool operator==(const Walk&, const Walk&) = default;
};

/// Pre: the endpoint is one of `view.resolved`, and its pod is in `view.snapshot`.
Walk walk(const PolicyView& view, const policy::ResolvedEndpoint& endpoint, policy::Direction direction,
          const policy::Flow& flow);
/// Of a host endpoint that has policy of this class; its namespaced policies and those of other classes are left out.
Walk walk(const PolicyView& view, const policy::ResolvedHostEndpoint& endpoint, const policy::Treatment& treatment,
          const policy::Flow& flow);

}  // namespace tierwall::daemon::ctl
