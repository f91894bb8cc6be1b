#include "daemon/ctl/walk_text.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "daemon/ctl/reason_text.h"
#include "daemon/ctl/rule_lines.h"

namespace tierwall::daemon::ctl {

namespace {

using policy::Direction;
using TierEnd = WalkedTier::End;

constexpr std::size_t kShownNames = 4;
constexpr std::size_t kTierIndent = 3;
constexpr std::size_t kPolicyIndent = 5;
constexpr std::size_t kRuleIndent = 7;

class WalkPrinter {
 public:
  WalkPrinter(const Walk& walk, const policy::NodePolicy& resolved, const policy::Flow& flow, Shade shade,
              std::size_t indent)
      : walk_(walk), resolved_(resolved), flow_(flow), shade_(shade), indent_(indent) {}

  std::string run() {
    for (const WalkedTier& tier : walk_.tiers) {
      if (tier.end != TierEnd::NotReached) print_tier(tier);
    }
    print_unreached_tiers();
    for (const WalkedProfile& profile : walk_.profiles) print_profile(profile, &profile == &walk_.profiles.back());
    if (walk_.no_profile) print_end("no profile: Deny, as nothing else is left that could allow", kTierIndent);
    return std::move(text_);
  }

 private:
  void print_line(const std::string& line, std::size_t indent) {
    text_ += wrap(line, indent_ + indent, indent_ + indent + 2);
  }

  void print_end(const std::string& line, std::size_t indent) {
    text_ += print_decisive(line, indent_ + indent, shade_);
  }

  void print_tier(const WalkedTier& tier) {
    if (tier.end == TierEnd::NothingToAsk) {
      return print_line(
          fmt::format("{}: nothing applies ({})", describe_tier(tier), join(describe_skipped(tier), "; ")),
          kTierIndent);
    }
    print_line(describe_tier(tier), kTierIndent);
    for (const std::string& line : describe_skipped(tier)) print_line(line, kPolicyIndent);
    const policy::ResolvedTier& resolved = resolved_.tiers[*tier.resolved];
    std::vector<std::string> unreached;
    for (const AskedPolicy& asked : tier.asked) {
      const policy::ResolvedPolicy& policy = resolved.policies[asked.index];
      if (!asked.reached) {
        unreached.push_back(policy::print_name(policy.key));
      } else {
        print_policy(asked, policy, tier.end == TierEnd::RuleDecided);
      }
    }
    if (!unreached.empty()) print_line("not reached: " + list_some(unreached, kShownNames, "and"), kPolicyIndent);
    if (tier.end == TierEnd::DefaultDenied) print_end("end of tier: Deny, as no policy of it decided", kPolicyIndent);
    if (tier.end == TierEnd::DefaultPassed) print_line("end of tier: Pass, on to the next tier", kPolicyIndent);
    if (tier.end == TierEnd::NoneDecided) print_line("end of tier: no rule of it decided", kPolicyIndent);
  }

  /// "does not select this pod: a, b and 3 more": one line for each reason.
  [[nodiscard]] std::vector<std::string> describe_skipped(const WalkedTier& tier) const {
    std::vector<std::string> lines;
    for (const Skip why :
         {Skip::OtherEndpoints, Skip::HostsOnly, Skip::NotOnForward, Skip::OtherDirection, Skip::Staged}) {
      std::vector<std::string> names;
      for (const SkippedPolicy& skipped : tier.skipped) {
        if (skipped.why == why) names.push_back(policy::print_name(skipped.key));
      }
      if (names.empty()) continue;
      lines.push_back(fmt::format("{}: {}", describe_skip(why, walk_), list_some(names, kShownNames, "and")));
    }
    return lines;
  }

  void print_policy(const AskedPolicy& asked, const policy::ResolvedPolicy& policy, bool final) {
    const std::string name = policy::print_key(policy.key);
    if (asked.rules.empty()) {
      return print_line(fmt::format("{}: has no {} rules", name, policy::print_direction(walk_.direction)),
                        kPolicyIndent);
    }
    print_line(name, kPolicyIndent);
    print_rules(policy.rules(walk_.direction), asked.rules, asked.decided, final);
  }

  void print_rules(const std::vector<policy::ResolvedRule>& rules, const std::vector<AskedRule>& asked, bool decided,
                   bool final) {
    for (const RuleLine& line : list_rules(resolved_, rules, asked, decided, flow_)) {
      if (line.decides && final) {
        print_end(line.text, kRuleIndent);
      } else {
        print_line(line.text, kRuleIndent);
      }
    }
  }

  void print_unreached_tiers() {
    std::vector<std::string> names;
    for (const WalkedTier& tier : walk_.tiers) {
      if (tier.end == TierEnd::NotReached) names.push_back(tier.name);
    }
    if (names.empty()) return;
    print_line(
        fmt::format("not reached: {} {}", names.size() == 1 ? "tier" : "tiers", list_some(names, kShownNames, "and")),
        kTierIndent);
  }

  void print_profile(const WalkedProfile& walked, bool last) {
    const policy::ResolvedProfile& profile = resolved_.profiles[walked.index];
    if (profile.implicit) return print_end(describe_implicit_profile(profile), kTierIndent);
    if (profile.missing) return print_end("Profile " + profile.name + ": does not exist: Deny", kTierIndent);
    print_line("Profile " + profile.name, kTierIndent);
    print_rules(profile.rules(walk_.direction), walked.rules, walked.decided, true);
    if (!walked.decided && !last) return print_line("end of profile: no rule of it matched", kPolicyIndent);
    if (!walked.decided) print_end("end of profile: Deny, as no rule of it matched", kPolicyIndent);
    // Behind a profile there is nothing that could allow.
    const bool passed =
        walked.decided &&
        policy::effective_action(profile.rules(walk_.direction)[walked.rules.back().index]) == policy::Action::Pass;
    if (passed) print_end("end of profile: Deny, as nothing is left to pass to", kPolicyIndent);
  }

  [[nodiscard]] std::string describe_implicit_profile(const policy::ResolvedProfile& profile) const {
    const bool asked =
        std::ranges::any_of(walk_.tiers, [](const WalkedTier& tier) { return tier.resolved.has_value(); });
    if (!asked && !walk_.of_host) {
      return fmt::format("no policy applies to what this pod {}: Allow",
                         walk_.direction == Direction::Egress ? "sends" : "receives");
    }
    return fmt::format("Profile {} ({}built in): Allow, as no {}", profile.name,
                       walk_.of_host ? "" : "of the namespace, ", asked ? "tier decided" : "policy applies");
  }

  const Walk& walk_;
  const policy::NodePolicy& resolved_;
  const policy::Flow& flow_;
  Shade shade_;
  std::size_t indent_;
  std::string text_;
};

}  // namespace

std::string print_walk(const Walk& walk, const policy::NodePolicy& resolved, const policy::Flow& flow, Shade shade,
                       std::size_t indent) {
  return WalkPrinter(walk, resolved, flow, shade, indent).run();
}

std::string print_decisive(std::string_view line, std::size_t indent, Shade shade) {
  std::string lines = wrap(line, indent, indent + 2);
  lines.replace(0, 2, "=>");
  lines.pop_back();
  return paint(lines, shade.color, shade.enabled) + "\n";
}

}  // namespace tierwall::daemon::ctl
