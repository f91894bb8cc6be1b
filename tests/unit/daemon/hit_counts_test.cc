// What the policy rules have seen, over changes of the table, restarts and a state file that cannot be written.

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "daemon/control/hit_list.h"
#include "daemon/hit_counts.h"
#include "nft/diff.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_kernel_tables.h"
#include "tests/fakes/fake_state_store.h"

namespace tierwall::daemon {
namespace {

nft::Ruleset counting(const std::vector<std::string>& names) {
  nft::Ruleset ruleset;
  for (const std::string& name : names) ruleset.counters[name] = {name, {}};
  return ruleset;
}

class HitCountsTest : public ::testing::Test {
 protected:
  void SetUp() override { enforce(nft::rebuild(counting({"web", "db"}))); }
  void enforce(const nft::ChangeSet& changes) { tables_.commit(changes); }
  [[nodiscard]] std::uint64_t packets(const std::string& counter) const {
    const auto total = hits_.totals().find(counter);
    return total == hits_.totals().end() ? 0 : total->second.packets;
  }
  [[nodiscard]] std::uint64_t remembered(const std::string& counter) {
    const Result<Remembered> remembered = store_.load();
    return remembered && remembered->counters.contains(counter) ? remembered->counters.at(counter).packets : 0;
  }

  test::FakeClock clock_;
  test::FakeKernelTables kernel_;
  test::FakeStateStore store_;
  HitCounts hits_{kernel_, store_, clock_};
  CountedTables tables_{kernel_, hits_};
};

TEST_F(HitCountsTest, AddsUpWhatTheKernelCounted) {
  kernel_.hit("web", 60);
  hits_.take();
  kernel_.hit("web", 40);
  hits_.take();
  EXPECT_EQ(hits_.totals(), (Counters{{"web", {.packets = 2, .bytes = 100, .last_hit = clock_.unix_time()}}}));
  EXPECT_EQ(remembered("web"), 2u);
}

TEST_F(HitCountsTest, ARewrittenTableLosesNothing) {
  kernel_.hit("web", 60);
  enforce(nft::rebuild(counting({"web", "db"})));
  kernel_.hit("web", 60);
  hits_.take();
  EXPECT_EQ(packets("web"), 2u);
}

TEST_F(HitCountsTest, ACounterThatGoesAndComesBackGoesOn) {
  kernel_.hit("db", 60);
  enforce(nft::diff(counting({"web", "db"}), counting({"web"})));
  enforce(nft::diff(counting({"web"}), counting({"web", "db"})));
  kernel_.hit("db", 60);
  hits_.take();
  EXPECT_EQ(packets("db"), 2u);
}

TEST_F(HitCountsTest, ChangesThatKeepTheCountersDoNotReadThem) {
  kernel_.hit("web", 60);
  enforce(nft::diff(counting({"web", "db"}), counting({"web", "db", "more"})));
  EXPECT_EQ(packets("web"), 0u);  // still in the kernel
}

TEST_F(HitCountsTest, TheNextProcessGoesOnWithTheTotalsAndWithWhatTheKernelCountedMeanwhile) {
  kernel_.hit("web", 60);
  hits_.take();
  kernel_.hit("web", 60);  // after the last look of this process
  HitCounts next(kernel_, store_, clock_);
  next.remember(store_.load()->counters);
  next.take();
  EXPECT_EQ(next.totals().at("web").packets, 2u);
  EXPECT_EQ(remembered("web"), 2u);
}

TEST_F(HitCountsTest, WhatTheStateFileDoesNotTakeIsKeptAndSavedLater) {
  kernel_.hit("web", 60);
  store_.refuse(0, {ErrorKind::Exhausted, "disk full"});
  hits_.take();
  EXPECT_EQ(packets("web"), 1u);
  EXPECT_TRUE(hits_.trouble());
  EXPECT_EQ(remembered("web"), 0u);
  hits_.take();
  EXPECT_FALSE(hits_.trouble());
  EXPECT_EQ(remembered("web"), 1u);
}

TEST_F(HitCountsTest, ThoseHitLongestAgoAreForgottenWhenThereAreTooMany) {
  Counters many;
  for (std::size_t i = 0; i < HitCounts::kMost; ++i) {
    many["old-" + std::to_string(i)] = {.packets = 1, .last_hit = std::chrono::milliseconds(i + 1)};
  }
  hits_.remember(std::move(many));
  kernel_.hit("web", 60);
  hits_.take();
  EXPECT_EQ(hits_.totals().size(), HitCounts::kMost);
  EXPECT_FALSE(hits_.totals().contains("old-0"));
  EXPECT_TRUE(hits_.totals().contains("old-1"));
  EXPECT_EQ(packets("web"), 1u);
}

TEST(HitList, NamesEveryCounterInForceAlsoWhatSawNothing) {
  const nft::CountedRules rule{.direction = policy::Direction::Ingress,
                               .action = policy::Action::Allow,
                               .tier = "default",
                               .policy = policy::ResourceKey{policy::Kind::NetworkPolicy, "shop", "web"},
                               .rule = 2};
  const nft::CountedRules end{.action = policy::Action::Deny, .tier = "default", .at_end = true};
  const Counters totals = {{"a", {.packets = 7, .bytes = 420, .last_hit = std::chrono::milliseconds(5)}},
                           {"gone", {.packets = 1}}};
  const std::vector<HitRow> rows = list_hits({{"a", rule}, {"b", end}}, totals);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0], (HitRow{.counter = "a",
                             .direction = "ingress",
                             .tier = "default",
                             .kind = "NetworkPolicy",
                             .ns = "shop",
                             .name = "web",
                             .rule = 2,
                             .action = "Allow",
                             .words = "tier default, NetworkPolicy shop/web, rule 2",
                             .packets = 7,
                             .bytes = 420,
                             .last_hit_ms = 5}));
  EXPECT_EQ(rows[1].words, "tier default: no rule matched");
  EXPECT_EQ(rows[1].packets, 0u);
  EXPECT_EQ(*hits_from_json(Json::array({to_json(rows[0]), to_json(rows[1])})), rows);
}

}  // namespace
}  // namespace tierwall::daemon
