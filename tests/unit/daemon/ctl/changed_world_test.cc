// The world as it would be with other manifests: what a file takes the place of, and whose an object is.

#include "daemon/ctl/changed_world.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/sources/kubernetes/object_feed.h"
#include "daemon/sources/policy_directory.h"
#include "tests/unit/daemon/sources/scratch_directory.h"

namespace tierwall::daemon::ctl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

policy::ResourceKey tier_key(const std::string& name) {
  return {.kind = policy::Kind::Tier, .name = name};
}

std::string tier(const std::string& name, int order) {
  return "---\napiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: " + name +
         "}\nspec: {order: " + std::to_string(order) + "}\n";
}

policy::ResourceEvent tier_event(std::string_view source, const std::string& name, double order,
                                 const std::string& file) {
  return {.source = std::string(source),
          .key = tier_key(name),
          .resource = policy::Tier{.name = name, .order = order},
          .where = {.file = file, .line = 1, .column = 1}};
}

/// Tiers red and blue in one file of the policy directory, green in another, white on the API server.
struct ChangedWorldTest : ::testing::Test {
  ChangedWorldTest() {
    for (const char* name : {"red", "blue"})
      before.apply(tier_event(kDirectorySource, name, 1, "/etc/tierwall/policy.d/two.yaml"));
    before.apply(tier_event(kDirectorySource, "green", 1, "/etc/tierwall/policy.d/one.yaml"));
    before.apply(tier_event(kKubernetesSource, "white", 1, "tiers/white"));
  }
  ChangedWorld change(const std::string& file, const std::string& text, std::vector<std::string> prune = {}) {
    directory.write(file, text);
    auto changed = change_world(before, {.paths = {directory.file(file)}, .prune = std::move(prune)});
    EXPECT_TRUE(changed) << changed.error().message;
    return *std::move(changed);
  }
  static std::vector<std::string> tiers(const ChangedWorld& world) {
    std::vector<std::string> words;
    for (const auto& [name, tier] : world.inventory.snapshot().tiers)
      words.push_back(name + " " + std::to_string(static_cast<int>(*tier.order)));
    return words;
  }

  ScratchDirectory directory;
  policy::Inventory before;
};

TEST_F(ChangedWorldTest, AFileTakesThePlaceOfTheOneOfItsName) {
  const ChangedWorld world = change("two.yaml", tier("red", 2) + tier("black", 3));
  EXPECT_THAT(tiers(world), ElementsAre("black 3", "green 1", "red 2", "white 1"));
  EXPECT_THAT(world.notes, IsEmpty());
}

TEST_F(ChangedWorldTest, AFileOfANewNameIsAddedAndSaysWhatStandsElsewhere) {
  const ChangedWorld world = change("three.yaml", tier("red", 2));
  EXPECT_THAT(tiers(world), ElementsAre("blue 1", "green 1", "red 2", "white 1"));
  EXPECT_THAT(world.notes,
              ElementsAre("Tier red is in two.yaml already: tierwall apply would refuse it in another file"));
}

TEST_F(ChangedWorldTest, WhatTheApiServerHasIsTakenToBeChangedThere) {
  const ChangedWorld world = change("three.yaml", tier("white", 7));
  EXPECT_THAT(tiers(world), ElementsAre("blue 1", "green 1", "red 1", "white 7"));
  EXPECT_THAT(world.notes, ElementsAre("Tier white is the API server's: change it there"));
}

TEST_F(ChangedWorldTest, AFileCanGo) {
  const ChangedWorld world = change("three.yaml", tier("black", 1), {"two.yaml"});
  EXPECT_THAT(tiers(world), ElementsAre("black 1", "green 1", "white 1"));
  const auto unknown = change_world(before, {.prune = {"four.yaml"}});
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("four.yaml"));
}

TEST_F(ChangedWorldTest, AnotherContentOfTheWholeDirectoryLeavesTheApiServersObjects) {
  const ChangedWorld world = exchange_directory(before, {{.name = "a.yaml", .path = "a.yaml", .text = tier("red", 9)}});
  EXPECT_THAT(tiers(world), ElementsAre("red 9", "white 1"));
}

}  // namespace
}  // namespace tierwall::daemon::ctl
