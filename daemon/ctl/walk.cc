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

/// Whose policies are walked: a pod's or a host endpoint's.
struct Walked {
  const policy::Pod* pod = nullptr;
  const policy::HostEndpoint* host = nullptr;
};

class Walker {
 public:
  Walker(const PolicyView& view, Walked who, const policy::Treatment& treatment, const policy::Flow& flow)
      : view_(view), who_(who), treatment_(treatment), flow_(flow) {}

  Walk run() {
    Walk walk;
    walk.direction = treatment_.direction;
    walk.policy_class = treatment_.policy_class;
    walk.of_host = who_.host != nullptr;
    for (const policy::OrderedTier& tier : view_.tiers) {
      if (std::ranges::any_of(tier.policies, [&](const auto* policy) { return is_of_class(*policy); })) {
        walk.tiers.push_back(walk_tier(tier));
      }
    }
    if (!decided_ && treatment_.policy_class == policy::PolicyClass::Normal) {
      ask_profiles(walk.profiles);
      walk.no_profile = treatment_.profiles.empty();
    }
    return walk;
  }

 private:
  /// Of host endpoints only what could have judged here is of interest; of pods everything.
  [[nodiscard]] bool is_of_class(const policy::Policy& policy) const {
    if (who_.host == nullptr) return true;
    const bool global =
        policy.kind == policy::Kind::GlobalNetworkPolicy || policy.kind == policy::Kind::StagedGlobalNetworkPolicy;
    const policy::Stage stage = treatment_.policy_class == policy::PolicyClass::Untracked ? policy::Stage::Untracked
                                : treatment_.policy_class == policy::PolicyClass::PreDnat ? policy::Stage::PreDnat
                                                                                          : policy::Stage::Tracked;
    return global && policy.stage == stage;
  }

  WalkedTier walk_tier(const policy::OrderedTier& ordered) {
    const policy::Tier& tier = ordered.tier;
    WalkedTier walked{tier.name, tier.order, tier.default_action, ordered.missing, {}, {}, {}};
    for (const policy::Policy* policy : ordered.policies) {
      if (!is_of_class(*policy)) continue;
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
    const bool selected = who_.host != nullptr ? policy::selects(view_.snapshot, policy, *who_.host)
                                               : policy::selects(view_.snapshot, policy, *who_.pod);
    if (!selected) return Skip::OtherEndpoints;
    if (who_.pod != nullptr && policy.stage != policy::Stage::Tracked) return Skip::HostsOnly;
    if (treatment_.policy_class == policy::PolicyClass::Forward && !policy.apply_on_forward) return Skip::NotOnForward;
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
    if (!left) end_tier(tier, walked);
  }

  void end_tier(const policy::ResolvedTier& tier, WalkedTier& walked) {
    const bool has_default = treatment_.policy_class == policy::PolicyClass::Normal ||
                             treatment_.policy_class == policy::PolicyClass::Forward;
    decided_ = has_default && tier.default_action == policy::TierDefault::Deny;
    walked.end = !has_default ? WalkedTier::End::NoneDecided
                 : decided_   ? WalkedTier::End::DefaultDenied
                              : WalkedTier::End::DefaultPassed;
  }

  /// Up to the first that decides: one that allows by itself or does not exist, or one with a rule that matches.
  void ask_profiles(std::vector<WalkedProfile>& walked) const {
    for (const std::size_t index : treatment_.profiles) {
      const policy::ResolvedProfile& profile = view_.resolved.profiles[index];
      AskedRules answer = ask_rules(view_.resolved, profile.rules(treatment_.direction), flow_);
      walked.push_back({index, answer.decision.has_value(), std::move(answer.rules)});
      if (profile.implicit || profile.missing || walked.back().decided) return;
    }
  }

  const PolicyView& view_;
  Walked who_;
  const policy::Treatment& treatment_;
  const policy::Flow& flow_;
  bool decided_ = false;
};

}  // namespace

Walk walk(const PolicyView& view, const policy::ResolvedEndpoint& endpoint, policy::Direction direction,
          const policy::Flow& flow) {
  const policy::Pod& pod = view.snapshot.pods.at({endpoint.pod.ns, endpoint.pod.name});
  return Walker(view, {.pod = &pod}, view.resolved.treatment(endpoint, direction), flow).run();
}

Walk walk(const PolicyView& view, const policy::ResolvedHostEndpoint& endpoint, const policy::Treatment& treatment,
          const policy::Flow& flow) {
  const policy::HostEndpoint& host = view.snapshot.host_endpoints.at(endpoint.name);
  return Walker(view, {.host = &host}, treatment, flow).run();
}

}  // namespace tierwall::daemon::ctl
