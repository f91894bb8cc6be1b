// When connections are judged again, and what becomes of them.

#include "daemon/connections/rechecks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_connections.h"
#include "tests/unit/daemon/connections/tracked.h"

namespace tierwall::daemon {
namespace {

using nft::kCutBit;
using policy::parse_address;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr std::uint32_t kForeignBits = 0x81;

/// web is closed unless a test opens it.
struct RechecksTest : testing::Test {
  RechecksTest() {
    options.node = "here";
    table.own = {*parse_address("192.0.2.1")};
  }

  /// Steps as long as something is due now. The last report, if one came.
  std::optional<RecheckReport> run() {
    std::optional<RecheckReport> last;
    while (rechecks.due() && *rechecks.due() <= clock.monotonic()) {
      if (auto report = rechecks.step({policy, options, [](const policy::Address&) { return "eth0"; }})) {
        last = std::move(report);
      }
    }
    return last;
  }
  std::optional<RecheckReport> recheck() {
    rechecks.want();
    clock.advance(Rechecks::kApart);
    return run();
  }
  [[nodiscard]] std::vector<std::uint32_t> marks() const {
    std::vector<std::uint32_t> all;
    for (const TrackedConnection& each : table.present) all.push_back(each.mark);
    return all;
  }

  test::FakeConnections table;
  test::FakeClock clock;
  Rechecks rechecks{table, clock};
  policy::NodePolicy policy = policy_here(ingress_of("web", ""));
  nft::CompileOptions options;
};

TEST_F(RechecksTest, NothingIsDueUntilSomebodyWantsIt) {
  EXPECT_EQ(rechecks.due(), std::nullopt);
  EXPECT_EQ(run(), std::nullopt);
  EXPECT_EQ(table.listings, 0);
}

TEST_F(RechecksTest, CutsWhatIsDeniedAndOnlyThatAndLeavesForeignBitsAlone) {
  table.present = {with_mark(tracked_tcp("10.0.0.2", "10.0.0.1", 80), kForeignBits),
                   with_mark(tracked_tcp("10.0.0.1", "10.0.0.2", 80), kForeignBits),
                   tracked_ping("203.0.113.9", "10.0.0.1"), tracked_tcp("203.0.113.9", "203.0.113.10", 80)};
  const auto report = recheck();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->looked_at, 3U);
  EXPECT_EQ(report->cut, 2U);
  EXPECT_THAT(marks(), ElementsAre(kForeignBits | kCutBit, kForeignBits, kCutBit, 0U));
  EXPECT_EQ(print_cuts(*report),
            "cut 2 established connections that policy denies now: tcp 10.0.0.2:40000 (pod app/db) to 10.0.0.1:80 (pod "
            "app/web), denied by the end of tier default, ingress; icmp 203.0.113.9 to 10.0.0.1 (pod app/web), denied "
            "by the end of tier default, ingress");
  const auto again = recheck();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->cut, 0U) << "it is cut already";
  EXPECT_EQ(rechecks.cut_so_far(), 2U);
}

TEST_F(RechecksTest, WhatIsAllowedAgainIsReleased) {
  table.present = {with_mark(tracked_tcp("10.0.0.2", "10.0.0.1", 80), kForeignBits)};
  recheck();
  policy = policy_here();
  const auto report = recheck();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->released, 1U);
  EXPECT_THAT(marks(), ElementsAre(kForeignBits));
}

TEST_F(RechecksTest, WhatIsOverIsCutButNotTold) {
  table.present = {tracked_tcp("10.0.0.2", "10.0.0.1", 80)};
  table.present.front().over = true;
  const auto report = recheck();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->cut, 0U);
  EXPECT_THAT(marks(), ElementsAre(kCutBit));
}

TEST_F(RechecksTest, TellsFiveOfManyInWords) {
  for (std::uint16_t port = 1; port <= 8; ++port) table.present.push_back(tracked_tcp("10.0.0.2", "10.0.0.1", port));
  const auto report = recheck();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->cut, 8U);
  EXPECT_THAT(report->cut_flows, SizeIs(5));
  EXPECT_THAT(print_cuts(*report), HasSubstr("; and 3 more"));
}

TEST_F(RechecksTest, TheNodesOwnSocketsEndWithTheirConnections) {
  policy = policy_here(network_policy("web", "policyTypes: [Egress]"));
  const SocketEnds ends{*parse_address("192.0.2.1"), *parse_address("10.0.0.1"), 80, 40000};
  const SocketEnds other{*parse_address("192.0.2.1"), *parse_address("10.0.0.2"), 80, 40000};
  table.sockets = {ends, other};
  table.present = {tracked_tcp("10.0.0.1", "192.0.2.1", 80), tracked_tcp("10.0.0.2", "192.0.2.1", 80)};
  recheck();
  EXPECT_THAT(table.sockets, ElementsAre(other));
}

TEST_F(RechecksTest, AThousandWishesAreOneRecheckAndASecondLook) {
  for (int i = 0; i < 1000; ++i) rechecks.want();
  EXPECT_TRUE(run());
  EXPECT_EQ(table.listings, 1);
  clock.advance(Rechecks::kSecondLook - milliseconds(1));
  EXPECT_FALSE(run());
  table.present = {tracked_tcp("10.0.0.2", "10.0.0.1", 80)};  // was under way while the table changed
  clock.advance(milliseconds(1));
  const auto second = run();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->cut, 1U);
  EXPECT_EQ(table.listings, 2);
  EXPECT_EQ(rechecks.due(), std::nullopt) << "no wake-up behind it";
}

TEST_F(RechecksTest, TwoAreApart) {
  EXPECT_TRUE(recheck());
  rechecks.want();
  EXPECT_FALSE(run());
  clock.advance(Rechecks::kApart - milliseconds(1));
  EXPECT_FALSE(run());
  clock.advance(milliseconds(1));
  EXPECT_TRUE(run());
}

TEST_F(RechecksTest, OneStepTakesASliceAndWhatTookLongRestsLong) {
  table.present.assign(20, tracked_tcp("10.0.0.2", "10.0.0.1", 80));
  table.on_list = [this] { clock.advance(milliseconds(3)); };
  rechecks.want();
  int steps = 0;
  std::optional<RecheckReport> report;
  for (; !report; ++steps) {
    report = rechecks.step({policy, options, [](const policy::Address&) { return "eth0"; }});
  }
  EXPECT_EQ(steps, 6) << "of two chunks of two each";
  EXPECT_EQ(report->busy, milliseconds(33));
  EXPECT_EQ(report->longest, milliseconds(6));
  rechecks.want();
  EXPECT_EQ(rechecks.due(), clock.monotonic() + Rechecks::kApart);
  table.on_list = [this] { clock.advance(milliseconds(30)); };
  clock.advance(Rechecks::kApart);
  report = run();
  ASSERT_TRUE(report);
  rechecks.want();
  EXPECT_EQ(rechecks.due(), clock.monotonic() + report->busy * 4);
}

TEST_F(RechecksTest, PolicyThatChangesUnderWayJudgesTheRestAndThenAll) {
  table.present = {tracked_tcp("10.0.0.2", "10.0.0.1", 80), tracked_tcp("10.0.0.2", "10.0.0.1", 81),
                   tracked_tcp("10.0.0.2", "10.0.0.1", 82), tracked_tcp("10.0.0.2", "10.0.0.1", 83)};
  int chunk = 0;
  const policy::NodePolicy open = policy_here();
  const policy::NodePolicy closed = policy;
  policy = open;
  table.on_list = [&] {
    clock.advance(Rechecks::kSlice);
    if (++chunk != 1) return;
    policy = closed;
    rechecks.want();
  };
  rechecks.want();
  run();
  clock.advance(Rechecks::kApart);
  run();
  EXPECT_THAT(marks(), ElementsAre(kCutBit, kCutBit, kCutBit, kCutBit));
}

TEST_F(RechecksTest, AFailureIsToldTriedAgainLaterAndLaterAndForgottenWhenItIsOver) {
  table.present = {tracked_tcp("10.0.0.2", "10.0.0.1", 80)};
  table.failure = Error{ErrorKind::Denied, "no permission"};
  recheck();
  ASSERT_TRUE(rechecks.trouble());
  EXPECT_EQ(*rechecks.trouble(),
            "established connections cannot be judged again (no permission); what was allowed before goes on");
  const auto first = *rechecks.due() - clock.monotonic();
  clock.advance(first);
  run();
  EXPECT_EQ(*rechecks.due() - clock.monotonic(), first * 2);
  for (int i = 0; i < 20; ++i) {
    clock.advance(*rechecks.due() - clock.monotonic());
    run();
  }
  EXPECT_EQ(*rechecks.due() - clock.monotonic(), Rechecks::kLastRetry);
  table.failure.reset();
  clock.advance(Rechecks::kLastRetry);
  const auto report = run();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->cut, 1U);
  EXPECT_EQ(rechecks.trouble(), std::nullopt);
}

TEST_F(RechecksTest, AListingThatCameOutTornIsRepeatedBeforeAnybodyIsTold) {
  table.failure = Error{ErrorKind::Busy, "torn"};
  recheck();
  EXPECT_EQ(rechecks.trouble(), std::nullopt);
  EXPECT_TRUE(rechecks.due());
  clock.advance(Rechecks::kApart * 2);
  run();
  EXPECT_EQ(rechecks.trouble(), std::nullopt);
  clock.advance(Rechecks::kApart * 4);
  run();
  EXPECT_TRUE(rechecks.trouble());
}

TEST_F(RechecksTest, WhatAFailedOneHasCutIsToldByTheNext) {
  table.present = {tracked_tcp("10.0.0.2", "10.0.0.1", 80), tracked_tcp("10.0.0.2", "10.0.0.1", 81),
                   tracked_tcp("10.0.0.2", "10.0.0.1", 82)};
  int chunk = 0;
  table.on_list = [&] {
    if (++chunk == 1) clock.advance(Rechecks::kSlice - milliseconds(1));
    if (chunk == 2) table.failure = Error{ErrorKind::Unavailable, "gone"};
  };
  recheck();
  ASSERT_TRUE(rechecks.trouble());
  table.failure.reset();
  clock.advance(Rechecks::kApart);
  const auto report = run();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->cut, 3U);
  EXPECT_EQ(report->looked_at, 3U);
}

TEST_F(RechecksTest, StoppedItForgetsWhatItWasAt) {
  rechecks.want();
  rechecks.stop();
  EXPECT_EQ(rechecks.due(), std::nullopt);
  EXPECT_EQ(rechecks.last(), std::nullopt);
}

}  // namespace
}  // namespace tierwall::daemon
