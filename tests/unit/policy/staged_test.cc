#include "policy/staged.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/evaluate.h"
#include "policy/resolve.h"

namespace tierwall::policy {
namespace {

constexpr const char* kWeb = "10.0.0.1";
constexpr const char* kClient = "10.0.0.2";

Policy ingress_policy(Kind kind, const char* name, Action action, std::optional<StagedAction> staged = std::nullopt) {
  Policy policy;
  policy.kind = kind;
  policy.ns = is_namespaced(kind) ? "shop" : "";
  policy.name = name;
  policy.applies_to_egress = false;
  policy.ingress = {{.action = action}};
  policy.staged = staged;
  return policy;
}

Snapshot world_of(const std::vector<Policy>& policies) {
  Snapshot world;
  for (const auto& [name, address] : {std::pair("web", kWeb), std::pair("client", kClient)}) {
    Pod pod;
    pod.ns = "shop";
    pod.name = name;
    pod.addresses = {*parse_address(address)};
    world.put(pod);
  }
  for (const Policy& policy : policies) world.put(policy);
  return world;
}

Verdict verdict_at_web(const Snapshot& world) {
  const NodePolicy policy = resolve(world, {});
  const Flow flow{*parse_address(kClient), *parse_address(kWeb), Family::V4, kTcp, 40000, 80, {}};
  return evaluate(policy, *policy.find_endpoint(*flow.destination), Direction::Ingress, flow).verdict;
}

TEST(Staged, IsNeverEnforced) {
  const Policy staged = ingress_policy(Kind::StagedNetworkPolicy, "deny-all", Action::Deny, StagedAction::Set);
  EXPECT_EQ(verdict_at_web(world_of({staged})), Verdict::Allow) << "a tier of staged policies only passes";
  EXPECT_TRUE(has_staged(world_of({staged})));
  EXPECT_FALSE(has_staged(world_of({})));
}

TEST(Staged, CarriedOutItDecides) {
  struct Case {
    Kind staged;
    Kind enforced;
  };
  for (const auto& [staged, enforced] : {Case{Kind::StagedNetworkPolicy, Kind::NetworkPolicy},
                                         Case{Kind::StagedGlobalNetworkPolicy, Kind::GlobalNetworkPolicy},
                                         Case{Kind::StagedKubernetesNetworkPolicy, Kind::KubernetesNetworkPolicy}}) {
    const Snapshot after = carry_out_staged(world_of({ingress_policy(staged, "p", Action::Deny, StagedAction::Set)}));
    EXPECT_EQ(verdict_at_web(after), Verdict::Deny) << print_kind(staged);
    EXPECT_FALSE(has_staged(after));
    EXPECT_EQ(after.policies.begin()->first.kind, enforced);
  }
}

TEST(Staged, TakesThePlaceOfThePolicyOfItsName) {
  const Snapshot before = world_of({ingress_policy(Kind::NetworkPolicy, "p", Action::Deny),
                                    ingress_policy(Kind::StagedNetworkPolicy, "p", Action::Allow, StagedAction::Set)});
  EXPECT_EQ(verdict_at_web(before), Verdict::Deny);
  const Snapshot after = carry_out_staged(before);
  EXPECT_EQ(verdict_at_web(after), Verdict::Allow);
  EXPECT_EQ(after.policies.size(), 1U);
}

TEST(Staged, DeleteTakesThePolicyOfItsNameAway) {
  const Snapshot before =
      world_of({ingress_policy(Kind::NetworkPolicy, "p", Action::Deny),
                ingress_policy(Kind::NetworkPolicy, "other", Action::Allow),
                ingress_policy(Kind::StagedNetworkPolicy, "p", Action::Deny, StagedAction::Delete)});
  const Snapshot after = carry_out_staged(before);
  ASSERT_EQ(after.policies.size(), 1U);
  EXPECT_EQ(after.policies.begin()->first.name, "other");
}

}  // namespace
}  // namespace tierwall::policy
