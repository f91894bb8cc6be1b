#include "nft/diff.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "nft/print.h"
#include "tests/unit/nft/sample_rulesets.h"

namespace tierwall::nft {
namespace {

using enum FieldType;

/// A pod treated by the chain of that name.
Ruleset with_pod(const std::string& chain) {
  return make_ruleset({make_map("dispatch", {Ipv4Addr}, {with_verdict(element("10.0.0.1"), jump(chain))})},
                      {make_chain(chain, {rule({})}), make_base_chain("forward", Hook::Forward, 10)});
}

TEST(Diff, OfEqualRulesetsIsEmpty) {
  for (std::uint32_t seed = 0; seed < 20; ++seed) EXPECT_TRUE(diff(random_ruleset(seed), random_ruleset(seed)).empty());
}

TEST(Diff, ANewPodIsOneElement) {
  Ruleset desired = with_pod("eg-1");
  desired.sets["dispatch"].elements.push_back(with_verdict(element("10.0.0.2"), jump("eg-1")));
  EXPECT_EQ(print(diff(with_pod("eg-1"), desired)), "add element inet tierwall dispatch { 10.0.0.2 : jump eg-1 }\n");
}

TEST(Diff, AnotherTreatmentIsANewChainAndARepointedElement) {
  EXPECT_EQ(print(diff(with_pod("eg-1"), with_pod("eg-2"))),
            "add chain inet tierwall eg-2\n"
            "delete element inet tierwall dispatch { 10.0.0.1 : jump eg-1 }\n"
            "add element inet tierwall dispatch { 10.0.0.1 : jump eg-2 }\n"
            "add rule inet tierwall eg-2 drop\n"
            "flush chain inet tierwall eg-1\n"
            "delete chain inet tierwall eg-1\n");
}

TEST(Diff, ABaseChainIsFlushedAndFilledAgain) {
  Ruleset desired = with_pod("eg-1");
  desired.chains["forward"].rules = {rule({}, accept()), rule({})};
  EXPECT_EQ(print(diff(with_pod("eg-1"), desired)),
            "flush chain inet tierwall forward\n"
            "add rule inet tierwall forward accept\n"
            "add rule inet tierwall forward drop\n");
}

TEST(Diff, AMapLetsGoOfItsChainsBeforeItGoes) {
  Ruleset desired = with_pod("eg-1");
  desired.sets.clear();
  desired.chains.erase("eg-1");
  EXPECT_EQ(print(diff(with_pod("eg-1"), desired)),
            "delete element inet tierwall dispatch { 10.0.0.1 : jump eg-1 }\n"
            "flush chain inet tierwall eg-1\n"
            "delete chain inet tierwall eg-1\n"
            "delete set inet tierwall dispatch\n");
}

TEST(Diff, LeadsFromAnyRulesetToAnyOther) {
  for (std::uint32_t seed = 0; seed < 400; ++seed) {
    const Ruleset applied = random_ruleset(seed);
    const Ruleset desired = random_ruleset(seed * 31 + 7);
    EXPECT_EQ(apply(applied, diff(applied, desired)), desired) << "seed " << seed;
  }
}

TEST(Rebuild, LeadsFromWhateverThereIs) {
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    EXPECT_EQ(apply(random_ruleset(seed), rebuild(random_ruleset(seed + 1))), random_ruleset(seed + 1));
  }
}

TEST(SplitRemovals, KeepsTheOrderAndLosesNothing) {
  for (std::uint32_t seed = 0; seed < 100; ++seed) {
    const Ruleset applied = random_ruleset(seed);
    const Ruleset desired = random_ruleset(seed + 1000);
    const SplitChangeSet split = split_removals(diff(applied, desired));
    EXPECT_EQ(apply(apply(applied, split.main), split.removals), desired) << "seed " << seed;
  }
}

TEST(SplitRemovals, OnlyRemovesChainsAndSetsInTheSecondPart) {
  const SplitChangeSet split = split_removals(diff(with_pod("eg-1"), with_pod("eg-2")));
  EXPECT_EQ(print(split.removals), "flush chain inet tierwall eg-1\ndelete chain inet tierwall eg-1\n");
  const auto removes = [](const Operation& operation) { return std::holds_alternative<DeleteChain>(operation); };
  EXPECT_TRUE(std::ranges::none_of(split.main.operations, removes));
}

}  // namespace
}  // namespace tierwall::nft
