#include "daemon/reconciler.h"

#include <algorithm>
#include <cerrno>
#include <deque>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_journal.h"
#include "tests/fakes/fake_kernel_tables.h"
#include "tests/fakes/fake_management_flows.h"

namespace tierwall::daemon {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

/// The fake kernel, which refuses what it is told to refuse and remembers what was sent.
class RefusingTables final : public nft::KernelTables {
 public:
  nft::CommitOutcome commit(const nft::ChangeSet& changes) override {
    sent.push_back(changes);
    if (const std::size_t busy = busy_removal(changes); busy < changes.operations.size()) {
      return nft::Rejected{.operation = busy, .errno_value = EBUSY, .message = "chain: Device or resource busy"};
    }
    if (refuse_pure_removals > 0 && removes_only(changes)) {
      --refuse_pure_removals;
      return nft::Rejected{.operation = 0, .errno_value = ENOBUFS, .message = "refused on request"};
    }
    if (refusals.empty()) return kernel.commit(changes);
    const int errno_value = refusals.front();
    refusals.pop_front();
    return nft::Rejected{.operation = 0, .errno_value = errno_value, .message = "refused on request"};
  }
  Result<void> can_own() override { return kernel.can_own(); }
  [[nodiscard]] bool last_was_whole_table() const {
    const std::vector<nft::Operation>& operations = sent.back().operations;
    return std::any_of(operations.begin(), operations.end(), [](const nft::Operation& operation) {
      return std::holds_alternative<nft::DeleteTable>(operation);
    });
  }

  test::FakeKernelTables kernel;
  std::vector<nft::ChangeSet> sent;
  std::deque<int> refusals;       // errno values, one per commit
  bool before_linux_6_2 = false;  // a chain whose map element goes in the same transaction is busy
  int refuse_pure_removals = 0;   // so many transactions that remove and do nothing else

 private:
  static bool removes_only(const nft::ChangeSet& changes) {
    return std::all_of(changes.operations.begin(), changes.operations.end(), [](const nft::Operation& operation) {
      return std::holds_alternative<nft::FlushChain>(operation) ||
             std::holds_alternative<nft::DeleteChain>(operation) || std::holds_alternative<nft::DeleteSet>(operation) ||
             std::holds_alternative<nft::DeleteCounter>(operation);
    });
  }
  /// The position of a chain removal that an old kernel would refuse.
  [[nodiscard]] std::size_t busy_removal(const nft::ChangeSet& changes) const {
    const auto removes = [](const nft::Operation& operation) {
      return std::holds_alternative<nft::DeleteChain>(operation);
    };
    const auto touches_elements = [](const nft::Operation& operation) {
      return std::holds_alternative<nft::DeleteElements>(operation);
    };
    const auto& operations = changes.operations;
    if (!before_linux_6_2 || std::none_of(operations.begin(), operations.end(), touches_elements)) {
      return operations.size();
    }
    return static_cast<std::size_t>(std::find_if(operations.begin(), operations.end(), removes) - operations.begin());
  }
};

class ReconcilerTest : public testing::Test {
 protected:
  void put(const policy::Resource& resource) {
    inventory.apply({.source = "directory",
                     .key = policy::key_of(resource),
                     .change = policy::ResourceEvent::Change::Upsert,
                     .resource = resource,
                     .where = {},
                     .problems = {}});
    reconciler.mark_dirty();
  }
  void put_pod(int number) {
    policy::Pod pod;
    pod.ns = "shop";
    pod.name = "web-" + std::to_string(number);
    pod.node = "node-1";
    pod.addresses = {
        *policy::parse_address("10.0." + std::to_string(number / 250) + "." + std::to_string(1 + number % 250))};
    put(pod);
  }
  void put_deny(const std::string& name) {
    policy::Policy deny;
    deny.kind = policy::Kind::KubernetesNetworkPolicy;
    deny.ns = "shop";
    deny.name = name;
    deny.order = policy::kKubernetesPolicyOrder;
    put(deny);
  }
  void remove(const policy::ResourceKey& key) {
    inventory.apply({.source = "directory",
                     .key = key,
                     .change = policy::ResourceEvent::Change::Gone,
                     .resource = std::nullopt,
                     .where = {},
                     .problems = {}});
    reconciler.mark_dirty();
  }
  void settle() {
    clock.advance(Reconciler::kSettle);
    reconciler.step();
  }
  /// In sync with one pod under one policy.
  void begin() {
    put_pod(1);
    put_deny("deny");
    reconciler.sources_in_sync();
    settle();
    ASSERT_TRUE(reconciler.in_sync());
  }
  [[nodiscard]] microseconds wait() const { return *reconciler.due() - clock.monotonic(); }

  policy::Inventory inventory;
  RefusingTables tables;
  test::FakeClock clock;
  test::FakeJournal journal;
  test::FakeManagementFlows flows;
  Guard guard{flows};
  Reconciler reconciler{inventory, guard, tables, clock, journal, {.node = "node-1", .compile = {}}};
};

TEST_F(ReconcilerTest, NothingIsCommittedBeforeTheSourcesWereRead) {
  put_pod(1);
  clock.advance(seconds(100));
  reconciler.step();
  EXPECT_FALSE(reconciler.due());
  EXPECT_TRUE(tables.sent.empty());
  reconciler.sources_in_sync();
  settle();
  EXPECT_EQ(tables.sent.size(), 1u);
}

TEST_F(ReconcilerTest, APodElsewhereIsOneElementAndNothingIsCompiled) {
  policy::Policy policy{.kind = policy::Kind::KubernetesNetworkPolicy, .ns = "shop", .name = "from-db"};
  policy.ingress = {{.action = policy::Action::Allow, .source = {.selector = policy::equals("app", "db")}}};
  put(policy);
  begin();
  policy::Pod pod{.ns = "shop", .name = "db", .labels = {{"app", "db"}}, .node = "node-2"};
  pod.addresses = {*policy::parse_address("10.9.0.1")};
  put(pod);
  clock.advance(Reconciler::kSettle);
  EXPECT_EQ(reconciler.step(), Reconciler::Outcome::Members);
  ASSERT_EQ(tables.sent.back().operations.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<nft::AddElements>(tables.sent.back().operations.front()));
  EXPECT_EQ(tables.kernel.ruleset(), reconciler.applied()->ruleset);
  EXPECT_EQ(reconciler.verify(), std::nullopt);
}

/// Its treatment has a chain and counters of its own, which come and go with it.
TEST_F(ReconcilerTest, APodOfThisNodeThatIsTreatedOtherwiseCompilesItsChainOnly) {
  put_deny("deny");
  policy::Policy from_db{.kind = policy::Kind::KubernetesNetworkPolicy, .ns = "shop", .name = "from-db"};
  from_db.subject = policy::equals("app", "web");
  from_db.ingress = {{.action = policy::Action::Allow, .source = {.selector = policy::equals("app", "db")}}};
  put(from_db);
  policy::Policy from_web = from_db;
  from_web.name = "from-web";
  from_web.subject = policy::equals("role", "front");
  from_web.ingress.front().source.selector = policy::equals("app", "web");
  put(from_web);
  policy::Pod pod{.ns = "shop", .name = "web", .labels = {{"app", "web"}}, .node = "node-1"};
  pod.addresses = {*policy::parse_address("10.0.9.1")};
  put(pod);
  pod.name = "front";
  pod.labels = {{"role", "front"}};
  pod.addresses = {*policy::parse_address("10.0.9.2")};
  put(pod);
  begin();
  const auto before = *reconciler.applied();
  pod.name = "both";
  pod.labels = {{"app", "web"}, {"role", "front"}};
  pod.addresses = {*policy::parse_address("10.0.9.3")};
  put(pod);
  clock.advance(Reconciler::kSettle);
  EXPECT_EQ(reconciler.step(), Reconciler::Outcome::Members);
  const auto fresh = nft::compile_table(reconciler.applied()->policy, reconciler.applied()->options);
  EXPECT_EQ(reconciler.applied()->counted, fresh->places.counted);
  EXPECT_GT(reconciler.applied()->ruleset.chains.size(), before.ruleset.chains.size());
  EXPECT_EQ(reconciler.verify(), std::nullopt);
  remove(policy::key_of(policy::Resource(pod)));
  settle();
  EXPECT_EQ(reconciler.applied()->ruleset, before.ruleset);
  EXPECT_EQ(reconciler.applied()->counted, before.counted);
  EXPECT_EQ(tables.kernel.ruleset(), reconciler.applied()->ruleset);
}

TEST_F(ReconcilerTest, WhatTheKernelRefusedIsNotForgottenWhenMoreChanges) {
  begin();
  put_pod(2);
  tables.refusals = {ENOBUFS};
  settle();
  ASSERT_FALSE(reconciler.in_sync());
  put(policy::Namespace{"elsewhere", {}});
  clock.advance(seconds(2));
  reconciler.step();
  EXPECT_TRUE(reconciler.in_sync());
  EXPECT_EQ(reconciler.applied()->policy.endpoints.size(), 2u);
  EXPECT_EQ(tables.kernel.ruleset(), reconciler.applied()->ruleset);
  EXPECT_EQ(reconciler.verify(), std::nullopt);
}

TEST_F(ReconcilerTest, WhoeverKeepsWhatWasAppliedSeesItUnchanged) {
  begin();
  const std::shared_ptr<const Applied> kept = reconciler.applied();
  put_pod(2);
  settle();
  EXPECT_EQ(kept->policy.endpoints.size(), 1u);
  EXPECT_EQ(reconciler.applied()->policy.endpoints.size(), 2u);
}

TEST_F(ReconcilerTest, TheFirstCommitWritesTheWholeTableWhateverTheKernelHolds) {
  begin();
  EXPECT_TRUE(tables.last_was_whole_table());
  EXPECT_EQ(reconciler.applied()->generation, 1u);
  EXPECT_EQ(tables.kernel.ruleset(), reconciler.applied()->ruleset);
  put_pod(2);
  settle();
  EXPECT_FALSE(tables.last_was_whole_table());
  EXPECT_EQ(reconciler.applied()->generation, 2u);
  EXPECT_EQ(tables.kernel.ruleset(), reconciler.applied()->ruleset);
}

TEST_F(ReconcilerTest, AThousandEventsAreOneCommit) {
  begin();
  for (int number = 2; number < 1002; ++number) put_pod(number);
  settle();
  EXPECT_EQ(reconciler.transactions(), 2u);
  EXPECT_EQ(reconciler.applied()->policy.endpoints.size(), 1001u);
  EXPECT_FALSE(reconciler.due());
}

TEST_F(ReconcilerTest, WhatComesAloneIsCommittedAtOnce) {
  begin();
  clock.advance(Reconciler::kSettle);
  put_pod(2);
  EXPECT_EQ(wait(), microseconds(0));
  reconciler.step();
  EXPECT_EQ(reconciler.transactions(), 2u);
  put_pod(3);
  EXPECT_EQ(wait(), Reconciler::kSettle) << "and what follows at once together";
}

TEST_F(ReconcilerTest, LaterEventsOfABurstDoNotPutTheStepOff) {
  begin();
  put_pod(2);
  const microseconds due = *reconciler.due();
  clock.advance(milliseconds(1));
  put_pod(3);
  EXPECT_EQ(reconciler.due(), due);
  reconciler.step();
  EXPECT_EQ(reconciler.transactions(), 1u) << "not before it is due";
}

TEST_F(ReconcilerTest, WithoutADifferenceThereIsNoTransaction) {
  begin();
  policy::Namespace idle{.name = "idle", .labels = {}};
  put(idle);
  settle();
  EXPECT_EQ(reconciler.transactions(), 1u);
  EXPECT_EQ(reconciler.applied()->generation, 1u);
  EXPECT_EQ(journal.count(systemd::message::kCommitted), 1u);
}

TEST_F(ReconcilerTest, ChangedSettingsReachTheKernel) {
  begin();
  NodeSettings settings{.node = "node-1", .compile = {}};
  settings.compile.endpoint_to_host = nft::CompileOptions::EndpointToHost::Drop;
  reconciler.use_settings(settings);
  settle();
  EXPECT_EQ(reconciler.transactions(), 2u);
  reconciler.use_settings(settings);
  settle();
  EXPECT_EQ(reconciler.transactions(), 2u);
}

TEST_F(ReconcilerTest, OnRequestTheWholeTableIsWrittenAnew) {
  begin();
  tables.kernel.lose_table();
  reconciler.write_anew();
  settle();
  EXPECT_TRUE(tables.last_was_whole_table());
  EXPECT_TRUE(tables.kernel.has_table());
  EXPECT_EQ(tables.kernel.ruleset(), reconciler.applied()->ruleset);
}

TEST_F(ReconcilerTest, ARefusalKeepsWhatIsAppliedAndSaysWhy) {
  begin();
  const auto before = reconciler.applied();
  tables.refusals = {ENOBUFS};
  put_pod(2);
  settle();
  EXPECT_EQ(reconciler.applied(), before);
  EXPECT_EQ(tables.kernel.ruleset(), before->ruleset);
  EXPECT_FALSE(reconciler.in_sync());
  EXPECT_THAT(*reconciler.trouble(), HasSubstr("refused on request"));
  EXPECT_EQ(journal.count(systemd::message::kRejected), 1u);
  EXPECT_EQ(journal.records().back().errno_value, ENOBUFS);

  clock.advance(Reconciler::kFirstRetry);
  reconciler.step();
  EXPECT_TRUE(reconciler.in_sync());
  EXPECT_EQ(reconciler.transactions(), 3u) << "refused ones count";
  EXPECT_EQ(reconciler.applied()->generation, 2u) << "refused ones do not";
}

TEST_F(ReconcilerTest, TheBackOffDoublesUpToItsBound) {
  begin();
  tables.refusals.assign(20, ENOBUFS);
  put_pod(2);
  settle();
  std::vector<microseconds> waits;
  for (int i = 0; i < 12; ++i) {
    waits.push_back(wait());
    clock.advance(wait());
    reconciler.step();
  }
  EXPECT_EQ(waits[0], milliseconds(100));
  EXPECT_EQ(waits[1], milliseconds(200));
  EXPECT_EQ(waits[8], milliseconds(25'600));
  EXPECT_EQ(waits[9], seconds(30));
  EXPECT_EQ(waits[11], seconds(30));
}

TEST_F(ReconcilerTest, AChangeBringsTheNextTryForward) {
  begin();
  tables.refusals.assign(12, ENOBUFS);
  put_pod(2);
  settle();
  for (int i = 0; i < 10; ++i) {
    clock.advance(wait());
    reconciler.step();
  }
  ASSERT_EQ(wait(), seconds(30));
  put_pod(3);
  EXPECT_EQ(wait(), Reconciler::kRetryAfterChange);
}

TEST_F(ReconcilerTest, RepeatedRefusalsEndInARewriteOfTheWholeTable) {
  begin();
  tables.refusals = {ENOBUFS, ENOBUFS, ENOBUFS};
  put_pod(2);
  settle();
  for (int i = 0; i < 2; ++i) {
    clock.advance(wait());
    reconciler.step();
    EXPECT_FALSE(tables.last_was_whole_table());
  }
  clock.advance(wait());
  reconciler.step();
  EXPECT_TRUE(tables.last_was_whole_table());
  EXPECT_TRUE(reconciler.in_sync());
  put_pod(3);
  settle();
  EXPECT_FALSE(tables.last_was_whole_table()) << "and then changes are small again";
}

class ForeignChange : public ReconcilerTest, public testing::WithParamInterface<int> {};

TEST_P(ForeignChange, ATableThatIsNotOursAnyMoreIsRewrittenAtOnce) {
  begin();
  tables.refusals = {GetParam()};
  put_pod(2);
  settle();
  EXPECT_EQ(wait(), microseconds(0));
  reconciler.step();
  EXPECT_TRUE(tables.last_was_whole_table());
  EXPECT_TRUE(reconciler.in_sync());
}

INSTANTIATE_TEST_SUITE_P(Errnos, ForeignChange, testing::Values(ENOENT, EEXIST));

TEST_F(ReconcilerTest, WhatMayHaveLandedIsWrittenAnewAtOnce) {
  begin();
  tables.kernel.lose_answer(0);
  put_pod(2);
  settle();
  EXPECT_FALSE(reconciler.in_sync());
  EXPECT_THAT(*reconciler.trouble(), HasSubstr("whether a transaction landed is not known (the answer was lost)"));
  EXPECT_EQ(wait(), microseconds(0));
  reconciler.step();
  EXPECT_TRUE(tables.last_was_whole_table());
  EXPECT_TRUE(reconciler.in_sync());
  EXPECT_EQ(tables.kernel.ruleset(), reconciler.applied()->ruleset);
}

TEST_F(ReconcilerTest, ARewriteThatMayHaveLandedWaitsAndIsRepeated) {
  tables.kernel.lose_answer(0);
  put_pod(1);
  reconciler.sources_in_sync();
  settle();
  EXPECT_EQ(wait(), Reconciler::kFirstRetry);
  clock.advance(wait());
  reconciler.step();
  EXPECT_TRUE(tables.last_was_whole_table());
  EXPECT_TRUE(reconciler.in_sync());
}

TEST_F(ReconcilerTest, TheTableChangesHandsWhenItIsWrittenAnew) {
  using enum nft::TableOwner;
  reconciler.give_table_to(Us);
  begin();
  EXPECT_EQ(tables.kernel.owner(), Us);
  EXPECT_EQ(reconciler.table_owner(), Us);
  reconciler.give_table_to(Nobody);
  put_pod(2);
  settle();
  EXPECT_EQ(reconciler.table_owner(), Us) << "not with a small change";
  reconciler.write_anew();
  settle();
  EXPECT_EQ(tables.kernel.owner(), Nobody);
  EXPECT_EQ(reconciler.table_owner(), Nobody);
}

TEST_F(ReconcilerTest, ATableThatAnotherProcessOwnsIsLeftAlone) {
  tables.refusals = {EPERM};
  put_pod(1);
  reconciler.sources_in_sync();
  settle();
  EXPECT_THAT(*reconciler.trouble(), HasSubstr("another process owns the table"));
  EXPECT_EQ(wait(), Reconciler::kFirstRetry);
}

TEST_F(ReconcilerTest, ARewriteThatIsRefusedWaitsToo) {
  tables.refusals = {ENOENT};
  put_pod(1);
  reconciler.sources_in_sync();
  settle();
  EXPECT_EQ(wait(), Reconciler::kFirstRetry);
}

TEST_F(ReconcilerTest, AnOldKernelGetsRemovalsInATransactionOfTheirOwn) {
  begin();
  tables.before_linux_6_2 = true;
  remove({.kind = policy::Kind::Pod, .ns = "shop", .name = "web-1"});
  settle();
  EXPECT_TRUE(reconciler.in_sync()) << *reconciler.trouble();
  EXPECT_EQ(reconciler.transactions(), 4u) << "the first, the refused one, and two halves";
  EXPECT_EQ(tables.kernel.ruleset(), reconciler.applied()->ruleset);

  put_pod(2);
  settle();
  EXPECT_EQ(reconciler.transactions(), 5u);
  remove({.kind = policy::Kind::Pod, .ns = "shop", .name = "web-2"});
  settle();
  EXPECT_EQ(reconciler.transactions(), 7u) << "it does not try in one transaction again";
}

TEST_F(ReconcilerTest, ARefusedSecondHalfIsRepeatedAlone) {
  begin();
  tables.before_linux_6_2 = true;
  tables.refuse_pure_removals = 1;
  remove({.kind = policy::Kind::Pod, .ns = "shop", .name = "web-1"});
  settle();
  EXPECT_FALSE(reconciler.in_sync());
  EXPECT_TRUE(reconciler.applied()->policy.endpoints.empty()) << "the first half is in force";
  EXPECT_EQ(tables.kernel.ruleset(), reconciler.applied()->ruleset);

  clock.advance(wait());
  reconciler.step();
  EXPECT_TRUE(reconciler.in_sync());
  EXPECT_EQ(tables.kernel.ruleset(), reconciler.applied()->ruleset);
  EXPECT_FALSE(tables.last_was_whole_table());
}

TEST_F(ReconcilerTest, APolicyThatCannotBeCompiledLeavesTheFormerTable) {
  begin();
  const auto before = reconciler.applied();
  std::vector<policy::ResourceKey> keys;
  for (int number = 0; number < 40; ++number) {
    const std::string name = "tier-" + std::to_string(number);
    policy::Tier tier{.name = name, .order = number};
    policy::Policy pass;
    pass.kind = policy::Kind::GlobalNetworkPolicy;
    pass.name = name + ".pass";
    pass.tier = name;
    policy::Rule rule;
    rule.action = policy::Action::Pass;
    rule.source.nets = {*policy::parse_prefix("10." + std::to_string(number) + ".0.0/16")};
    pass.ingress = {rule};
    put(tier);
    put(pass);
    keys.push_back(policy::key_of(pass));
  }
  settle();
  ASSERT_TRUE(reconciler.trouble());
  EXPECT_EQ(reconciler.applied(), before);
  EXPECT_EQ(reconciler.transactions(), 1u);
  EXPECT_EQ(journal.count(systemd::message::kNotCompiled), 1u);
  EXPECT_FALSE(reconciler.due()) << "only a change can help";
  for (const policy::ResourceKey& key : keys) remove(key);
  settle();
  EXPECT_TRUE(reconciler.in_sync());
}

TEST_F(ReconcilerTest, EveryCommitIsOneRecordWithItsNumbers) {
  begin();
  put_pod(2);
  settle();
  ASSERT_EQ(journal.count(systemd::message::kCommitted), 2u);
  const systemd::Record& record = journal.records().back();
  EXPECT_EQ(record.level, systemd::Level::Info);
  EXPECT_THAT(record.message, HasSubstr("committed generation 2"));
  EXPECT_THAT(record.fields, testing::Contains(systemd::FieldValue{systemd::Field::Generation, "2"}));
}

}  // namespace
}  // namespace tierwall::daemon
