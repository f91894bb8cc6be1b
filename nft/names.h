#pragma once
// Names in the table. Compiled chains and sets carry a fingerprint of what they contain or mean, so that equal things
// have one name everywhere and a different thing never reuses a name.

#include <string>
#include <string_view>

namespace tierwall::nft {

/// The first 80 bits of SHA-256 as sixteen characters of a-z and 2-7: too many for an author of policies to find two
/// contents with one name by trying (compile refuses the table if it ever meets such a pair).
std::string fingerprint(std::string_view content);

/// At most 127 bytes without double quotes or control characters, as the kernel and nft take comments. What is too
/// long loses its middle.
std::string to_comment(std::string_view text);

}  // namespace tierwall::nft
