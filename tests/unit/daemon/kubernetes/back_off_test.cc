#include "daemon/sources/kubernetes/back_off.h"

#include <gtest/gtest.h>

namespace tierwall::daemon {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

double never() {
  return 0;
}

TEST(BackOff, DoublesUpToItsLimit) {
  BackOff back_off;
  const milliseconds expected[] = {milliseconds(800),   milliseconds(1600),  milliseconds(3200),  milliseconds(6400),
                                   milliseconds(12800), milliseconds(25600), milliseconds(30000), milliseconds(30000)};
  for (const milliseconds wait : expected) EXPECT_EQ(back_off.next(seconds(5), never), wait);
}

TEST(BackOff, ChanceAddsUpToAsMuchAgain) {
  BackOff back_off;
  EXPECT_EQ(back_off.next(seconds(5), [] { return 0.5; }), milliseconds(1200));
  EXPECT_LT(back_off.next(seconds(5), [] { return 0.999; }), milliseconds(3200));
}

TEST(BackOff, BeginsAnewAfterAWhileWithoutFailure) {
  BackOff back_off;
  for (int failure = 0; failure < 8; ++failure) back_off.next(seconds(5), never);
  EXPECT_EQ(back_off.next(seconds(5) + minutes(2) - microseconds(1), never), seconds(30));
  EXPECT_EQ(back_off.next(seconds(5) + minutes(4), never), milliseconds(800));
}

}  // namespace
}  // namespace tierwall::daemon
