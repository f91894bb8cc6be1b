#include "tests/lab/matrix.h"

#include <gtest/gtest.h>

namespace tierwall::lab {
namespace {

const MatrixShape kShape = {
    .sources = {{"app/a", "a"}, {"outside", "stranger"}},
    .targets = {{"app/a", "a", policy::kTcp, 80}, {"app/b", "b", policy::kUdp, 53}},
};
const Cells kBefore = {std::nullopt, Outcome::Allowed, Outcome::Dropped, Outcome::Allowed};
const Cells kAfter = {std::nullopt, Outcome::Dropped, Outcome::Dropped, Outcome::Refused};

TEST(Matrix, IsAlignedAndMarksWhatChanged) {
  EXPECT_EQ(print_matrix(kShape, kAfter, &kBefore),
            "from \\ to  a        b\n"
            "           tcp 80   udp 53\n"
            "a          -        drop*\n"
            "stranger   drop     refuse*\n");
}

TEST(Matrix, MarksNothingTheFirstTime) {
  EXPECT_EQ(print_matrix(kShape, kAfter, nullptr).find('*'), std::string::npos);
}

TEST(Matrix, ColorsAreAskedFor) {
  EXPECT_EQ(print_matrix(kShape, kAfter, &kBefore).find('\033'), std::string::npos);
  EXPECT_NE(print_matrix(kShape, kAfter, &kBefore, {.color = true}).find('\033'), std::string::npos);
}

TEST(Matrix, NamesEveryCellThatIsNotAsExpected) {
  EXPECT_EQ(describe_differences(kShape, kAfter, kBefore),
            (std::vector<std::string>{"a -> b udp 53: drop, expected allow",
                                      "stranger -> b udp 53: refuse, expected allow"}));
  EXPECT_TRUE(describe_differences(kShape, kAfter, kAfter).empty());
}

}  // namespace
}  // namespace tierwall::lab
