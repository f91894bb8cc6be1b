#pragma once
// A treatment -> its chain and the chains behind it. Few rules stay in the order and number they were written in:
//
//   in4-NAME    tier by tier, rule by rule; a Pass goes to the chain of the tiers that follow
//
// Many rules are merged (nft/merge_decisions.h), and if they are still many, split by port (nft/split_by_port.h), so
// that a packet's cost does not grow with their number:
//
//   in4-NAME    tcp dport vmap @in4-tcp-NAME     single ports
//               tcp dport vmap @in4-tcp-NAME     ranges: every other port
//               udp, sctp likewise; a protocol whose ports are all alike goes to one chain
//               what speaks of other protocols, rule by rule
//   in4-NAME'   what packets to some ports meet

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "nft/compile.h"
#include "nft/decision.h"
#include "nft/rule_place.h"
#include "nft/ruleset.h"
#include "nft/set_unions.h"
#include "nft/split_by_port.h"
#include "policy/node_policy.h"
#include "policy/result.h"

namespace tierwall::nft {

/// Whose chains, and what its verdicts become.
struct ChainStyle {
  bool of_host = false;    ///< of host endpoints; else of pods
  Verdict deny = {};       ///< drop, or goto the chain that rejects or tells
  std::uint32_t mark = 0;  ///< of host endpoints: what untracked and preDNAT policy sets on packets it allows
};

/// Compiles the chains of one family. Chains and maps are added to the ruleset as they turn out to be needed.
class ChainCompiler {
 public:
  /// Borrows everything but the style.
  ChainCompiler(const policy::NodePolicy& policy, ChainStyle style, const Flattening& flattening, SetUnions& unions,
                Ruleset& ruleset, TablePlaces& places)
      : policy_(policy),
        style_(std::move(style)),
        flattening_(flattening),
        unions_(unions),
        ruleset_(ruleset),
        places_(places) {}

  /// The name of the chain for a treatment; empty if it lets everything return.
  std::string compile(const policy::Treatment& treatment);

  /// Set when a treatment could not be compiled; the names given out since are of no use.
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  using Position = DecisionList::const_iterator;

  /// Chains of decisions are compiled from some decision on; what is known of all of them:
  struct List {
    const policy::Treatment& treatment;
    const DecisionList& decisions;
    bool split = false;  ///< only what some ports meet
  };

  std::string chain_from(const List& list, Position first, std::size_t nesting);
  Verdict behind_stage(const List& list, Position decision, std::size_t nesting);
  std::string compile_split(const policy::Treatment& treatment, const DecisionList& decisions,
                            const SplitDecisions& split);
  void append_dispatch(Chain& chain, const policy::Treatment& treatment, const ProtocolCells& protocol);
  void append_port_map(Chain& chain, const policy::Treatment& treatment, policy::Protocol protocol, bool interval,
                       std::vector<Element> elements);
  Verdict to_cell(const policy::Treatment& treatment, const PortCell& cell);
  [[nodiscard]] std::size_t deepest() const;
  [[nodiscard]] bool tells() const;
  [[nodiscard]] DecisionList merge(const policy::Treatment& treatment, const DecisionList& decisions);
  [[nodiscard]] RuleAction action_of(const Decision& decision, const std::string& comment,
                                     const policy::Treatment& treatment, const Verdict& pass) const;
  [[nodiscard]] std::string prefix_of(const policy::Treatment& treatment) const;
  std::string add_counter(const Decision& decision, const policy::Treatment& treatment);
  [[nodiscard]] std::string describe_rule(const Decision& decision) const;
  std::string add_chain(Chain chain, std::vector<std::vector<RulePlace>> places, const policy::Treatment& treatment,
                        const std::vector<std::size_t>& stages, std::size_t nesting);

  const policy::NodePolicy& policy_;
  ChainStyle style_;
  const Flattening& flattening_;
  SetUnions& unions_;
  Ruleset& ruleset_;
  TablePlaces& places_;
  std::optional<Error> error_;
};

}  // namespace tierwall::nft
