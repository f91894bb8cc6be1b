// One story of a node, told again and again with another of its commits failing, until none is left to fail.

#include <cerrno>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "daemon/reconciler.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_journal.h"
#include "tests/fakes/fake_kernel_tables.h"
#include "tests/fakes/fake_management_flows.h"

namespace tierwall::daemon {
namespace {

using Change = policy::ResourceEvent::Change;

struct Fault {
  std::string name;
  int errno_value = 0;  ///< 0: the commit lands
  bool answer_lost = false;
  int in_a_row = 1;
};

void PrintTo(const Fault& fault, std::ostream* out) {
  *out << fault.name;
}

policy::Pod pod_of(const std::string& name, const std::string& address, const std::string& node) {
  policy::Pod pod{.ns = "shop", .name = name, .labels = {{"app", name}}, .node = node};
  pod.addresses = {*policy::parse_address(address)};
  return pod;
}

policy::Policy allow_from_db() {
  policy::Policy policy{.kind = policy::Kind::KubernetesNetworkPolicy, .ns = "shop", .name = "from-db"};
  policy.ingress = {{.action = policy::Action::Allow, .source = {.selector = policy::equals("app", "db")}}};
  return policy;
}

/// A daemon with its kernel, from start to end of the story.
class Node {
 public:
  using Chapter = std::function<void(Node&)>;
  static std::vector<Chapter> story() {
    return {[](Node& node) {
              node.change(pod_of("web", "10.0.0.1", "node-1"), Change::Upsert);
              node.change(allow_from_db(), Change::Upsert);
              node.reconciler.sources_in_sync();
            },
            [](Node& node) { node.change(pod_of("db", "10.9.0.1", "node-2"), Change::Upsert); },
            [](Node& node) { node.change(pod_of("front", "10.0.0.2", "node-1"), Change::Upsert); },
            [](Node& node) {
              node.tables.lose_table();
              node.reconciler.write_anew();
            },
            [](Node& node) { node.change(pod_of("web", "10.0.0.1", "node-1"), Change::Gone); },
            [](Node& node) { node.change(allow_from_db(), Change::Gone); }};
  }

  void change(const policy::Resource& resource, Change change) {
    const bool gone = change == Change::Gone;
    inventory.apply({.source = "directory",
                     .key = policy::key_of(resource),
                     .change = change,
                     .resource = gone ? std::nullopt : std::optional(resource),
                     .where = {},
                     .problems = {}});
    reconciler.mark_dirty();
  }
  void step() {
    clock.advance(Reconciler::kSettle);
    reconciler.step();
  }
  void wait_and_step() {
    if (const auto due = reconciler.due(); due && *due > clock.monotonic()) clock.advance(*due - clock.monotonic());
    reconciler.step();
  }

  policy::Inventory inventory;
  test::FakeKernelTables tables;
  test::FakeClock clock;
  test::FakeJournal journal;
  test::FakeManagementFlows flows;
  Guard guard{flows};
  Reconciler reconciler{inventory, guard, tables, clock, journal, {.node = "node-1", .compile = {}}};
};

/// What the kernel holds after every chapter when nothing fails.
std::vector<nft::Ruleset> rulesets_without_faults() {
  Node node;
  std::vector<nft::Ruleset> rulesets;
  for (const Node::Chapter& chapter : Node::story()) {
    chapter(node);
    node.step();
    EXPECT_TRUE(node.reconciler.in_sync());
    rulesets.push_back(node.tables.ruleset());
  }
  return rulesets;
}

class CommitFault : public testing::TestWithParam<Fault> {
 protected:
  /// True if the story was over before the fault.
  bool tell(std::size_t nth, bool waits_for_cure) {
    Node node;
    fail(node, nth);
    const auto chapters = Node::story();
    for (std::size_t at = 0; at < chapters.size(); ++at) {
      chapters[at](node);
      follow(node, expected_[at], [&] { node.step(); });
      for (int i = 0; waits_for_cure && !node.reconciler.in_sync() && i < 20; ++i)
        follow(node, expected_[at], [&] { node.wait_and_step(); });
    }
    for (int i = 0; node.reconciler.due() && i < 20; ++i) follow(node, expected_.back(), [&] { node.wait_and_step(); });
    EXPECT_TRUE(node.reconciler.in_sync());
    EXPECT_EQ(node.tables.ruleset(), expected_.back());
    EXPECT_EQ(node.reconciler.verify(), std::nullopt);
    return node.tables.attempts() <= nth;
  }

 private:
  static void fail(Node& node, std::size_t nth) {
    const Fault& fault = GetParam();
    for (std::size_t at = nth; at < nth + static_cast<std::size_t>(fault.in_a_row); ++at) {
      if (fault.errno_value != 0) node.tables.refuse(at, fault.errno_value);
      if (fault.answer_lost) node.tables.lose_answer(at);
    }
  }
  /// Nothing between the former table and the next one is ever in force.
  static void follow(Node& node, const nft::Ruleset& next, const std::function<void()>& step) {
    const nft::Ruleset former = node.tables.ruleset();
    step();
    EXPECT_TRUE(node.tables.ruleset() == former || node.tables.ruleset() == next);
  }

  std::vector<nft::Ruleset> expected_ = rulesets_without_faults();
};

TEST_P(CommitFault, AtAnyCommitLeavesTheFormerTableOrTheNext) {
  for (const bool waits_for_cure : {true, false}) {
    std::size_t nth = 0;
    for (bool over = false; !over; ++nth) {
      SCOPED_TRACE(testing::Message() << "commit " << nth << (waits_for_cure ? ", cured before the next change" : ""));
      over = tell(nth, waits_for_cure);
      ASSERT_LT(nth, 40U);
    }
    EXPECT_GT(nth, Node::story().size()) << "every chapter commits";
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, CommitFault,
                         testing::Values(Fault{"NoBuffers", ENOBUFS}, Fault{"NoMemory", ENOMEM},
                                         Fault{"NotFound", ENOENT}, Fault{"AlreadyThere", EEXIST}, Fault{"Busy", EBUSY},
                                         Fault{"Denied", EPERM}, Fault{"LandedUnheard", 0, true},
                                         Fault{"RefusedUnheard", ENOBUFS, true},
                                         Fault{"NoBuffersFiveTimes", ENOBUFS, false, 5},
                                         Fault{"LandedUnheardFiveTimes", 0, true, 5},
                                         Fault{"RefusedUnheardFiveTimes", ENOBUFS, true, 5}),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace tierwall::daemon
