// Which lines go and come.

#include "daemon/ctl/line_difference.h"

#include <gtest/gtest.h>

namespace tierwall::daemon::ctl {
namespace {

using Lines = std::vector<std::string>;

struct LinesRow {
  const char* story;
  Lines before;
  Lines after;
  LineDifference difference;
};

TEST(LineDifference, TellsAsFewAsPossible) {
  const LinesRow rows[] = {
      {"nothing", {}, {}, {}},
      {"the same", {"a", "b"}, {"a", "b"}, {}},
      {"all new", {}, {"a", "b"}, {{}, {0, 1}}},
      {"all gone", {"a", "b"}, {}, {{0, 1}, {}}},
      {"one more in front", {"a", "b"}, {"x", "a", "b"}, {{}, {0}}},
      {"one less in the middle", {"a", "b", "c"}, {"a", "c"}, {{1}, {}}},
      {"two that changed places", {"a", "b"}, {"b", "a"}, {{0}, {1}}},
      {"one of two equal ones gone", {"a", "a", "b"}, {"a", "b"}, {{1}, {}}},
      {"both ends others", {"x", "a", "b", "y"}, {"v", "a", "b", "w"}, {{0, 3}, {0, 3}}},
  };
  for (const LinesRow& row : rows) EXPECT_EQ(compare_lines(row.before, row.after), row.difference) << row.story;
}

TEST(LineDifference, GivesUpOnVeryLongDifferences) {
  const std::size_t many = kMostCompared + 1;
  Lines before;
  Lines after;
  for (std::size_t i = 0; i < many; ++i) {
    before.push_back("before " + std::to_string(i));
    after.push_back("after " + std::to_string(i));
  }
  before[many / 2] = after[many / 2] = "the same";
  EXPECT_EQ(compare_lines(before, after).removed.size(), many);
  before.pop_back();
  before.erase(before.begin());
  EXPECT_EQ(compare_lines(before, after).removed.size(), before.size() - 1) << "short enough to look at";
}

}  // namespace
}  // namespace tierwall::daemon::ctl
