#include "daemon/sources/manifest_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace tierwall::daemon {
namespace {

using policy::ResourceEvent;

std::string tier(const std::string& name, int order) {
  return fmt::format("---\napiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {{name: {}}}\nspec: {{order: {}}}\n",
                     name, order);
}

/// "+NAME=ORDER" with "!" per problem, or "-NAME", for each event.
std::string show(const std::vector<ResourceEvent>& events) {
  std::string text;
  for (const ResourceEvent& event : events) {
    if (!text.empty()) text += " ";
    if (event.change == ResourceEvent::Change::Gone) {
      text += "-" + event.key.name;
      continue;
    }
    text += fmt::format("+{}={}", event.key.name, *std::get<policy::Tier>(*event.resource).order);
    text += std::string(event.problems.size(), '!');
  }
  return text;
}

std::string put(ManifestSet& set, const std::string& file, const std::string& text) {
  return show(set.put(file, decode_manifest(text, file)));
}

TEST(ManifestSet, TellsOnlyWhatChanged) {
  ManifestSet set("directory");
  EXPECT_EQ(put(set, "a", tier("x", 1) + tier("y", 2)), "+x=1 +y=2");
  EXPECT_EQ(put(set, "a", tier("x", 1) + tier("y", 2)), "");
  EXPECT_EQ(put(set, "a", tier("x", 1) + tier("y", 3)), "+y=3");
  EXPECT_EQ(put(set, "a", tier("x", 1)), "-y");
  EXPECT_EQ(set.object_count(), 1u);
  EXPECT_EQ(show(set.remove("a")), "-x");
  EXPECT_EQ(show(set.remove("a")), "");
  EXPECT_EQ(set.file_count(), 0u);
}

TEST(ManifestSet, LowestPlaceCountsAndTheOthersAreErrors) {
  ManifestSet set("directory");
  EXPECT_EQ(put(set, "b", tier("x", 2)), "+x=2");
  const auto events = set.put("a", decode_manifest(tier("y", 9) + tier("x", 1), "a"));
  // The copy that counts is sound: its event carries no problem that would keep an earlier version in force.
  EXPECT_EQ(show(events), "+x=1 +y=9");
  EXPECT_EQ(events[0].where, (policy::Location{"a", 7, 1}));
  ASSERT_EQ(set.problems().size(), 1u);
  EXPECT_EQ(policy::print_diagnostic(set.problems()[0]),
            "b:2: error: Tier x: also defined at a:7, which is the one that counts");
  EXPECT_EQ(show(set.remove("a")), "+x=2 -y");
  EXPECT_TRUE(set.problems().empty());
}

TEST(ManifestSet, SameFileTwice) {
  ManifestSet set("directory");
  const auto events = set.put("a", decode_manifest(tier("x", 1) + tier("x", 2), "a"));
  EXPECT_EQ(show(events), "+x=1");
  ASSERT_EQ(set.problems().size(), 1u);
  EXPECT_EQ(policy::print_diagnostic(set.problems()[0]),
            "a:7: error: Tier x: also defined at a:2, which is the one that counts");
}

TEST(ManifestSet, BrokenFileKeepsWhatItGave) {
  ManifestSet set("directory");
  put(set, "a", tier("x", 1) + tier("y", 2));
  EXPECT_EQ(put(set, "a", tier("x", 5) + "---\nmetadata: {na"), "+x=5") << "y may stand in the broken part";
  EXPECT_EQ(set.problems().size(), 1u);
  EXPECT_EQ(set.object_count(), 2u);
  EXPECT_EQ(put(set, "a", "apiVersion: projectcalico.org/v3\nkind: Tier\nspec: {order: 2}\n"), "")
      << "a tier without a name may be any";
  EXPECT_EQ(put(set, "a", tier("x", 5)), "-y");
  EXPECT_TRUE(set.problems().empty());
}

TEST(ManifestSet, ResultDoesNotDependOnTheOrderOfFiles) {
  std::vector<std::pair<std::string, std::string>> files = {{"a", tier("x", 1) + tier("y", 1)},
                                                            {"b", tier("x", 2) + tier("z", 2)},
                                                            {"c", tier("z", 3) + tier("x", 3)},
                                                            {"d", "{"}};
  std::map<policy::ResourceKey, ResourceEvent> first;
  std::vector<policy::Diagnostic> first_problems;
  do {
    ManifestSet set("directory");
    std::map<policy::ResourceKey, ResourceEvent> last;
    const auto apply = [&last](std::vector<ResourceEvent> events) {
      for (ResourceEvent& event : events) last.insert_or_assign(event.key, event);
    };
    apply(set.put(files[0].first, decode_manifest(tier("x", 7) + tier("gone", 7), files[0].first)));
    for (const auto& file : files) apply(set.put(file.first, decode_manifest(file.second, file.first)));
    apply(set.put(files[0].first, decode_manifest(files[0].second, files[0].first)));
    last.erase({policy::Kind::Tier, "", "gone"});
    if (files[0].first == "d") continue;  // a file that is broken now keeps what it gave before
    if (first.empty()) {
      first = last;
      first_problems = set.problems();
    }
    EXPECT_EQ(last, first);
    EXPECT_EQ(set.problems(), first_problems);
  } while (std::next_permutation(files.begin(), files.end()));
  EXPECT_EQ(first.size(), 3u);
}

}  // namespace
}  // namespace tierwall::daemon
