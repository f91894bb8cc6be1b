#include "nft/hook_last.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "nft/diff.h"
#include "tests/unit/nft/sample_rulesets.h"

namespace tierwall::nft {
namespace {

using enum FieldType;

/// A chain for a pod that looks into a set of this kind, and the map that leads to it.
Ruleset leading_to(const std::string& chain, const Set& set) {
  Rule looks = counted(rule({is_in({Field::IpSaddr}, set.name)}), chain);
  Ruleset ruleset =
      make_ruleset({set, make_map("ingress4", {Ipv4Addr}, {with_verdict(element("10.0.0.1"), jump(chain))})},
                   {make_chain(chain, {looks}),
                    make_base_chain("forward", Hook::Forward, 10,
                                    {rule({}, VerdictMapLookup{.field = Field::IpDaddr, .map = "ingress4"})})});
  ruleset.counters[chain] = {chain, {}};
  return ruleset;
}

Ruleset looks_into_members() {
  return leading_to("in4-a", make_set("addr4-a", {Ipv4Addr}, {element("10.0.0.9")}));
}
Ruleset looks_into_nets() {
  return leading_to("in4-b", make_interval_set("nets4-b", {Ipv4Addr}, {interval("10.0.0.0/8")}));
}

TEST(HookLast, WhatIsNewIsThereBeforeAnythingLeadsToIt) {
  const auto parts = hook_last(diff(looks_into_members(), looks_into_nets()));
  ASSERT_TRUE(parts);
  const Ruleset between = apply(looks_into_members(), parts->unhooked.changes);
  EXPECT_EQ(between.chains.at("forward"), looks_into_members().chains.at("forward"));
  EXPECT_EQ(between.sets.at("ingress4"), looks_into_members().sets.at("ingress4"))
      << "nothing leads to the new chain yet";
  EXPECT_EQ(between.sets.at("nets4-b"), looks_into_nets().sets.at("nets4-b"));
  EXPECT_EQ(between.chains.at("in4-b"), looks_into_nets().chains.at("in4-b"));
  EXPECT_EQ(apply(between, parts->main.changes), looks_into_nets());
}

TEST(HookLast, EveryOperationIsStillCalledByItsPlaceInTheWhole) {
  const ChangeSet whole = diff(looks_into_members(), looks_into_nets());
  const auto parts = hook_last(whole);
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->unhooked.operation_of.size() + parts->main.operation_of.size(), whole.operations.size());
  for (const TransactionPart* part : {&parts->unhooked, &parts->main}) {
    for (std::size_t i = 0; i < part->operation_of.size(); ++i) {
      EXPECT_EQ(part->changes.operations[i], whole.operations[part->operation_of[i]]);
    }
  }
}

TEST(HookLast, WhatWasMadeCanBeTakenAway) {
  const auto parts = hook_last(diff(looks_into_members(), looks_into_nets()));
  ASSERT_TRUE(parts);
  const Ruleset between = apply(looks_into_members(), parts->unhooked.changes);
  EXPECT_EQ(apply(between, removal_of(parts->unhooked.changes)), looks_into_members());
}

TEST(HookLast, OneTransactionIsEnoughWithoutNewIntervals) {
  EXPECT_FALSE(hook_last({}));
  EXPECT_FALSE(hook_last(diff(looks_into_nets(), looks_into_members())));
  EXPECT_FALSE(hook_last(rebuild(looks_into_nets()))) << "the copy covers this";
}

}  // namespace
}  // namespace tierwall::nft
