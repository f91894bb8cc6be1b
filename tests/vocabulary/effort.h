#pragma once
// How much of what is generated is tried.

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace tierwall::test {

/// Of so many generated cases, how many to try: all, or with TIERWALL_ONE_OF=4 a fourth. The sanitizers' run asks for
/// less, because it looks for errors of memory and not of policy, and takes ten times as long.
inline std::uint32_t tried_of(std::uint32_t all) {
  const char* one_of = std::getenv("TIERWALL_ONE_OF");
  const int parts = one_of != nullptr ? std::atoi(one_of) : 1;
  return std::max(1U, all / static_cast<std::uint32_t>(std::max(1, parts)));
}

}  // namespace tierwall::test
