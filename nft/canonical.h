#pragma once
// The one way a rule is written. nft drops matches that others imply (`meta l4proto tcp` before `tcp dport`), names
// `th dport` after the protocol once it is known, joins neighbouring ranges of an anonymous set and puts source port
// before destination port. Doing the same before printing and encoding keeps our text and nft's listing equal.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "nft/ruleset.h"

namespace tierwall::nft {

/// The same rule in nft's own form: matches the same packets; canonical(canonical(r)) == canonical(r).
Rule canonical(Rule rule);

/// Length of the prefix that is exactly this range; none if there is no such prefix. A single address has 32 or 128.
std::optional<int> prefix_length(const policy::AddressRange& range);

/// The longest comment or log prefix nft takes, in bytes.
inline constexpr std::size_t kMaxComment = 127;

/// A comment as nft can hold it: nft text knows no escapes, so double quotes become single ones and control
/// characters blanks.
std::string quotable(std::string_view comment);

}  // namespace tierwall::nft
