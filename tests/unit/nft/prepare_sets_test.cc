#include "nft/prepare_sets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "nft/diff.h"
#include "nft/encode.h"
#include "tests/unit/nft/sample_rulesets.h"

namespace tierwall::nft {
namespace {

using enum FieldType;

constexpr std::size_t kRoomOfPart = 20'000;

Ruleset judged_by(std::vector<Set> sets) {
  std::vector<Rule> rules;
  for (const Set& set : sets) {
    if (!set.verdict_map) rules.push_back(rule({is_in({Field::IpSaddr}, set.name)}));
  }
  return make_ruleset(std::move(sets), {make_chain("eg-1"), make_base_chain("forward", Hook::Forward, 10, rules)});
}

Ruleset before() {
  return judged_by({make_set("there", {Ipv4Addr}, some_elements({Ipv4Addr}, 10))});
}

Ruleset after() {
  return judged_by({make_set("there", {Ipv4Addr}, some_elements({Ipv4Addr}, 2000)), make_set("empty", {Ipv4Addr}),
                    make_set("large", {Ipv4Addr}, some_elements({Ipv4Addr}, 3000)),
                    make_interval_set("nets", {Ipv4Addr}, {interval("10.0.0.0/8"), interval("192.0.2.0/24")}),
                    make_map("dispatch", {Ipv4Addr}, {with_verdict(element("10.0.0.1"), jump("eg-1"))})});
}

TEST(PrepareSets, AllPartsTogetherAreTheWhole) {
  const auto parts = prepare_sets(diff(before(), after()), kRoomOfPart);
  ASSERT_TRUE(parts);
  EXPECT_GT(parts->sets.size(), 10U);
  Ruleset table = before();
  for (const TransactionPart& part : parts->sets) {
    advance(table, part.changes);
    EXPECT_EQ(table.chains, before().chains) << "no rule looks into what is prepared";
    EXPECT_EQ(table.sets.at("there"), before().sets.at("there"));
    EXPECT_FALSE(table.sets.contains("dispatch")) << "its chains are not there yet";
  }
  advance(table, parts->main.changes);
  EXPECT_EQ(table, after());
}

TEST(PrepareSets, EachPartFitsAndKnowsItsOperations) {
  const ChangeSet whole = diff(before(), after());
  const auto parts = prepare_sets(whole, kRoomOfPart);
  ASSERT_TRUE(parts);
  for (const TransactionPart& part : parts->sets) {
    const auto batch = encode(part.changes, 1);
    ASSERT_TRUE(batch);
    EXPECT_LE(batch->bytes.size(), kRoomOfPart);
    ASSERT_EQ(part.operation_of.size(), part.changes.operations.size());
    for (std::size_t i = 0; i < part.operation_of.size(); ++i) {
      EXPECT_EQ(part.changes.operations[i].index(), whole.operations[part.operation_of[i]].index());
    }
  }
  for (std::size_t i = 0; i < parts->main.operation_of.size(); ++i) {
    EXPECT_EQ(parts->main.changes.operations[i], whole.operations[parts->main.operation_of[i]]);
  }
}

TEST(PrepareSets, WhatIsInForceCannotBePrepared) {
  EXPECT_FALSE(prepare_sets({}, kRoomOfPart));
  EXPECT_FALSE(prepare_sets(rebuild(after()), kRoomOfPart)) << "the sets of the table before have the same names";
  Ruleset more = before();
  more.sets["there"].elements = some_elements({Ipv4Addr}, 2000);
  EXPECT_FALSE(prepare_sets(diff(before(), more), kRoomOfPart)) << "rules look into the set";
}

}  // namespace
}  // namespace tierwall::nft
