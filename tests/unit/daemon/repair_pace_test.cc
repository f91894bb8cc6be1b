// How often the table is put right when somebody else keeps changing it.

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>

#include "daemon/table_defence.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_table_notices.h"

namespace tierwall::daemon {
namespace {

using namespace std::chrono_literals;

TEST(TableDefence, WithoutNoticesItSaysWhy) {
  systemd::EventLoop loop;
  const test::FakeClock clock;
  const TableDefence blind(loop, Error{ErrorKind::Denied, "cannot listen to nftables"}, clock, {});
  EXPECT_EQ(blind.trouble(), "foreign changes of the table would not be noticed: cannot listen to nftables");
  const TableDefence defence(loop, std::unique_ptr<nft::TableNotices>(std::make_unique<test::FakeTableNotices>()),
                             clock, {});
  EXPECT_EQ(defence.trouble(), std::nullopt);
}

TEST(RepairPace, TheFirstTenAreMadeAtOnce) {
  RepairPace pace;
  for (std::chrono::microseconds now = 100s; now < 100s + 10 * 100ms; now += 100ms) EXPECT_EQ(pace.plan(now), now);
  EXPECT_TRUE(pace.is_slow(101s));
}

TEST(RepairPace, ThenOneEverySecond) {
  RepairPace pace;
  for (int i = 0; i < 10; ++i) static_cast<void>(pace.plan(100s));
  EXPECT_EQ(pace.plan(100s + 10ms), 101s);
  EXPECT_EQ(pace.plan(100s + 20ms), std::nullopt) << "one is still to come";
  EXPECT_EQ(pace.plan(101s), 102s);
}

TEST(RepairPace, AfterAWhileWithoutTroubleItIsQuickAgain) {
  RepairPace pace;
  for (int i = 0; i < 10; ++i) static_cast<void>(pace.plan(100s));
  EXPECT_FALSE(pace.is_slow(110s));
  EXPECT_EQ(pace.plan(110s), 110s);
}

}  // namespace
}  // namespace tierwall::daemon
