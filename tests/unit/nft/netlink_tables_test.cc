// What only the kernel's tables have: numbers of messages, answers that get lost, and room that ends.

#include "nft/netlink_tables.h"

#include <gtest/gtest.h>

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <variant>

#include "nft/diff.h"
#include "nft/netlink_answers.h"
#include "nft/print.h"
#include "tests/unit/nft/kernel_namespace.h"
#include "tests/unit/nft/sample_rulesets.h"

namespace tierwall::nft {
namespace {

using enum FieldType;

// ---- answers -------------------------------------------------------------------------------------------------

struct AnswersTest : testing::Test {
  const ChangeSet removals{.operations = {DeleteChain{"a"}, DeleteChain{"b"}, DeleteChain{"c"}}};
  const Batch batch = *encode(removals, 0xfffffffeU);  // begin, a | b, c, end: the numbers wrap around in between

  [[nodiscard]] CommitOutcome outcome(const Answers& answers) const { return outcome_of(answers, removals, batch); }
};

TEST_F(AnswersTest, AnAcknowledgementIsSuccess) {
  EXPECT_TRUE(std::holds_alternative<Committed>(outcome({.acknowledged = true, .failures = {}})));
}

TEST_F(AnswersTest, WithoutAnAnswerNobodyKnows) {
  EXPECT_TRUE(std::holds_alternative<Unknown>(outcome({})));
  EXPECT_TRUE(std::holds_alternative<Unknown>(outcome({.overrun = true, .failures = {}})));
  EXPECT_TRUE(std::holds_alternative<Unknown>(outcome({.acknowledged = true, .overrun = true, .failures = {}})))
      << "a failure may be among what was lost";
}

TEST_F(AnswersTest, OneFailureIsEnoughToKnowWhateverElseWasLost) {
  const auto rejected = outcome({.overrun = true, .failures = {{.sequence = 0xffffffffU, .errno_value = EBUSY}}});
  EXPECT_EQ(std::get<Rejected>(rejected).operation, 0U);
}

TEST_F(AnswersTest, TheFirstFailureIsFirstAlsoWhereTheNumbersWrapAround) {
  const auto rejected = std::get<Rejected>(outcome({.failures = {{.sequence = 0, .errno_value = EBUSY},
                                                                 {.sequence = 0xffffffffU, .errno_value = ENOENT},
                                                                 {.sequence = 1, .errno_value = EBUSY}}}));
  EXPECT_EQ(
      rejected,
      (Rejected{.operation = 0, .errno_value = ENOENT, .message = "removal of chain a: No such file or directory"}));
}

// ---- the kernel ----------------------------------------------------------------------------------------------

Ruleset looked_into(std::uint32_t elements) {
  return make_ruleset(
      {make_set("pods", {Ipv4Addr}, some_elements({Ipv4Addr}, elements)),
       make_interval_set("nets", {Ipv4Addr}, {interval("10.0.0.0/8"), interval("192.0.2.0/24")})},
      {make_base_chain("forward", Hook::Forward, 10,
                       {rule({is_in({Field::IpSaddr}, "pods")}), rule({is_in({Field::IpDaddr}, "nets")})})});
}

constexpr int kNoUserNamespaces = 77;

class NetlinkTablesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_kernel()) GTEST_SKIP() << "needs root and nft";
    enter_fresh_namespace();
  }
  void open(NetlinkTables::Options options) {
    auto opened = NetlinkTables::open(options);
    TIERWALL_CHECK(opened);
    tables_ = std::move(*opened);
    ASSERT_TRUE(std::holds_alternative<Committed>(tables_->commit(rebuild({}))));
  }
  void close() { tables_.reset(); }
  Result<void> can_own() { return tables_->can_own(); }
  Result<void> can_tell(const DeniedLog& log) { return tables_->can_tell(log); }
  CommitOutcome commit(const ChangeSet& changes) { return tables_->commit(changes); }
  static void expect_table(const Ruleset& ruleset) {
    EXPECT_TRUE(same_text(sort_blocks(list_table()), sort_blocks(print(ruleset))));
  }

  static constexpr NetlinkTables::Options kLittleRoom{.most_room = 40'000};

 private:
  std::unique_ptr<NetlinkTables> tables_;
};

TEST_F(NetlinkTablesTest, StrangersCanDoNothingToATableThatIsOurs) {
  open({});
  if (const auto can = can_own(); !can) GTEST_SKIP() << can.error().message;
  ASSERT_TRUE(std::holds_alternative<Committed>(commit(rebuild(looked_into(2), TableOwner::Us))));
  const std::string before = list_table();
  EXPECT_NE(before.find("flags owner"), std::string::npos) << before;
  EXPECT_EQ(run_nft("flush ruleset").status, 0) << "which takes what is not ours";
  for (const char* edit : {"delete table inet tierwall", "flush chain inet tierwall forward",
                           "insert rule inet tierwall forward accept", "add element inet tierwall pods '{ 10.9.9.9 }'",
                           "flush set inet tierwall pods", "add chain inet tierwall stranger"}) {
    const NftRun run = run_nft(edit);
    EXPECT_EQ(run.status, 1) << edit;
    EXPECT_NE(run.output.find("Operation not permitted"), std::string::npos) << run.output;
  }
  EXPECT_TRUE(same_text(list_table(), before));
}

TEST_F(NetlinkTablesTest, WhetherDeniedPacketsCanBeToldOfIsTriedWithoutATrace) {
  open({});
  const std::string before = list_table();
  const auto can = can_tell({.group = 7610, .per_second = 100});
  EXPECT_TRUE(can) << can.error().message;
  EXPECT_FALSE(can_tell({.group = 7610, .per_second = 0}));
  EXPECT_TRUE(same_text(list_table(), before));
  EXPECT_NE(run_nft("list table inet tierwall-probe").status, 0);
}

TEST_F(NetlinkTablesTest, ATableOutlivesItsOwnerAndTheNextOneTakesIt) {
  open({});
  if (const auto can = can_own(); !can) GTEST_SKIP() << can.error().message;
  ASSERT_TRUE(std::holds_alternative<Committed>(commit(rebuild(looked_into(2), TableOwner::Us))));
  auto second = NetlinkTables::open();
  ASSERT_TRUE(second);
  const ChangeSet taken = rebuild(looked_into(3), TableOwner::Us);
  EXPECT_EQ(std::get<Rejected>((*second)->commit(taken)).errno_value, EPERM) << "the first one lives";
  close();
  EXPECT_NE(list_table().find("chain forward"), std::string::npos);
  EXPECT_TRUE(std::holds_alternative<Committed>((*second)->commit(taken)));
  EXPECT_EQ(run_nft("delete table inet tierwall").status, 1);
  second->reset();
  EXPECT_EQ(run_nft("delete table inet tierwall").status, 0) << "and when nobody owns it, anybody may remove it";
}

/// Calls `test` in a child with these new namespaces.
template <typename Test>
int in_namespaces(int kinds, Test test) {
  const pid_t child = fork();
  if (child == 0) _exit(unshare(kinds) == 0 ? test() : kNoUserNamespaces);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(NetlinkTablesTest, AUserNamespaceChangesItsOwnTablesWithTheRoomThereIs) {
  const int status = in_namespaces(CLONE_NEWUSER | CLONE_NEWNET, [] {
    auto tables = NetlinkTables::open();
    return tables && std::holds_alternative<Committed>((*tables)->commit(rebuild(looked_into(10'000)))) ? 0 : 1;
  });
  if (status == kNoUserNamespaces) GTEST_SKIP() << "no user namespaces here";
  EXPECT_EQ(status, 0);
}

TEST_F(NetlinkTablesTest, ItHasNoSayInTheNetworkNamespaceOfOthers) {
  const int status = in_namespaces(CLONE_NEWUSER, [] {
    const auto tables = NetlinkTables::open();
    return !tables && tables.error().kind == ErrorKind::Denied ? 0 : 1;
  });
  if (status == kNoUserNamespaces) GTEST_SKIP() << "no user namespaces here";
  EXPECT_EQ(status, 0);
}

TEST_F(NetlinkTablesTest, NumbersOfMessagesWrapAround) {
  open({.first_sequence = 0xfffffff0U});
  Ruleset applied;
  for (std::uint32_t i = 1; i <= 10; ++i) {
    const ChangeSet changes = diff(applied, looked_into(i));
    ChangeSet wrong = changes;
    wrong.operations.emplace_back(DeleteSet{"unknown"});
    EXPECT_EQ(std::get<Rejected>(commit(wrong)).operation, changes.operations.size());
    ASSERT_TRUE(std::holds_alternative<Committed>(commit(changes)));
    applied = looked_into(i);
  }
  expect_table(applied);
}

TEST_F(NetlinkTablesTest, WhereTheRoomEndsNewSetsAreFilledBefore) {
  open(kLittleRoom);
  const CommitOutcome outcome = commit(diff({}, looked_into(5000)));
  ASSERT_TRUE(std::holds_alternative<Committed>(outcome));
  EXPECT_GT(std::get<Committed>(outcome).bytes, 2 * kLittleRoom.most_room) << "more than one message can be";
  expect_table(looked_into(5000));
}

TEST_F(NetlinkTablesTest, APreparationThatFailsLeavesNoTrace) {
  open(kLittleRoom);
  ChangeSet changes = diff({}, looked_into(5000));
  const Element twice = looked_into(5000).sets.at("pods").elements.back();
  changes.operations.insert(changes.operations.end() - 2, AddElements{make_set("pods", {Ipv4Addr}, {twice})});
  EXPECT_EQ(std::get<Rejected>(commit(changes)).operation, changes.operations.size() - 3);
  expect_table({});
}

TEST_F(NetlinkTablesTest, AMainTransactionThatFailsLeavesNoTrace) {
  open(kLittleRoom);
  ChangeSet changes = diff({}, looked_into(5000));
  changes.operations.emplace_back(DeleteChain{"unknown"});
  EXPECT_EQ(std::get<Rejected>(commit(changes)),
            (Rejected{.operation = changes.operations.size() - 1,
                      .errno_value = ENOENT,
                      .message = "removal of chain unknown: No such file or directory"}));
  expect_table({});
}

TEST_F(NetlinkTablesTest, WhatCannotBeSplitIsRefusedWithAdvice) {
  open(kLittleRoom);
  ASSERT_TRUE(std::holds_alternative<Committed>(commit(diff({}, looked_into(10)))));
  for (const ChangeSet& changes : {diff(looked_into(10), looked_into(5000)), rebuild(looked_into(5000))}) {
    const auto refused = std::get<Rejected>(commit(changes));
    EXPECT_EQ(refused.errno_value, EMSGSIZE);
    EXPECT_NE(refused.message.find("raise the sysctl net.core.wmem_max"), std::string::npos) << refused.message;
    expect_table(looked_into(10));
  }
}

}  // namespace
}  // namespace tierwall::nft
