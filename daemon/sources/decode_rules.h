#pragma once
// What decoders of policies do with lists of rules, whichever API they come from: rules that were not understood close
// themselves (law 5 of design.md), and the rest of the policy stays as it is.

#include <cstddef>
#include <functional>
#include <vector>

#include "daemon/sources/decode_reader.h"
#include "policy/model.h"

namespace tierwall::daemon {

/// The rules of one direction as written.
struct RuleSection {
  bool written = false;  ///< more than an empty list
  std::vector<policy::Rule> rules;
  std::size_t errors = 0;  ///< inside rules, which close themselves

  friend bool operator==(const RuleSection&, const RuleSection&) = default;
};

/// Reads the rule at that position (from 1) and appends what becomes of it.
using ReadRule = std::function<void(const Cursor& at, int number, std::vector<policy::Rule>& rules)>;

/// Rules of which any may deny: a list that cannot be read at all, and what is beyond `most`, becomes one Deny that
/// matches everything.
RuleSection read_ordered_rules(const Cursor& at, std::size_t most, const ReadRule& read_rule);

/// A rule of which only the action is known.
policy::Rule closed_rule(policy::Action action, int number);

/// For errors around the rules: nobody knows what the part that was not understood would have restricted, so nothing is
/// allowed. `errors`: how many the object has altogether.
void close_if_surrounded(std::size_t errors, RuleSection& ingress, RuleSection& egress);

}  // namespace tierwall::daemon
