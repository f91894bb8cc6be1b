#pragma once
// A treatment -> its chain and the chains behind it: tier by tier, rule by rule.

#include <optional>
#include <string>
#include <vector>

#include "nft/compile_rule.h"
#include "nft/ruleset.h"
#include "policy/node_policy.h"
#include "policy/result.h"

namespace tierwall::nft {

/// Whose chains, and what its verdicts become.
struct ChainStyle {
  bool of_host = false;    ///< of host endpoints; else of pods
  Verdict deny = {};       ///< drop, or goto the chain that rejects
  std::uint32_t mark = 0;  ///< of host endpoints: what untracked and preDNAT policy sets on packets it allows
};

/// Compiles the chains of one family. Chains are added to the ruleset as they turn out to be needed.
class ChainCompiler {
 public:
  ChainCompiler(const policy::NodePolicy& policy, ChainStyle style, policy::Family family, const SetNames& sets,
                Ruleset& ruleset)
      : policy_(policy), style_(std::move(style)), family_(family), sets_(sets), ruleset_(ruleset) {}

  /// The name of the chain for a treatment; empty if it lets everything return.
  std::string compile(const policy::Treatment& treatment) { return chain_from(treatment, 0, 1); }

  /// Set when a treatment could not be compiled; the names given out since are of no use.
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  std::string chain_from(const policy::Treatment& treatment, std::size_t step, std::size_t nesting);
  Verdict to_next(const policy::Treatment& treatment, std::size_t step, std::size_t nesting);
  [[nodiscard]] bool has_pass(const policy::TierStep& step, policy::Direction direction) const;
  bool append_tier(Chain& chain, const policy::Treatment& treatment, const policy::TierStep& step, const Verdict& pass);
  void append_profiles(Chain& chain, const policy::Treatment& treatment);
  bool append_profile(Chain& chain, const policy::ResolvedProfile& profile, const policy::Treatment& treatment,
                      bool last);
  bool append_rules(Chain& chain, const std::vector<policy::ResolvedRule>& rules, const std::string& words,
                    const policy::Treatment& treatment, const Verdict& pass);
  [[nodiscard]] RuleAction action_of(const policy::ResolvedRule& rule, const std::string& comment,
                                     const policy::Treatment& treatment, const Verdict& pass) const;
  [[nodiscard]] std::string prefix_of(const policy::Treatment& treatment) const;
  std::string add_chain(Chain chain, const policy::Treatment& treatment, const std::vector<std::string>& tier_names,
                        std::size_t nesting);

  const policy::NodePolicy& policy_;
  ChainStyle style_;
  policy::Family family_;
  const SetNames& sets_;
  Ruleset& ruleset_;
  std::optional<Error> error_;
};

}  // namespace tierwall::nft
