#pragma once
// One rule -> the expressions nft itself generates for its text, with libnftnl.

#include <cstdint>
#include <string>
#include <vector>

#include "nft/handles.h"
#include "nft/ruleset.h"

namespace tierwall::nft {

/// The values of a match with several alternatives: a set of its own, which the rule refers to by its number within
/// the transaction.
struct AnonymousSet {
  std::uint32_t id = 0;
  std::uint32_t type_id = 0;
  std::uint8_t key_length = 0;
  bool interval = false;
  std::vector<Element> elements;  ///< with `last` if interval
};

inline constexpr const char* kAnonymousSetName = "__set%d";

struct EncodedRule {
  std::vector<AnonymousSet> sets;  ///< to be added before the rule
  RulePtr rule;                    ///< expressions and comment; not yet its table and chain
};

/// `next_set_id` is taken from and counted up for anonymous sets.
EncodedRule encode_rule(const Rule& rule, std::uint32_t& next_set_id);

/// The kernel's number of a verdict.
std::uint32_t verdict_number(Verdict::Code code);

}  // namespace tierwall::nft
