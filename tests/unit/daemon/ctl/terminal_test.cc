#include "daemon/ctl/terminal.h"

#include <gtest/gtest.h>

namespace tierwall::daemon::ctl {
namespace {

TEST(Terminal, ColumnsAreAsWideAsTheirWidestCellAndTheLastCellWidensNothing) {
  Columns columns(2);
  columns.add({"a title that is long"});
  columns.add({"name", "x", "end"});
  columns.add({"n", "wide", "a long end"});
  EXPECT_EQ(columns.print(),
            "  a title that is long\n"
            "  name  x     end\n"
            "  n     wide  a long end\n");
}

TEST(Terminal, ColumnsCountCharactersAndTrailNoBlanks) {
  Columns columns;
  columns.add({"né", "b"});
  columns.add({"abc", ""});
  EXPECT_EQ(columns.print(), "né   b\nabc\n");
}

TEST(Terminal, CountsHaveTheirNoun) {
  EXPECT_EQ(count(0, "error"), "0 errors");
  EXPECT_EQ(count(1, "policy", "policies"), "1 policy");
  EXPECT_EQ(count(2, "policy", "policies"), "2 policies");
}

TEST(Terminal, SpansUseOneUnit) {
  EXPECT_EQ(print_span(-5), "0 s");
  EXPECT_EQ(print_span(119'999), "119 s");
  EXPECT_EQ(print_span(120'000), "2 min");
  EXPECT_EQ(print_span(3 * 3'600'000), "3 h");
  EXPECT_EQ(print_span(std::int64_t{72} * 3'600'000), "3 d");
}

TEST(Terminal, DurationsKeepTheirPrecision) {
  EXPECT_EQ(print_duration(999), "999 us");
  EXPECT_EQ(print_duration(3'240), "3.2 ms");
  EXPECT_EQ(print_duration(1'500'000), "1.5 s");
}

TEST(Terminal, PaintsOnlyWhereColourIsWanted) {
  EXPECT_EQ(paint("deny", Color::Red, false), "deny");
  EXPECT_EQ(paint("deny", Color::Red, true), "\x1b[31mdeny\x1b[0m");
}

TEST(Terminal, LongLinesAreBrokenAtBlanks) {
  EXPECT_EQ(wrap("short", 2, 4), "  short\n");
  EXPECT_EQ(wrap("", 2, 4), "  \n");
  const std::string half(60, 'x');
  EXPECT_EQ(wrap(half + " " + half + " end", 2, 4), "  " + half + "\n    " + half + " end\n");
  const std::string endless(150, 'x');
  EXPECT_EQ(wrap("a " + endless, 0, 2), "a\n  " + endless + "\n");
}

}  // namespace
}  // namespace tierwall::daemon::ctl
