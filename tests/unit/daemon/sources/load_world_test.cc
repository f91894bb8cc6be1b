#include "daemon/sources/load_world.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/daemon/sources/scratch_directory.h"

namespace tierwall::daemon {
namespace {

std::string tier(const std::string& order) {
  return "apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: x}\nspec: {order: " + order + "}\n";
}

TEST(ListManifestFiles, TakesManifestsInNameOrder) {
  const ScratchDirectory scratch;
  for (const char* name : {"b.yaml", "a.yml", "c.json", ".hidden.yaml", "notes.txt", "d.yaml~"})
    scratch.write(name, "");
  std::filesystem::create_directory(scratch.path() / "e.yaml");
  const auto files = list_manifest_files(scratch.path().string());
  ASSERT_TRUE(files);
  EXPECT_EQ(*files, (std::vector<std::string>{scratch.file("a.yml"), scratch.file("b.yaml"), scratch.file("c.json")}));
}

TEST(LoadWorld, TheCopyThatCountsDoesNotDependOnTheOrderOfPaths) {
  const ScratchDirectory scratch;
  scratch.write("a.yaml", tier("1"));
  scratch.write("b.yaml", tier("2"));
  const auto world = load_world({scratch.file("b.yaml"), scratch.path().string()});
  ASSERT_TRUE(world);
  EXPECT_EQ(world->files, 2u) << "a file that is named twice is read once";
  EXPECT_EQ(world->inventory.snapshot().tiers.at("x").order, 1);
  ASSERT_EQ(world->problems.size(), 1u);
  EXPECT_EQ(world->problems[0].where.file, scratch.file("b.yaml"));
}

TEST(LoadWorld, GathersProblemsAndGoesOn) {
  const ScratchDirectory scratch;
  scratch.write("a.yaml", "{");
  scratch.write("b.yaml", tier("high"));
  scratch.write("c.yaml", "{apiVersion: v1, kind: Namespace, metadata: {name: n}}");
  const auto world = load_world({scratch.path().string()});
  ASSERT_TRUE(world);
  EXPECT_FALSE(world->readable);
  EXPECT_EQ(world->problems.size(), 2u);
  EXPECT_EQ(world->inventory.snapshot().namespaces.count("n"), 1u);
  EXPECT_EQ(world->inventory.snapshot().tiers.count("x"), 1u) << "the fail-closed reading is in force";
}

TEST(LoadWorld, MissingPathIsNotFound) {
  const auto world = load_world({"/nonexistent/policy.yaml"});
  ASSERT_FALSE(world);
  EXPECT_EQ(world.error().kind, ErrorKind::NotFound);
}

}  // namespace
}  // namespace tierwall::daemon
