#include "nft/opening_rules.h"

#include "nft/cut_bit.h"

namespace tierwall::nft {

namespace {

/// The types policy::is_neighbour_discovery knows, one by one so that nft lists them by name.
Numbers neighbour_discovery_types() {
  Numbers types;
  for (const std::uint32_t type : {130U, 131U, 132U, 133U, 134U, 135U, 136U, 137U, 143U}) types.push_back({type, type});
  return types;
}

}  // namespace

std::vector<Rule> opening_rules() {
  const Verdict accept{Verdict::Code::Accept, {}};
  return {{{{{Field::CtState}, false, Bits{ct_state::kEstablished | ct_state::kRelated}}},
           accept,
           "replies, and errors of what was allowed"},
          neighbour_discovery_rule()};
}

std::vector<Rule> opening_rules(const CompileOptions& options) {
  std::vector<Rule> rules = opening_rules();
  if (options.established == CompileOptions::Established::Keep) return rules;
  rules.insert(rules.begin(), {{{{Field::CtMark}, false, Bits{kCutBit}}},
                               Verdict{Verdict::Code::Drop, {}},
                               "established, but policy denies it now: cut"});
  return rules;
}

Rule neighbour_discovery_rule() {
  return {{{{Field::Icmpv6Type}, false, neighbour_discovery_types()}},
          Verdict{Verdict::Code::Accept, {}},
          "neighbour discovery and multicast listeners"};
}

}  // namespace tierwall::nft
