#include "daemon/ctl/suggestion.h"

#include <gtest/gtest.h>

namespace tierwall::daemon::ctl {
namespace {

const std::vector<std::string> kWords = {"check", "explain", "compile", "test", "status", "get"};

TEST(Suggestion, FindsTheNearestWord) {
  EXPECT_EQ(find_nearest("chek", kWords), "check");
  EXPECT_EQ(find_nearest("explian", kWords), "explain");  // swapped neighbours are one edit
  EXPECT_EQ(find_nearest("stauts", kWords), "status");
  EXPECT_EQ(find_nearest("gte", kWords), "get");
}

TEST(Suggestion, StaysSilentWhenNothingIsNear) {
  EXPECT_EQ(find_nearest("frobnicate", kWords), std::nullopt);
  EXPECT_EQ(find_nearest("", kWords), std::nullopt);
  EXPECT_EQ(find_nearest(std::string(100'000, 'x'), kWords), std::nullopt);
  EXPECT_EQ(suggest("frobnicate", kWords), "");
}

TEST(Suggestion, IsAnAppendixToAMessage) {
  EXPECT_EQ(suggest("chek", kWords), "; did you mean 'check'?");
}

}  // namespace
}  // namespace tierwall::daemon::ctl
