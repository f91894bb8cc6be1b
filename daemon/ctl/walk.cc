#include "daemon/ctl/walk.h"

#include <algorithm>
#include <utility>

#include "policy/subjects.h"

namespace tierwall::daemon::ctl {

namespace {

using policy::Action;

/// The rules up to the first that decides.
struct AskedRules {
  std::vector<AskedRule> rules;
  std::optional<Action> decision;
};

AskedRules ask_rules(const policy::NodePolicy& resolved, const std::vector<policy::ResolvedRule>& rules,
                     const policy::Flow& flow) {
  AskedRules asked;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    asked.rules.push_back({i, policy::first_unmet(resolved, rules[i], flow)});
    if (asked.rules.back().unmet || rules[i].action == Action::Log) continue;
    asked.decision = policy::effective_action(rules[i]);
    break;
  }
  return asked;
}

class Walker {
 public:
  Walker(const PolicyView& view, const policy::ResolvedEndpoint& endpoint, policy::Direction direction,
         const policy::Flow& flow)
      : view_(view),
        pod_(view.snapshot.pods.at({endpoint.pod.ns, endpoint.pod.name})),
        treatment_(view.resolved.treatment(endpoint, direction)),
        flow_(flow) {}

  Walk run() {
    Walk walk;
    walk.direction = treatment_.direction;
    for (const policy::OrderedTier& tier : view_.tiers) {
      if (!tier.policies.empty()) walk.tiers.push_back(walk_tier(tier));
    }
    if (!decided_) walk.profile = ask_profile();
    return walk;
  }

 private:
  WalkedTier walk_tier(const policy::OrderedTier& ordered) {
    const policy::Tier& tier = ordered.tier;
    WalkedTier walked{tier.name, tier.order, tier.default_action, ordered.missing, {}, {}, {}};
    for (const policy::Policy* policy : ordered.policies) {
      if (const auto why = why_skipped(*policy)) walked.skipped.push_back({*why, policy::key_of(*policy)});
    }
    const policy::TierStep* step = find_step(tier.name);
    if (step == nullptr) {
      if (!decided_) walked.end = WalkedTier::End::NothingToAsk;
      return walked;
    }
    walked.resolved = step->tier;
    ask_policies(*step, walked);
    return walked;
  }

  [[nodiscard]] std::optional<Skip> why_skipped(const policy::Policy& policy) const {
    if (policy.staged) return Skip::Staged;
    if (!policy::selects(view_.snapshot, policy, pod_)) return Skip::OtherEndpoints;
    if (!policy.applies_to(treatment_.direction)) return Skip::OtherDirection;
    return std::nullopt;
  }

  [[nodiscard]] const policy::TierStep* find_step(const std::string& tier) const {
    const auto found = std::ranges::find_if(
        treatment_.steps, [&](const policy::TierStep& step) { return view_.resolved.tiers[step.tier].name == tier; });
    return found == treatment_.steps.end() ? nullptr : &*found;
  }

  void ask_policies(const policy::TierStep& step, WalkedTier& walked) {
    const policy::ResolvedTier& tier = view_.resolved.tiers[step.tier];
    bool left = decided_;
    for (const std::size_t index : step.policies) {
      AskedPolicy& asked = walked.asked.emplace_back(AskedPolicy{index, !left, false, {}});
      if (left) continue;
      AskedRules answer = ask_rules(view_.resolved, tier.policies[index].rules(treatment_.direction), flow_);
      asked.rules = std::move(answer.rules);
      asked.decided = left = answer.decision.has_value();
      if (!left) continue;
      decided_ = answer.decision != Action::Pass;
      walked.end = decided_ ? WalkedTier::End::RuleDecided : WalkedTier::End::RulePassed;
    }
    if (left) return;
    decided_ = tier.default_action == policy::TierDefault::Deny;
    walked.end = decided_ ? WalkedTier::End::DefaultDenied : WalkedTier::End::DefaultPassed;
  }

  [[nodiscard]] WalkedProfile ask_profile() const {
    const std::size_t index = treatment_.profiles.front();  // pods have one
    const policy::ResolvedProfile& profile = view_.resolved.profiles[index];
    AskedRules answer = ask_rules(view_.resolved, profile.rules(treatment_.direction), flow_);
    return {index, answer.decision.has_value(), std::move(answer.rules)};
  }

  const PolicyView& view_;
  const policy::Pod& pod_;
  const policy::Treatment& treatment_;
  const policy::Flow& flow_;
  bool decided_ = false;
};

}  // namespace

Walk walk(const PolicyView& view, const policy::ResolvedEndpoint& endpoint, policy::Direction direction,
          const policy::Flow& flow) {
  return Walker(view, endpoint, direction, flow).run();
}

}  // namespace tierwall::daemon::ctl
