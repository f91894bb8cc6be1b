#pragma once
// "did you mean": the known word nearest to one that is not known.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tierwall::daemon::ctl {

/// The candidate with the fewest edits (swapped neighbours count as one), if they are few for the word's length.
/// Of several the first.
std::optional<std::string> find_nearest(std::string_view word, const std::vector<std::string>& candidates);
/// "; did you mean 'NEAREST'?", or nothing.
std::string suggest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace tierwall::daemon::ctl
