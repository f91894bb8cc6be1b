#include "daemon/ctl/line_difference.h"

#include <algorithm>
#include <cstdint>
#include <numeric>

namespace tierwall::daemon::ctl {

namespace {

/// What is between the first and the last line that differ.
struct Middle {
  std::size_t begin = 0;
  std::size_t before_end = 0;
  std::size_t after_end = 0;

  [[nodiscard]] std::size_t before_size() const { return before_end - begin; }
  [[nodiscard]] std::size_t after_size() const { return after_end - begin; }
};

Middle find_middle(const std::vector<std::string>& before, const std::vector<std::string>& after) {
  Middle middle{.before_end = before.size(), .after_end = after.size()};
  const std::size_t shorter = std::min(before.size(), after.size());
  while (middle.begin < shorter && before[middle.begin] == after[middle.begin]) ++middle.begin;
  while (middle.before_end > middle.begin && middle.after_end > middle.begin &&
         before[middle.before_end - 1] == after[middle.after_end - 1]) {
    --middle.before_end;
    --middle.after_end;
  }
  return middle;
}

/// How many lines the rests of the two lists have in common, from every pair of positions on.
class CommonLines {
 public:
  CommonLines(const std::vector<std::string>& before, const std::vector<std::string>& after, const Middle& middle)
      : width_(middle.after_size() + 1), lengths_((middle.before_size() + 1) * width_) {
    for (std::size_t i = middle.before_size(); i-- > 0;) {
      for (std::size_t j = middle.after_size(); j-- > 0;) {
        const bool equal = before[middle.begin + i] == after[middle.begin + j];
        at(i, j) = equal ? at(i + 1, j + 1) + 1 : std::max(at(i + 1, j), at(i, j + 1));
      }
    }
  }
  std::uint32_t& at(std::size_t i, std::size_t j) { return lengths_[i * width_ + j]; }

 private:
  std::size_t width_;
  std::vector<std::uint32_t> lengths_;
};

std::vector<std::size_t> all_of(std::size_t begin, std::size_t end) {
  std::vector<std::size_t> positions(end - begin);
  std::iota(positions.begin(), positions.end(), begin);
  return positions;
}

}  // namespace

LineDifference compare_lines(const std::vector<std::string>& before, const std::vector<std::string>& after) {
  const Middle middle = find_middle(before, after);
  const bool too_long = middle.before_size() * middle.after_size() > kMostCompared * kMostCompared;
  if (too_long || middle.before_size() == 0 || middle.after_size() == 0) {
    return {all_of(middle.begin, middle.before_end), all_of(middle.begin, middle.after_end)};
  }
  CommonLines common(before, after, middle);
  LineDifference difference;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < middle.before_size() || j < middle.after_size()) {
    const bool both = i < middle.before_size() && j < middle.after_size();
    if (both && before[middle.begin + i] == after[middle.begin + j]) {
      ++i;
      ++j;
    } else if (i < middle.before_size() && (!both || common.at(i + 1, j) >= common.at(i, j + 1))) {
      difference.removed.push_back(middle.begin + i++);
    } else {
      difference.added.push_back(middle.begin + j++);
    }
  }
  return difference;
}

}  // namespace tierwall::daemon::ctl
