#pragma once
// Two lists of lines, and which lines have to go and come to make one of the other.

#include <cstddef>
#include <string>
#include <vector>

namespace tierwall::daemon::ctl {

struct LineDifference {
  std::vector<std::size_t> removed = {};  ///< positions in `before`
  std::vector<std::size_t> added = {};    ///< positions in `after`

  friend bool operator==(const LineDifference&, const LineDifference&) = default;
};

/// As few as possible, unless more than kMostCompared lines differ on both sides: then all of those go and come.
LineDifference compare_lines(const std::vector<std::string>& before, const std::vector<std::string>& after);
inline constexpr std::size_t kMostCompared = 2'000;

}  // namespace tierwall::daemon::ctl
