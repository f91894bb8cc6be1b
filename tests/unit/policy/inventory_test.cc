#include "policy/inventory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace tierwall::policy {
namespace {

constexpr auto kDirectory = "directory";
constexpr auto kKubernetes = "kubernetes";

Tier tier(double order) {
  return {.name = "security", .order = order};
}

const ResourceKey kTierKey{Kind::Tier, "", "security"};

ResourceEvent upsert(std::string source, Resource resource, int line = 1) {
  ResourceEvent event;
  event.where = {source + ".yaml", line, 1};
  event.source = std::move(source);
  event.key = key_of(resource);
  event.resource = std::move(resource);
  return event;
}

/// The way the API server tells: without a line, in a place of that name.
ResourceEvent from_server(Resource resource, const std::string& folder = "kubernetes:/api") {
  ResourceEvent event = upsert(kKubernetes, std::move(resource));
  event.where = {.file = folder + "/" + event.key.name};
  return event;
}

ResourceEvent gone(std::string source, ResourceKey key) {
  return {.source = std::move(source), .key = std::move(key), .change = ResourceEvent::Change::Gone};
}

ResourceEvent with_error(ResourceEvent event) {
  event.problems.push_back({.where = event.where, .severity = Severity::Error, .message = "wrong"});
  return event;
}

ResourceEvent unusable(std::string source) {
  ResourceEvent event = with_error(upsert(std::move(source), tier(0)));
  event.resource.reset();
  return event;
}

std::optional<double> order_in_force(const Inventory& inventory) {
  const auto& tiers = inventory.snapshot().tiers;
  return tiers.empty() ? std::nullopt : tiers.begin()->second.order;
}

/// One object of every kind.
std::vector<Resource> one_of_each() {
  return {Namespace{.name = "shop"},
          ServiceAccount{.ns = "shop", .name = "builder"},
          Pod{.ns = "shop", .name = "web"},
          tier(100),
          Profile{.name = "kns.shop"},
          NetworkSet{.ns = "", .name = "office"},
          NetworkSet{.ns = "shop", .name = "office"},
          Policy{.kind = Kind::GlobalNetworkPolicy, .ns = "", .name = "web"},
          Policy{.kind = Kind::NetworkPolicy, .ns = "shop", .name = "web"},
          Policy{.kind = Kind::KubernetesNetworkPolicy, .ns = "shop", .name = "web"}};
}

TEST(Inventory, EveryKindComesAndGoes) {
  Inventory inventory;
  for (const Resource& resource : one_of_each()) inventory.apply(upsert(kDirectory, resource));
  const Snapshot& snapshot = inventory.snapshot();
  EXPECT_EQ(snapshot.namespaces.size() + snapshot.service_accounts.size() + snapshot.pods.size(), 3u);
  EXPECT_EQ(snapshot.tiers.size() + snapshot.profiles.size(), 2u);
  EXPECT_EQ(snapshot.network_sets.size(), 2u);
  EXPECT_EQ(snapshot.policies.size(), 3u);
  EXPECT_EQ(inventory.generation(), 10u);
  for (const Resource& resource : one_of_each()) inventory.apply(gone(kDirectory, key_of(resource)));
  EXPECT_EQ(inventory.snapshot(), Snapshot{});
}

TEST(Inventory, GenerationCountsChangesOnly) {
  Inventory inventory;
  inventory.apply(upsert(kDirectory, tier(100), 1));
  inventory.apply(upsert(kDirectory, tier(100), 9));
  EXPECT_EQ(inventory.generation(), 1u);
  EXPECT_EQ(inventory.location(kTierKey), (Location{"directory.yaml", 9, 1}));
  inventory.apply(upsert(kDirectory, tier(200)));
  EXPECT_EQ(inventory.generation(), 2u);
  inventory.apply(gone(kDirectory, kTierKey));
  inventory.apply(gone(kDirectory, kTierKey));
  EXPECT_EQ(inventory.generation(), 3u);
  EXPECT_EQ(inventory.location(kTierKey), std::nullopt);
}

TEST(Inventory, InvalidUpdateKeepsTheLastGoodVersion) {
  Inventory inventory;
  inventory.apply(upsert(kDirectory, tier(100), 1));
  inventory.apply(with_error(upsert(kDirectory, tier(200), 5)));
  EXPECT_EQ(order_in_force(inventory), 100);
  ASSERT_EQ(inventory.problems().size(), 1u);
  EXPECT_EQ(inventory.problems()[0].where.line, 5);
  EXPECT_EQ(inventory.location(kTierKey)->line, 1);
  inventory.apply(unusable(kDirectory));
  EXPECT_EQ(order_in_force(inventory), 100);
  inventory.apply(upsert(kDirectory, tier(300)));
  EXPECT_EQ(order_in_force(inventory), 300);
  EXPECT_TRUE(inventory.problems().empty());
}

TEST(Inventory, WithoutAGoodVersionTheFailClosedOneCounts) {
  Inventory inventory;
  inventory.apply(unusable(kDirectory));
  EXPECT_EQ(order_in_force(inventory), std::nullopt);
  inventory.apply(with_error(upsert(kDirectory, tier(100))));
  EXPECT_EQ(order_in_force(inventory), 100);
  inventory.apply(with_error(upsert(kDirectory, tier(200))));
  EXPECT_EQ(order_in_force(inventory), 200);
  inventory.apply(unusable(kDirectory));
  EXPECT_EQ(order_in_force(inventory), 200) << "what protects now goes only with its object";
  inventory.apply(gone(kDirectory, kTierKey));
  EXPECT_EQ(inventory.snapshot(), Snapshot{});
  EXPECT_TRUE(inventory.problems().empty());
}

TEST(Inventory, WarningsDoNotMakeAnUpdateInvalid) {
  Inventory inventory;
  inventory.apply(upsert(kDirectory, tier(100)));
  ResourceEvent event = upsert(kDirectory, tier(200));
  event.problems.push_back({.where = event.where, .severity = Severity::Warning, .message = "odd"});
  inventory.apply(event);
  EXPECT_EQ(order_in_force(inventory), 200);
  EXPECT_EQ(inventory.problems(), event.problems);
}

TEST(Inventory, TheApiServersCopyCounts) {
  for (const bool directory_first : {true, false}) {
    Inventory inventory;
    if (directory_first) inventory.apply(upsert(kDirectory, tier(100), 4));
    inventory.apply(upsert(kKubernetes, tier(200)));
    if (!directory_first) inventory.apply(upsert(kDirectory, tier(100), 4));
    EXPECT_EQ(order_in_force(inventory), 200);
    ASSERT_EQ(inventory.problems().size(), 1u);
    EXPECT_EQ(print_diagnostic(inventory.problems()[0]),
              "directory.yaml:4: warning: Tier security: not in force: the copy from the API server counts");
    inventory.apply(gone(kKubernetes, kTierKey));
    EXPECT_EQ(order_in_force(inventory), 100) << "deleting one copy leaves the other";
    EXPECT_TRUE(inventory.problems().empty());
  }
}

TEST(Inventory, AnUnusableCopyHidesNothing) {
  Inventory inventory;
  inventory.apply(upsert(kDirectory, tier(100)));
  inventory.apply(unusable(kKubernetes));
  EXPECT_EQ(order_in_force(inventory), 100);
  EXPECT_EQ(inventory.problems().size(), 1u);
}

TEST(Inventory, ProblemsStandInTheOrderOfTheirPlaces) {
  Inventory inventory;
  inventory.apply(with_error(upsert(kDirectory, Pod{.ns = "a", .name = "a"}, 30)));
  inventory.apply(with_error(upsert(kDirectory, Pod{.ns = "b", .name = "b"}, 2)));
  inventory.apply(with_error(upsert(kDirectory, Namespace{.name = "c"}, 7)));
  std::vector<int> lines;
  for (const Diagnostic& problem : inventory.problems()) lines.push_back(problem.where.line);
  EXPECT_EQ(lines, (std::vector<int>{2, 7, 30}));
}

TEST(Inventory, PodsThatAreAlikeShareWhatTheyHaveInCommon) {
  Inventory inventory;
  const auto replica = [](const char* name) {
    return Pod{.ns = "shop", .name = name, .labels = {{"app", "web"}}, .node = "node-1", .service_account = "builder"};
  };
  for (const char* name : {"web-1", "web-2"}) inventory.apply(from_server(replica(name)));
  const Pod& first = inventory.snapshot().pods.at({"shop", "web-1"});
  const Pod& second = inventory.snapshot().pods.at({"shop", "web-2"});
  EXPECT_EQ(&first.labels.entries(), &second.labels.entries());
  EXPECT_EQ(&first.node.text(), &second.node.text());
  EXPECT_EQ(&first.service_account.text(), &second.service_account.text());
}

TEST(Inventory, AnEventMayBeTakenApart) {
  Inventory inventory;
  ResourceEvent event = from_server(tier(100));
  EXPECT_TRUE(inventory.take(event));
  EXPECT_EQ(event.resource, std::nullopt);
  EXPECT_EQ(event.key, kTierKey) << "what remembers it needs is still there";
  EXPECT_EQ(order_in_force(inventory), 100);
  event = with_error(from_server(tier(200)));
  EXPECT_FALSE(inventory.take(event));
  EXPECT_EQ(order_in_force(inventory), 100);
  EXPECT_EQ(inventory.problems().size(), 1u);
}

using Keys = std::vector<ResourceKey>;

/// Every way from an object of which nothing is kept but itself to one with a history, and back.
TEST(Inventory, WhatTheServerToldOfAnObjectIsKnownWhateverHappensToIt) {
  Inventory inventory;
  const Location at_server{.file = "kubernetes:/api/security"};
  inventory.apply(from_server(tier(100)));
  EXPECT_EQ(inventory.keys_of(kKubernetes), Keys{kTierKey});
  EXPECT_EQ(inventory.location(kTierKey), at_server);
  EXPECT_EQ(inventory.source(kTierKey), kKubernetes);

  inventory.apply(with_error(from_server(tier(200))));
  EXPECT_EQ(order_in_force(inventory), 100);
  EXPECT_EQ(inventory.location(kTierKey), at_server);
  EXPECT_EQ(inventory.problems().size(), 1u);
  inventory.apply(from_server(tier(300)));
  EXPECT_EQ(order_in_force(inventory), 300);
  EXPECT_TRUE(inventory.problems().empty());

  inventory.apply(upsert(kDirectory, tier(400), 7));
  EXPECT_EQ(order_in_force(inventory), 300);
  EXPECT_EQ(inventory.source(kTierKey), kKubernetes);
  EXPECT_EQ(inventory.keys_of(kDirectory), Keys{kTierKey});
  EXPECT_EQ(inventory.keys_of(kKubernetes), Keys{kTierKey});
  inventory.apply(gone(kDirectory, kTierKey));
  EXPECT_EQ(order_in_force(inventory), 300);
  EXPECT_EQ(inventory.keys_of(kDirectory), Keys{});

  inventory.apply(gone(kDirectory, kTierKey));
  EXPECT_EQ(order_in_force(inventory), 300) << "of another source";
  inventory.apply(from_server(tier(500), "kubernetes:/elsewhere"));
  EXPECT_EQ(inventory.location(kTierKey), (Location{.file = "kubernetes:/elsewhere/security"}));
  EXPECT_EQ(order_in_force(inventory), 500);
  inventory.apply(gone(kKubernetes, kTierKey));
  EXPECT_EQ(inventory.snapshot(), Snapshot{});
  EXPECT_EQ(inventory.keys_of(kKubernetes), Keys{});
  EXPECT_EQ(inventory.location(kTierKey), std::nullopt);
  EXPECT_EQ(inventory.source(kTierKey), std::nullopt);
}

TEST(Inventory, KeysOfASourceAreSortedWhereverTheyWereRead) {
  Inventory inventory;
  Keys expected;
  for (const Resource& resource : one_of_each()) {
    inventory.apply(from_server(resource, "kubernetes:/of-" + std::string(print_kind(key_of(resource).kind))));
    expected.push_back(key_of(resource));
  }
  inventory.apply(upsert(kKubernetes, Pod{.ns = "shop", .name = "at-a-line"}, 3));
  expected.push_back({Kind::Pod, "shop", "at-a-line"});
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(inventory.keys_of(kKubernetes), expected);
  EXPECT_EQ(inventory.keys_of(kDirectory), Keys{});
}

ResourceEvent random_event(std::mt19937& random) {
  const std::vector<Resource> resources = one_of_each();
  Resource resource = resources[random() % resources.size()];
  if (auto* policy = std::get_if<Policy>(&resource)) policy->order = static_cast<double>(random() % 3);
  if (auto* written = std::get_if<Tier>(&resource)) written->order = static_cast<double>(random() % 3);
  const auto* source = random() % 2 == 0 ? kDirectory : kKubernetes;
  const auto line = static_cast<int>(random() % 50);
  if (random() % 3 == 0) return from_server(resource, random() % 4 == 0 ? "kubernetes:/other" : "kubernetes:/api");
  switch (random() % 4) {
    case 0:
      return gone(source, key_of(resource));
    case 1:
      return with_error(upsert(source, resource, line));
    default:
      return upsert(source, resource, line);
  }
}

/// The same events with those of different keys or sources interleaved in another way.
std::vector<ResourceEvent> interleaved(const std::vector<ResourceEvent>& events, std::mt19937& random) {
  std::map<std::pair<ResourceKey, std::string>, std::vector<ResourceEvent>> queues;
  std::vector<std::pair<ResourceKey, std::string>> turns;
  for (const ResourceEvent& event : events) {
    turns.emplace_back(event.key, event.source);
    queues[turns.back()].push_back(event);
  }
  std::shuffle(turns.begin(), turns.end(), random);
  std::vector<ResourceEvent> mixed;
  for (const auto& turn : turns) {
    mixed.push_back(queues[turn].front());
    queues[turn].erase(queues[turn].begin());
  }
  return mixed;
}

TEST(Inventory, TheOrderOfDifferentKeysAndSourcesDoesNotMatter) {
  std::mt19937 random(11);
  for (int round = 0; round < 100; ++round) {
    std::vector<ResourceEvent> events;
    for (int i = 0; i < 40; ++i) events.push_back(random_event(random));
    Inventory straight;
    for (const ResourceEvent& event : events) straight.apply(event);
    Inventory mixed;
    for (const ResourceEvent& event : interleaved(events, random)) mixed.apply(event);
    ASSERT_EQ(straight.snapshot(), mixed.snapshot()) << "round " << round;
    ASSERT_EQ(straight.problems(), mixed.problems()) << "round " << round;
    for (const auto* source : {kDirectory, kKubernetes}) {
      ASSERT_EQ(straight.keys_of(source), mixed.keys_of(source)) << "round " << round;
    }
    for (const Resource& resource : one_of_each()) {
      ASSERT_EQ(straight.location(key_of(resource)), mixed.location(key_of(resource))) << "round " << round;
      ASSERT_EQ(straight.source(key_of(resource)), mixed.source(key_of(resource))) << "round " << round;
    }
  }
}

}  // namespace
}  // namespace tierwall::policy
