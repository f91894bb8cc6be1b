// What every KernelTables keeps to. FakeKernelTables runs it always, the kernel's own tables in a network namespace
// of the test when it may make one.

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "nft/canonical.h"
#include "nft/diff.h"
#include "nft/netlink_tables.h"
#include "nft/print.h"
#include "tests/fakes/fake_kernel_tables.h"
#include "tests/unit/nft/kernel_namespace.h"
#include "tests/unit/nft/sample_rulesets.h"

namespace tierwall::nft {
namespace {

using enum FieldType;

/// What the tables hold, as sorted text.
class Fake {
 public:
  static constexpr std::uint32_t kMany = 20'000;
  static bool is_there() { return true; }
  KernelTables& tables() { return tables_; }
  std::string text() { return tables_.has_table() ? sort_blocks(print(tables_.ruleset())) : ""; }

 private:
  test::FakeKernelTables tables_;
};

class Kernel {
 public:
  static constexpr std::uint32_t kMany = 200'000;
  static bool is_there() { return has_kernel(); }
  Kernel() {
    enter_fresh_namespace();
    auto opened = NetlinkTables::open();
    TIERWALL_CHECK(opened);
    tables_ = std::move(*opened);
  }
  KernelTables& tables() { return *tables_; }
  std::string text() {
    const NftRun listing = run_nft("list table inet tierwall");
    return listing.status == 0 ? sort_blocks(listing.output) : "";
  }

 private:
  std::unique_ptr<KernelTables> tables_;
};

/// One pod whose egress is judged by eg-1, one set, one interval set.
Ruleset small_ruleset() {
  return make_ruleset(
      {make_map("dispatch", {Ipv4Addr}, {with_verdict(element("10.0.0.1"), jump("eg-1"))}),
       make_set("pods", {Ipv4Addr}, {element("10.0.0.1"), element("10.0.0.2")}),
       make_set("pods6", {Ipv6Addr}, {element("fd00::1")}),
       make_interval_set("nets", {Ipv4Addr}, {interval("10.0.0.0-10.0.0.5"), interval("192.0.2.0/24")})},
      {make_chain("eg-1", {rule({is_in({Field::IpDaddr}, "pods")}, back(), "rule 1"), rule({})}),
       make_base_chain("forward", Hook::Forward, 10,
                       {rule({}, VerdictMapLookup{.field = Field::IpSaddr, .map = "dispatch"})})});
}

template <typename Tables>
class KernelTablesContract : public testing::Test {
 protected:
  void SetUp() override {
    if (!Tables::is_there()) GTEST_SKIP() << "needs root and nft";
    subject_ = std::make_unique<Tables>();
    ASSERT_EQ(refusal(rebuild(small_ruleset())), "");
  }

  /// Empty if committed.
  std::string refusal(const ChangeSet& changes) {
    const CommitOutcome outcome = subject_->tables().commit(changes);
    const auto* rejected = std::get_if<Rejected>(&outcome);
    return rejected == nullptr ? "" : rejected->message;
  }
  Rejected rejected(const ChangeSet& changes) {
    const CommitOutcome outcome = subject_->tables().commit(changes);
    const auto* refused = std::get_if<Rejected>(&outcome);
    return refused == nullptr ? Rejected{.operation = 0, .errno_value = 0, .message = "committed"} : *refused;
  }
  /// From the small ruleset to this one by diff.
  void expect_becomes(const Ruleset& desired) {
    EXPECT_EQ(refusal(diff(small_ruleset(), desired)), "");
    expect_holds(desired);
  }
  KernelTables& tables() { return subject_->tables(); }
  void expect_holds(const Ruleset& ruleset) { EXPECT_TRUE(same_text(subject_->text(), sort_blocks(print(ruleset)))); }

 private:
  std::unique_ptr<Tables> subject_;
};

using Implementations = testing::Types<Fake, Kernel>;
TYPED_TEST_SUITE(KernelTablesContract, Implementations);

ChangeSet changes(std::vector<Operation> operations) {
  return {.operations = std::move(operations)};
}

Set with_elements(const char* set, std::vector<Element> elements) {
  Set shape = small_ruleset().sets.at(set);
  shape.elements = std::move(elements);
  return shape;
}

TYPED_TEST(KernelTablesContract, ATransactionLandsWhole) {
  this->expect_holds(small_ruleset());
}

TYPED_TEST(KernelTablesContract, NothingToDoIsNoTransaction) {
  EXPECT_EQ(this->refusal({}), "");
  this->expect_holds(small_ruleset());
}

TYPED_TEST(KernelTablesContract, OneRefusedOperationUndoesAllOthers) {
  const Rejected refused =
      this->rejected(changes({AddElements{with_elements("pods", {element("10.0.0.9")})},
                              DeleteElements{with_elements("pods", {element("10.0.0.1")})}, FlushChain{"eg-1"},
                              AddChain{make_chain("eg-2")}, DeleteSet{"unknown"}, AddChain{make_chain("eg-3")}}));
  EXPECT_EQ(refused, (Rejected{.operation = 4,
                               .errno_value = ENOENT,
                               .message = "removal of set unknown: No such file or directory"}));
  this->expect_holds(small_ruleset());
}

TYPED_TEST(KernelTablesContract, RefusalsNameTheOperationAndTheElement) {
  struct Case {
    Operation operation;
    const char* message;
  };
  const Case cases[] = {
      {AddSet{make_set("pods", {Ipv4Addr})}, "set pods: File exists"},
      {AddChain{make_chain("eg-1")}, "chain eg-1: File exists"},
      {AddRule{.chain = "eg-9", .rule = rule({}, drop(), "tier default rule 3")},
       "chain eg-9 rule 'tier default rule 3': No such file or directory"},
      {AddRule{.chain = "eg-1", .rule = rule({is_in({Field::IpSaddr}, "unknown")})},
       "chain eg-1 rule 'ip saddr @unknown drop': No such file or directory"},
      {AddRule{.chain = "eg-1", .rule = rule({}, jump("eg-9"))},
       "chain eg-1 rule 'jump eg-9': No such file or directory"},
      {FlushChain{"eg-9"}, "rules of chain eg-9: No such file or directory"},
      {DeleteChain{"eg-9"}, "removal of chain eg-9: No such file or directory"},
      {DeleteChain{"eg-1"}, "removal of chain eg-1: Device or resource busy"},
      {DeleteSet{"pods"}, "removal of set pods: Device or resource busy"},
      {AddElements{with_elements("pods", {element("10.0.0.1")})}, "set pods element 10.0.0.1: File exists"},
      {AddElements{make_set("unknown", {Ipv4Addr}, {element("10.0.0.1")})},
       "set unknown element 10.0.0.1: No such file or directory"},
      {AddElements{with_elements("dispatch", {with_verdict(element("10.0.0.9"), jump("eg-9"))})},
       "map dispatch element 10.0.0.9: No such file or directory"},
      {AddElements{with_elements("dispatch", {with_verdict(element("10.0.0.1"), drop())})},
       "map dispatch element 10.0.0.1: File exists"},
      {AddElements{with_elements("nets", {interval("192.0.2.0/24")})}, "set nets element 192.0.2.0/24: File exists"},
      {DeleteElements{with_elements("pods", {element("10.0.0.9")})},
       "removal from set pods element 10.0.0.9: No such file or directory"},
  };
  for (const Case& refused : cases) {
    EXPECT_EQ(this->refusal(changes({refused.operation})), refused.message);
    this->expect_holds(small_ruleset());
  }
}

TYPED_TEST(KernelTablesContract, OfManyElementsTheGuiltyOneIsNamed) {
  EXPECT_EQ(this->refusal(changes({AddElements{with_elements(
                "pods", {element("10.0.0.0"), element("10.0.0.2"), element("10.0.0.3"), element("10.0.0.4")})}})),
            "set pods element 10.0.0.2: File exists");
}

TYPED_TEST(KernelTablesContract, AnElementIsDeletedAndAddedAgainInOneTransaction) {
  const Set pod = with_elements("pods", {element("10.0.0.1")});
  const Set described = with_elements("pods", {with_comment(element("10.0.0.1"), "pod shop/web")});
  EXPECT_EQ(this->refusal(changes({DeleteElements{pod}, AddElements{described}})), "");
  Ruleset desired = small_ruleset();
  desired.sets["pods"].elements[0].comment = "pod shop/web";
  this->expect_holds(desired);
}

TYPED_TEST(KernelTablesContract, BothFamiliesChangeInOneTransaction) {
  Ruleset desired = small_ruleset();
  desired.sets["pods"] = make_set("pods", {Ipv4Addr}, {element("10.0.0.2"), element("10.0.0.3")});
  desired.sets["pods6"] = make_set("pods6", {Ipv6Addr}, {element("fd00::2"), element("fd00::3")});
  this->expect_becomes(desired);
}

TYPED_TEST(KernelTablesContract, AMapElementIsPointedAtANewChainAndTheOldOneGoes) {
  Ruleset desired = small_ruleset();
  desired.chains.erase("eg-1");
  desired.chains["eg-2"] = make_chain("eg-2", {rule({}, accept())});
  desired.sets["dispatch"] = make_map("dispatch", {Ipv4Addr}, {with_verdict(element("10.0.0.1"), jump("eg-2"))});
  this->expect_becomes(desired);
}

TYPED_TEST(KernelTablesContract, AnInterfaceIsPointedAtANewChainAndTheOldOneGoes) {
  const auto host = [](const char* chain, std::vector<Element> dispatch) {
    Ruleset ruleset = small_ruleset();
    ruleset.sets["host"] = make_map("host", {IfName}, std::move(dispatch));
    ruleset.chains[chain] = make_chain(chain, {rule({}, Reject{})});
    ruleset.chains["input"] =
        make_base_chain("input", Hook::Input, 10, {rule({}, VerdictMapLookup{.field = Field::IifName, .map = "host"})});
    return ruleset;
  };
  const Ruleset before = host("host-1", {with_verdict(interface("eth0"), jump("host-1"))});
  const Ruleset after =
      host("host-2", {with_verdict(interface("eth0"), jump("host-2")), with_verdict(interface("wg0"), jump("host-2"))});
  this->expect_becomes(before);
  EXPECT_EQ(this->refusal(diff(before, after)), "");
  this->expect_holds(after);
  EXPECT_EQ(this->refusal(changes({AddElements{make_map("host", {IfName}, {with_verdict(interface("wg0"), drop())})}})),
            "map host element \"wg0\": File exists");
}

TYPED_TEST(KernelTablesContract, AMarkHoldsOnToTheChainItsRuleJumpsTo) {
  Ruleset desired = small_ruleset();
  desired.chains["eg-2"] = make_chain("eg-2", {rule({}, ClearMark{.bits = 2})});
  desired.chains["forward"].rules = {rule({}, SetMark{.bits = 2, .notrack = false, .verdict = jump("eg-2")})};
  this->expect_becomes(desired);
  EXPECT_EQ(this->refusal(changes({DeleteChain{"eg-2"}})), "removal of chain eg-2: Device or resource busy");
}

TYPED_TEST(KernelTablesContract, NothingIsRejectedBehindRouting) {
  Ruleset desired = small_ruleset();
  desired.chains["eg-2"] = make_chain("eg-2", {rule({}, Reject{})});
  desired.chains["out"] = make_base_chain("out", Hook::Postrouting, 10, {rule({}, jump("eg-2"))});
  EXPECT_EQ(this->rejected(diff(small_ruleset(), desired)),
            (Rejected{.operation = 3,
                      .errno_value = EOPNOTSUPP,
                      .message = "chain out rule 'jump eg-2': Operation not supported"}));
  this->expect_holds(small_ruleset());
}

TYPED_TEST(KernelTablesContract, AChainGoesWithTheElementThatUsedIt) {
  Ruleset desired = small_ruleset();
  desired.chains.erase("eg-1");
  desired.sets["dispatch"].elements.clear();
  this->expect_becomes(desired);
}

TYPED_TEST(KernelTablesContract, AChainGoesWithTheMapThatUsedIt) {
  Ruleset desired = small_ruleset();
  desired.chains.erase("eg-1");
  desired.sets.erase("dispatch");
  desired.chains["forward"].rules.clear();
  this->expect_becomes(desired);
}

TYPED_TEST(KernelTablesContract, ChainsThatJumpToOneAnotherGoTogether) {
  Ruleset chained = small_ruleset();
  chained.chains["eg-0"] = make_chain("eg-0", {rule({}, jump("eg-2"))});
  chained.chains["eg-2"] = make_chain("eg-2", {rule({}, jump("eg-3"))});
  chained.chains["eg-3"] = make_chain("eg-3", {rule({})});
  this->expect_becomes(chained);
  EXPECT_EQ(this->refusal(diff(chained, small_ruleset())), "");
  this->expect_holds(small_ruleset());
}

TYPED_TEST(KernelTablesContract, IntervalsGiveWayToOverlappingOnes) {
  const std::vector<std::vector<Element>> states = {
      {interval("10.0.0.0-10.0.0.9"), interval("192.0.2.0/24")},
      {interval("10.0.0.0-10.0.0.4"), interval("10.0.0.5-10.0.0.9"), interval("192.0.2.0/25")},
      {interval("10.0.0.3-10.0.0.6"), interval("192.0.2.128/25")},
      {interval("0.0.0.0/0")},
      {interval("0.0.0.0/1"), interval("255.255.255.255")},
      {interval("128.0.0.0/1")},
      {},
      {interval("10.0.0.0-10.0.0.5"), interval("192.0.2.0/24")}};
  Ruleset applied = small_ruleset();
  for (const auto& elements : states) {
    Ruleset desired = applied;
    desired.sets["nets"] = make_interval_set("nets", {Ipv4Addr}, elements);
    ASSERT_EQ(this->refusal(diff(applied, desired)), "");
    this->expect_holds(desired);
    applied = desired;
  }
}

TYPED_TEST(KernelTablesContract, ATransactionTakesTwentyThousandElements) {
  std::vector<Element> many;
  for (std::uint32_t i = 0; i < 20000; ++i) {
    many.push_back({.key = {'\x0a', static_cast<char>(i >> 12), static_cast<char>(i >> 4), static_cast<char>(i & 15)},
                    .last = {},
                    .verdict = {},
                    .comment = "pod namespace/name-" + std::to_string(i)});
  }
  Ruleset desired = small_ruleset();
  desired.sets["many"] = make_set("many", {Ipv4Addr}, std::move(many));
  this->expect_becomes(desired);
  EXPECT_EQ(this->refusal(diff(desired, small_ruleset())), "");
  this->expect_holds(small_ruleset());
}

/// So many different addresses of the set's family in order; every 16th with the longest comment there is.
Set populous(const char* name, FieldType type, std::uint32_t count) {
  Set set = make_set(name, {type});
  set.elements.resize(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    Key& key = set.elements[i].key;
    key.assign(type == Ipv4Addr ? 4 : 16, '\x0a');
    for (std::size_t byte = 0; byte < 3; ++byte) key[key.size() - 1 - byte] = static_cast<char>(i >> (8 * byte));
    if (i % 16 == 0) set.elements[i].comment.assign(kMaxComment, 'x');
  }
  return set;
}

TYPED_TEST(KernelTablesContract, LargeSetsComeChangeAndGo) {
  for (const FieldType type : {Ipv4Addr, Ipv6Addr}) {
    Set many = populous("many", type, TypeParam::kMany);
    Set few = make_set("many", {type});
    for (std::size_t i = 0; i < many.elements.size(); i += 16) few.elements.push_back(many.elements[i]);
    Set renamed = few;
    for (Element& element : renamed.elements) element.comment.back() = 'y';
    const Set shape = make_set("many", {type});
    EXPECT_EQ(this->refusal(changes({AddSet{shape}, AddElements{many}})), "");
    EXPECT_EQ(this->refusal(changes({DeleteElements{few}, AddElements{renamed}})), "");
    // Only what is there can be deleted.
    many.elements.erase(many.elements.begin(), many.elements.end() - TypeParam::kMany / 4);
    EXPECT_EQ(this->refusal(changes({DeleteElements{std::move(many)}, DeleteSet{"many"}})), "");
  }
  this->expect_holds(small_ruleset());
}

TYPED_TEST(KernelTablesContract, NoElementIsLostWhereOneMessageEndsAndTheNextBegins) {
  // 482 of them are one message of ours, and 65,535 bytes are the most one attribute can hold.
  for (const std::uint32_t count : {481U, 482U, 483U, 963U, 964U, 965U, 4095U, 4096U, 4097U}) {
    Set set = make_set("edge", {Ipv4Addr});
    for (std::uint32_t i = 0; i < count; ++i) {
      set.elements.push_back({.key = {'\x0a', '\0', static_cast<char>(i >> 8), static_cast<char>(i)},
                              .last = {},
                              .verdict = {},
                              .comment = {}});
    }
    SCOPED_TRACE(count);
    EXPECT_EQ(this->refusal(changes({AddSet{make_set("edge", {Ipv4Addr})}, AddElements{set}})), "");
    const Element& last = set.elements.back();
    EXPECT_EQ(this->refusal(changes({AddElements{make_set("edge", {Ipv4Addr}, {last})}})),
              "set edge element " + print_element(set, last) + ": File exists");
    EXPECT_EQ(this->refusal(changes({DeleteElements{set}})), "");
    EXPECT_EQ(this->refusal(changes({DeleteSet{"edge"}})), "");
  }
}

TYPED_TEST(KernelTablesContract, OfSeveralFailuresTheFirstIsTheCause) {
  const Rejected refused =
      this->rejected(changes({AddElements{with_elements("pods", {element("10.0.0.9")})}, DeleteSet{"unknown"},
                              AddElements{with_elements("pods", {element("10.0.0.1")})}, DeleteChain{"eg-9"}}));
  EXPECT_EQ(refused.operation, 1U);
  EXPECT_EQ(refused.message, "removal of set unknown: No such file or directory");
  this->expect_holds(small_ruleset());
}

TYPED_TEST(KernelTablesContract, ManyRefusalsAreStillOneAnswer) {
  std::vector<Operation> operations;
  for (int i = 0; i < 3000; ++i) operations.emplace_back(DeleteChain{"unknown-" + std::to_string(i)});
  EXPECT_EQ(this->refusal(changes(std::move(operations))), "removal of chain unknown-0: No such file or directory");
  this->expect_becomes(small_ruleset());
}

TYPED_TEST(KernelTablesContract, RebuildReplacesWhateverIsThere) {
  const Ruleset desired = random_ruleset(7);
  EXPECT_EQ(this->refusal(rebuild(desired)), "");
  this->expect_holds(desired);
  EXPECT_EQ(this->refusal(rebuild(desired)), "");
  this->expect_holds(desired);
}

TYPED_TEST(KernelTablesContract, ATableThatIsOursIsChangedAndWrittenAnewAndGivenAway) {
  ASSERT_TRUE(this->tables().can_own()) << "Linux 6.9";
  const ChangeSet one_more = changes({AddElements{with_elements("pods", {element("10.0.0.9")})}});
  for (const TableOwner owner : {TableOwner::Us, TableOwner::Us, TableOwner::Nobody, TableOwner::Us}) {
    EXPECT_EQ(this->refusal(rebuild(small_ruleset(), owner)), "");
    EXPECT_EQ(this->refusal(one_more), "");
    EXPECT_EQ(this->refusal(changes({AddTable{}})), "") << "it is there already";
  }
  EXPECT_EQ(this->refusal(rebuild(small_ruleset())), "");
  this->expect_holds(small_ruleset());
}

TYPED_TEST(KernelTablesContract, ATableOfNobodyDoesNotBecomeOursUnlessItIsWrittenAnew) {
  EXPECT_EQ(this->refusal(changes({AddTable{.owner = TableOwner::Us}})), "table tierwall: Operation not supported");
  this->expect_holds(small_ruleset());
}

TYPED_TEST(KernelTablesContract, AskingWhetherItCanOwnLeavesNoTrace) {
  static_cast<void>(this->tables().can_own());
  this->expect_holds(small_ruleset());
}

TYPED_TEST(KernelTablesContract, WithoutTheTableNothingElseIsPossible) {
  ASSERT_EQ(this->refusal(changes({DeleteTable{}})), "");
  const Rejected refused = this->rejected(changes({AddChain{make_chain("eg-2")}}));
  EXPECT_EQ(refused.errno_value, ENOENT);
  EXPECT_EQ(refused.message, "chain eg-2: No such file or directory");
  EXPECT_EQ(this->refusal(rebuild(small_ruleset())), "");
  this->expect_holds(small_ruleset());
}

TYPED_TEST(KernelTablesContract, RemovalsMayComeInATransactionOfTheirOwn) {
  Ruleset desired = small_ruleset();
  desired.chains.erase("eg-1");
  desired.sets.erase("dispatch");
  desired.chains["forward"].rules.clear();
  const SplitChangeSet split = split_removals(diff(small_ruleset(), desired));
  EXPECT_EQ(this->refusal(split.main), "");
  EXPECT_EQ(this->refusal(split.removals), "");
  this->expect_holds(desired);
}

TEST(FakeKernelTables, AnOldOneCannotOwn) {
  test::FakeKernelTables tables;
  tables.forget_owners();
  EXPECT_FALSE(tables.can_own());
  EXPECT_EQ(std::get<Rejected>(tables.commit(rebuild({}, TableOwner::Us))).errno_value, EOPNOTSUPP);
}

TEST(FakeKernelTables, LosesTheAnswerItIsToldToLose) {
  test::FakeKernelTables tables;
  tables.lose_answer(0);
  EXPECT_TRUE(std::holds_alternative<Unknown>(tables.commit(rebuild(small_ruleset()))));
  EXPECT_EQ(tables.ruleset(), small_ruleset());
}

TEST(FakeKernelTables, RefusesTheCommitItIsToldTo) {
  test::FakeKernelTables tables;
  tables.refuse(1, ENOBUFS);
  EXPECT_TRUE(std::holds_alternative<Committed>(tables.commit(rebuild(small_ruleset()))));
  EXPECT_EQ(std::get<Rejected>(tables.commit(rebuild({}))).message, "transaction: No buffer space available");
  EXPECT_EQ(tables.ruleset(), small_ruleset());
  EXPECT_TRUE(std::holds_alternative<Committed>(tables.commit(rebuild({}))));
  EXPECT_EQ(tables.ruleset(), Ruleset());
  EXPECT_EQ(tables.commits().size(), 2U);
  EXPECT_EQ(tables.attempts(), 3U);
}

}  // namespace
}  // namespace tierwall::nft
