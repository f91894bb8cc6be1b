#pragma once
// Telling of denied packets: instead of dropping them a rule sends them to one chain, which tells a netlink log group
// of some of them and drops them all. What denied a packet is not told with it: whoever listens asks the evaluator,
// which knows it better than a prefix of 127 bytes could say.
//
//   chain denied   limit rate 100/second burst 200 packets log group 7610 snaplen 128
//                  drop
//
// A packet beyond the limit costs one look at a token bucket (and nobody is woken up), one within it a copy of its
// first bytes, if anybody listens at all. Where the kernel would not follow one chain more, a rule drops without a
// word.

#include <cstdint>
#include <optional>

#include "nft/ruleset.h"

namespace tierwall::nft {

struct DeniedLog {
  std::uint16_t group = 0;
  std::uint32_t per_second = 100;  ///< at most, and twice as many at once; not 0

  friend bool operator==(const DeniedLog&, const DeniedLog&) = default;
};

inline constexpr const char* kDeniedChain = "denied";

/// What a denial is in the table: `drop`, or the way to that chain.
Verdict denial(const std::optional<DeniedLog>& log);
/// Tells and goes on with the next rule.
Rule tell_of_denied(const DeniedLog& log);
Chain denied_chain(const DeniedLog& log);

}  // namespace tierwall::nft
