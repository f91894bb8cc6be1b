// The result of a history does not depend on the order in which it arrives. Generated worlds with a past (objects that
// were otherwise, that are gone, that are in two sources, whose last version is broken) reach an inventory shuffled,
// doubled and squashed; policy, table and problems are the same each time, and so is what a kernel holds that was told
// only the differences at moments in between.

#include "tests/scenario/event_orders.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "nft/compile.h"
#include "nft/diff.h"
#include "nft/print.h"
#include "policy/resolve.h"
#include "tests/differential/generated_world.h"
#include "tests/fakes/fake_kernel_tables.h"
#include "tests/vocabulary/effort.h"

namespace tierwall::test {
namespace {

using policy::ResourceEvent;

constexpr std::uint32_t kWorlds = 300;
constexpr int kOrders = 5;
constexpr std::size_t kCommits = 4;  // per order

std::vector<policy::Resource> objects_of(const policy::Snapshot& world) {
  std::vector<policy::Resource> objects;
  const auto append = [&](const auto& map) {
    for (const auto& entry : map) objects.emplace_back(entry.second);
  };
  append(world.namespaces);
  append(world.service_accounts);
  append(world.pods);
  append(world.nodes);
  append(world.services);
  append(world.endpoint_slices);
  append(world.tiers);
  append(world.profiles);
  append(world.network_sets);
  append(world.policies);
  return objects;
}

/// A history that ends in more or less the second of two worlds, after having been more or less the first.
class History {
 public:
  explicit History(std::uint32_t seed) : random_(seed) {}

  Events of(const policy::Snapshot& before, const policy::Snapshot& after) {
    for (const policy::Resource& object : objects_of(before)) tell(object);
    for (const policy::Resource& object : objects_of(before)) {
      if (random_.chance(60)) forget(key_of(object));
    }
    for (const policy::Resource& object : objects_of(after)) tell(object);
    return std::move(events_);
  }

 private:
  /// Sometimes from both sources, sometimes with an error, which makes it a version that does not count or closes.
  void tell(const policy::Resource& object) {
    const int sources = random_.number(0, 4);
    if (sources != 0) append(object, "directory");
    if (sources <= 1) append(object, "kubernetes");
  }

  void append(const policy::Resource& object, const std::string& source) {
    ResourceEvent event{.source = source, .key = key_of(object), .resource = object};
    event.where.line = static_cast<int>(events_.size()) + 1;
    if (random_.chance(15)) {
      event.problems.push_back({.where = event.where, .message = "broken"});
      if (random_.chance(50)) event.resource.reset();
    }
    events_.push_back(std::move(event));
  }

  void forget(const policy::ResourceKey& key) {
    events_.push_back(
        {.source = random_.pick({"directory", "kubernetes"}), .key = key, .change = ResourceEvent::Change::Gone});
  }

  RandomChoice random_;
  Events events_;
};

/// What a history came to.
struct Outcome {
  policy::Snapshot snapshot;
  std::vector<policy::Diagnostic> problems;
  policy::NodePolicy policy;
  nft::Ruleset table;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome outcome_of(const policy::Inventory& inventory) {
  Outcome outcome{inventory.snapshot(), inventory.problems(), policy::resolve(inventory.snapshot(), {kJudgedNode}), {}};
  outcome.table = *nft::compile(outcome.policy, {});
  return outcome;
}

/// Applies the events and tells a kernel the differences a few times on the way.
Outcome live_through(const Events& events) {
  policy::Inventory inventory;
  FakeKernelTables kernel;
  nft::Ruleset applied;
  for (std::size_t i = 0; i < events.size(); ++i) {
    inventory.apply(events[i]);
    const bool last = i + 1 == events.size();
    if (!last && i % (events.size() / kCommits + 1) != 0) continue;
    const nft::Ruleset desired = outcome_of(inventory).table;
    const nft::ChangeSet changes = kernel.has_table() ? nft::diff(applied, desired) : nft::rebuild(desired);
    EXPECT_TRUE(std::holds_alternative<nft::Committed>(kernel.commit(changes))) << print(changes);
    applied = desired;
  }
  Outcome outcome = outcome_of(inventory);
  EXPECT_EQ(print(kernel.ruleset()), print(outcome.table)) << "differences must add up to the whole";
  return outcome;
}

TEST(EventOrders, TheResultIsThatOfTheLastEventsInAnyOrder) {
  std::size_t events_seen = 0;
  const std::uint32_t worlds = tried_of(kWorlds);
  for (std::uint32_t seed = 1; seed <= worlds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Events history = History(seed).of(generate_world(2 * seed).snapshot, generate_world(2 * seed + 1).snapshot);
    events_seen += history.size();
    const Outcome expected = live_through(history);
    ASSERT_TRUE(live_through(doubled(history)) == expected) << "every event twice";
    ASSERT_TRUE(live_through(squashed(history)) == expected) << "the last events only";
    RandomChoice random(seed);
    for (int order = 2; order < kOrders; ++order) {
      const Events other = shuffled(history, random);
      ASSERT_TRUE(live_through(order % 2 == 0 ? other : squashed(doubled(other))) == expected) << "order " << order;
    }
  }
  std::printf("event orders: %u histories of %zu events, %d orders each, one result\n", worlds, events_seen, kOrders);
}

TEST(EventOrders, ShufflingKeepsEachObjectsOwnOrder) {
  Events events;
  for (int version = 0; version < 5; ++version) {
    for (const char* name : {"a", "b", "c"}) {
      events.push_back(
          {.source = "directory", .key = {policy::Kind::Namespace, "", name}, .where = {name, version, 0}});
    }
  }
  RandomChoice random(1);
  const Events other = shuffled(events, random);
  EXPECT_FALSE(other == events);
  std::map<std::string, int> next;
  for (const ResourceEvent& event : other) EXPECT_EQ(event.where.line, next[event.key.name]++);
  EXPECT_EQ(next, (std::map<std::string, int>{{"a", 5}, {"b", 5}, {"c", 5}}));
}

}  // namespace
}  // namespace tierwall::test
