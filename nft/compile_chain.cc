#include "nft/compile_chain.h"

#include <algorithm>
#include <utility>

#include "nft/names.h"
#include "nft/print.h"
#include "nft/table_words.h"
#include "policy/evaluate.h"

namespace tierwall::nft {

namespace {

using policy::Action;
using policy::Direction;
using policy::PolicyClass;

/// The kernel follows 16 levels of jump and goto, the base chain included (NFT_JUMP_STACK_SIZE); it counts both when
/// it validates a table.
constexpr std::size_t kMaxNesting = 15;

void append(Chain& chain, Rule rule) {
  chain.rules.push_back(std::move(rule));
}

/// Untracked and preDNAT policy leaves what no rule decides to what follows.
bool tiers_may_deny(PolicyClass policy_class) {
  return policy_class == PolicyClass::Normal || policy_class == PolicyClass::Forward;
}

}  // namespace

/// The chain of the tiers from `step` on and of the profiles.
std::string ChainCompiler::chain_from(const policy::Treatment& treatment, std::size_t step, std::size_t nesting) {
  Chain chain;
  std::vector<std::string> tier_names;
  bool open_end = true;
  for (; open_end && step < treatment.steps.size(); ++step) {
    const policy::TierStep& tier = treatment.steps[step];
    tier_names.push_back(policy_.tiers[tier.tier].name);
    const bool passes = has_pass(tier, treatment.direction);
    const Verdict pass = passes ? to_next(treatment, step + 1, nesting) : Verdict{};
    open_end = append_tier(chain, treatment, tier, pass);
    if (open_end && passes) {
      append(chain, {{}, pass, to_comment("tier " + tier_names.back() + ": passed on")});
      open_end = false;
    }
  }
  if (open_end && treatment.policy_class == PolicyClass::Normal) append_profiles(chain, treatment);
  return add_chain(std::move(chain), treatment, tier_names, nesting);
}

/// How a packet gets from a tier to what follows it: everything behind returns, or the chain of the rest decides.
Verdict ChainCompiler::to_next(const policy::Treatment& treatment, std::size_t step, std::size_t nesting) {
  const std::string rest = chain_from(treatment, step, nesting + 1);
  return rest.empty() ? Verdict{Verdict::Code::Return, {}} : Verdict{Verdict::Code::Goto, rest};
}

bool ChainCompiler::has_pass(const policy::TierStep& step, Direction direction) const {
  return std::ranges::any_of(step.policies, [&](std::size_t index) {
    const auto& rules = policy_.tiers[step.tier].policies[index].rules(direction);
    return std::ranges::any_of(
        rules, [](const policy::ResolvedRule& rule) { return policy::effective_action(rule) == Action::Pass; });
  });
}

/// False if nothing reaches the end of the tier.
bool ChainCompiler::append_tier(Chain& chain, const policy::Treatment& treatment, const policy::TierStep& step,
                                const Verdict& pass) {
  const policy::ResolvedTier& tier = policy_.tiers[step.tier];
  for (const std::size_t index : step.policies) {
    const policy::ResolvedPolicy& policy = tier.policies[index];
    const std::string words = "tier " + tier.name + ", " + policy::print_key(policy.key);
    if (!append_rules(chain, policy.rules(treatment.direction), words, treatment, pass)) return false;
  }
  if (tier.default_action == policy::TierDefault::Pass || !tiers_may_deny(treatment.policy_class)) return true;
  append(chain, {{}, style_.deny, to_comment("tier " + tier.name + ": no rule matched, default Deny")});
  return false;
}

void ChainCompiler::append_profiles(Chain& chain, const policy::Treatment& treatment) {
  if (treatment.profiles.empty()) append(chain, {{}, style_.deny, "no profile allows it"});
  for (std::size_t i = 0; i < treatment.profiles.size(); ++i) {
    const bool last = i + 1 == treatment.profiles.size();
    if (!append_profile(chain, policy_.profiles[treatment.profiles[i]], treatment, last)) return;
  }
}

/// False if nothing reaches the profile behind it.
bool ChainCompiler::append_profile(Chain& chain, const policy::ResolvedProfile& profile,
                                   const policy::Treatment& treatment, bool last) {
  if (profile.implicit) return false;  // allows everything: the chain's end returns
  if (profile.missing) {
    append(chain, {{}, style_.deny, to_comment("Profile " + profile.name + ": does not exist")});
    return false;
  }
  if (!append_rules(chain, profile.rules(treatment.direction), "Profile " + profile.name, treatment, style_.deny)) {
    return false;
  }
  if (last) append(chain, {{}, style_.deny, to_comment("Profile " + profile.name + ": no rule matched")});
  return true;
}

/// False if a rule without conditions ends the chain.
bool ChainCompiler::append_rules(Chain& chain, const std::vector<policy::ResolvedRule>& rules, const std::string& words,
                                 const policy::Treatment& treatment, const Verdict& pass) {
  for (const policy::ResolvedRule& rule : rules) {
    if (!rule.understood && (rule.action == Action::Allow || rule.action == Action::Log)) continue;
    const std::string comment = to_comment(words + ", rule " + std::to_string(rule.number));
    for (std::vector<Match>& matches : compile_matches(rule, family_, sets_)) {
      const bool always = matches.empty();
      append(chain, {std::move(matches), action_of(rule, comment, treatment, pass), comment});
      if (always && rule.action != Action::Log) return false;
    }
  }
  return true;
}

RuleAction ChainCompiler::action_of(const policy::ResolvedRule& rule, const std::string& comment,
                                    const policy::Treatment& treatment, const Verdict& pass) const {
  switch (policy::effective_action(rule)) {
    case Action::Allow:
      if (tiers_may_deny(treatment.policy_class)) return Verdict{Verdict::Code::Return, {}};
      return SetMark{style_.mark, treatment.policy_class == PolicyClass::Untracked, {Verdict::Code::Accept, {}}};
    case Action::Deny:
      return style_.deny;
    case Action::Pass:
      return pass;
    case Action::Log:
      return Log{"tierwall: " + comment.substr(0, 115) + ": "};
  }
  TIERWALL_CHECK(false);
}

/// Pods: "in4-"; host endpoints: "hu-in4-" untracked, "hp-" preDNAT, "hn-" normal, "hf-" forward.
std::string ChainCompiler::prefix_of(const policy::Treatment& treatment) const {
  constexpr const char* kClasses[] = {"hu-", "hp-", "hn-", "hf-"};
  const std::string of_class = style_.of_host ? kClasses[static_cast<std::size_t>(treatment.policy_class)] : "";
  return of_class + (treatment.direction == Direction::Egress ? "eg" : "in") + family_suffix(family_) + "-";
}

/// Names the chain by its content and adds it; nothing is added for a chain that only returns.
std::string ChainCompiler::add_chain(Chain chain, const policy::Treatment& treatment,
                                     const std::vector<std::string>& tier_names, std::size_t nesting) {
  const Verdict returns{Verdict::Code::Return, {}};
  while (!chain.rules.empty() && chain.rules.back().action == RuleAction{returns}) chain.rules.pop_back();
  if (chain.rules.empty()) return {};
  const bool goes_on_to_reject = style_.deny.code == Verdict::Code::Goto;
  if (nesting + (goes_on_to_reject ? 1 : 0) > kMaxNesting) {
    error_ = Error{ErrorKind::Unsupported,
                   "more than " + std::to_string(kMaxNesting) +
                       " tiers with Pass rules follow each other, which is deeper than the kernel follows"};
  }
  std::string words = style_.of_host ? "host endpoints, " + std::string(print_class(treatment.policy_class)) + " " : "";
  words += std::string(policy::print_direction(treatment.direction)) + ", tiers: ";
  for (const std::string& name : tier_names) words += (&name == tier_names.data() ? "" : ", ") + name;
  chain.comment = to_comment(words);
  std::string content = chain.comment + "\n";
  for (const Rule& rule : chain.rules) content += print(rule) + "\n";
  chain.name = prefix_of(treatment) + fingerprint(content);
  const auto [entry, added] = ruleset_.chains.try_emplace(chain.name, chain);
  if (!added && entry->second != chain) {
    error_ = Error{ErrorKind::Unsupported, "two different chains have the fingerprint " + chain.name};
  }
  return chain.name;
}

}  // namespace tierwall::nft
