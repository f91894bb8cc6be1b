// What we print and what we encode, judged by the nft program: the text loads, and nft lists it back byte for byte,
// whether the text or the netlink batch brought it into the kernel.

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "nft/diff.h"
#include "nft/netlink_tables.h"
#include "nft/print.h"
#include "tests/unit/nft/kernel_namespace.h"
#include "tests/unit/nft/sample_rulesets.h"

namespace tierwall::nft {
namespace {

class GoldenNft : public testing::TestWithParam<Sample> {};

std::string golden_path(const Sample& sample) {
  return std::string(TIERWALL_SOURCE_DIR) + "/tests/golden/nft/" + sample.name + ".nft";
}

TEST_P(GoldenNft, PrintsWhatWasAgreed) {
  const std::string text = print(GetParam().ruleset);
  if (std::getenv("TIERWALL_UPDATE_GOLDEN") != nullptr) std::ofstream(golden_path(GetParam())) << text;
  std::stringstream golden;
  golden << std::ifstream(golden_path(GetParam())).rdbuf();
  EXPECT_TRUE(same_text(text, golden.str()));
}

TEST_P(GoldenNft, LoadsAndListsBackTheSame) {
  if (!has_kernel()) GTEST_SKIP() << "needs root and nft";
  enter_fresh_namespace();
  const std::string text = print(GetParam().ruleset);
  const NftRun load = load_with_nft(text);
  ASSERT_EQ(load.status, 0) << load.output;
  EXPECT_TRUE(same_text(list_table(), text));
}

void expect_committed(KernelTables& tables, const ChangeSet& changes) {
  const CommitOutcome outcome = tables.commit(changes);
  const auto* rejected = std::get_if<Rejected>(&outcome);
  ASSERT_EQ(rejected, nullptr) << rejected->message;
}

TEST_P(GoldenNft, CommitsAndListsTheSame) {
  if (!has_kernel()) GTEST_SKIP() << "needs root and nft";
  enter_fresh_namespace();
  const auto tables = NetlinkTables::open();
  ASSERT_TRUE(tables) << tables.error().message;
  expect_committed(**tables, rebuild(GetParam().ruleset));
  EXPECT_TRUE(same_text(list_table(), print(GetParam().ruleset)));
}

TEST_P(GoldenNft, TheChangesLoadAsCommands) {
  if (!has_kernel()) GTEST_SKIP() << "needs root and nft";
  enter_fresh_namespace();
  const NftRun load = load_with_nft(print(rebuild(GetParam().ruleset)));
  ASSERT_EQ(load.status, 0) << load.output;
  EXPECT_TRUE(same_text(sort_blocks(list_table()), sort_blocks(print(GetParam().ruleset))));
}

INSTANTIATE_TEST_SUITE_P(Samples, GoldenNft, testing::ValuesIn(samples()),
                         [](const testing::TestParamInfo<Sample>& test) { return test.param.name; });

/// Lines of a set's elements break at a width of their own for each type.
TEST(GoldenNftSets, OfEverySizeListBackTheSame) {
  if (!has_kernel()) GTEST_SKIP() << "needs root and nft";
  using enum FieldType;
  Ruleset ruleset;
  for (const std::vector<FieldType>& type : std::vector<std::vector<FieldType>>{{Ipv4Addr},
                                                                                {Ipv6Addr},
                                                                                {InetProto},
                                                                                {InetService},
                                                                                {IfName},
                                                                                {Ipv4Addr, InetProto, InetService},
                                                                                {Ipv6Addr, InetProto, InetService},
                                                                                {Ipv4Addr, InetService}}) {
    for (std::uint32_t count = 1; count <= 50; ++count) {
      const std::string name = "set-" + std::to_string(ruleset.sets.size() + 1000);
      ruleset.sets[name] = make_set(name, type, some_elements(type, count));
    }
  }
  const std::string text = print(ruleset);
  enter_fresh_namespace();
  ASSERT_EQ(load_with_nft(text).output, "");
  EXPECT_TRUE(same_text(list_table(), text));
  enter_fresh_namespace();
  const auto tables = NetlinkTables::open();
  ASSERT_TRUE(tables) << tables.error().message;
  expect_committed(**tables, rebuild(ruleset));
  EXPECT_TRUE(same_text(list_table(), text));
}

TEST(GoldenNftChanges, LeadTheKernelFromAnyRulesetToAnyOther) {
  if (!has_kernel()) GTEST_SKIP() << "needs root and nft";
  enter_fresh_namespace();
  const auto tables = NetlinkTables::open();
  ASSERT_TRUE(tables) << tables.error().message;
  Ruleset applied = random_ruleset(0);
  expect_committed(**tables, rebuild(applied));
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Ruleset desired = random_ruleset(seed);
    const ChangeSet changes = diff(applied, desired);
    expect_committed(**tables, changes);
    ASSERT_TRUE(same_text(sort_blocks(list_table()), sort_blocks(print(desired)))) << print(changes);
    applied = desired;
  }
}

}  // namespace
}  // namespace tierwall::nft
