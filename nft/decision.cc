#include "nft/decision.h"

#include <set>
#include <utility>

#include "policy/evaluate.h"

namespace tierwall::nft {

namespace {

using policy::Action;
using policy::PolicyClass;

std::uint32_t narrow(std::size_t index) {
  return static_cast<std::uint32_t>(index);
}

class DecisionLister {
 public:
  DecisionLister(const policy::NodePolicy& policy, const policy::Treatment& treatment, policy::Family family,
                 const SetNames& sets)
      : policy_(policy), treatment_(treatment), family_(family), sets_(sets) {}

  DecisionList run() {
    for (const policy::TierStep& step : treatment_.steps) append_tier(step);
    if (treatment_.policy_class == PolicyClass::Normal) append_profiles();
    return std::move(decisions_);
  }

 private:
  void append_tier(const policy::TierStep& step) {
    const policy::ResolvedTier& tier = policy_.tiers[step.tier];
    for (const std::size_t index : step.policies) {
      const policy::ResolvedPolicy& resolved = tier.policies[index];
      append_rules(resolved.rules(treatment_.direction), {.owner = narrow(step.tier), .policy = narrow(index)});
    }
    const bool passes = tier.default_action == policy::TierDefault::Pass || !tiers_may_deny(treatment_.policy_class);
    append_end(passes ? Action::Pass : Action::Deny,
               {.of = RulePlace::Of::Tier, .passes = passes, .owner = narrow(step.tier)});
    ++stage_;
  }

  void append_profiles() {
    if (treatment_.profiles.empty()) append_end(Action::Deny, {.of = RulePlace::Of::NoProfile});
    for (const std::size_t index : treatment_.profiles) {
      const policy::ResolvedProfile& profile = policy_.profiles[index];
      const RulePlace place{.of = RulePlace::Of::Profile, .owner = narrow(index)};
      if (profile.implicit) return append_end(Action::Allow, place);
      if (profile.missing) return append_end(Action::Deny, place);
      append_rules(profile.rules(treatment_.direction), place);
      if (index == treatment_.profiles.back()) append_end(Action::Deny, place);
    }
  }

  void append_rules(const std::vector<policy::ResolvedRule>& rules, RulePlace place) {
    for (const policy::ResolvedRule& rule : rules) {
      place.rule = static_cast<std::uint32_t>(rule.number);
      if (!rule.understood && (rule.action == Action::Allow || rule.action == Action::Log)) continue;
      for (std::vector<Match>& matches : compile_matches(rule, family_, sets_)) {
        decisions_.push_back(
            {.stage = stage_, .matches = std::move(matches), .action = action_of(rule), .stands_for = {place}});
      }
    }
  }

  /// A profile's Pass has nowhere to go: it denies.
  [[nodiscard]] Action action_of(const policy::ResolvedRule& rule) const {
    const Action action = policy::effective_action(rule);
    return action == Action::Pass && stage_ == treatment_.steps.size() ? Action::Deny : action;
  }

  void append_end(Action action, RulePlace place) {
    decisions_.push_back({.stage = stage_, .matches = {}, .action = action, .stands_for = {place}, .of_rule = false});
  }

  const policy::NodePolicy& policy_;
  const policy::Treatment& treatment_;
  policy::Family family_;
  const SetNames& sets_;
  std::size_t stage_ = 0;
  DecisionList decisions_;
};

}  // namespace

DecisionList list_decisions(const policy::NodePolicy& policy, const policy::Treatment& treatment, policy::Family family,
                            const SetNames& sets) {
  return DecisionLister(policy, treatment, family, sets).run();
}

DecisionList drop_unreachable(DecisionList decisions) {
  DecisionList kept;
  std::size_t stage = 0;
  bool entered = true;    // packets get into this stage
  bool leads_on = false;  // and some into the next: every stage has an end, so only by a Pass
  bool ended = false;     // what stands behind in this stage, nothing reaches
  std::set<std::vector<Match>> seen;
  for (Decision& decision : decisions) {
    if (decision.stage != stage) {
      stage = decision.stage;
      entered = std::exchange(leads_on, false);
      ended = false;
      seen.clear();
    }
    if (!entered || ended) continue;
    if (decision.action != policy::Action::Log && !seen.insert(decision.matches).second) continue;
    leads_on = leads_on || decision.action == policy::Action::Pass;
    ended = is_final(decision);
    kept.push_back(std::move(decision));
  }
  return kept;
}

}  // namespace tierwall::nft
