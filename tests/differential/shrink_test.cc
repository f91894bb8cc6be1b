// The shrinker before a judge whose mistake is known: it is wrong about worlds with a certain rule, and nothing but
// that rule may be left.

#include "tests/differential/shrink.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/differential/describe_world.h"
#include "tests/differential/generated_policies.h"
#include "tests/differential/generated_world.h"

namespace tierwall::test {
namespace {

/// Wrong as soon as any policy denies UDP.
bool denies_udp(const policy::Snapshot& world) {
  return std::ranges::any_of(world.policies, [](const auto& entry) {
    return std::ranges::any_of(entry.second.ingress, [](const policy::Rule& rule) {
      return rule.action == policy::Action::Deny && rule.protocol == policy::kUdp;
    });
  });
}

std::size_t count_rules(const policy::Snapshot& world) {
  std::size_t count = 0;
  for (const auto& [key, policy] : world.policies) count += policy.ingress.size() + policy.egress.size();
  for (const auto& [key, profile] : world.profiles) count += profile.ingress.size() + profile.egress.size();
  return count;
}

TEST(Shrink, LeavesExactlyTheRuleThatMatters) {
  int tried = 0;
  for (std::uint32_t seed = 1; tried < 10; ++seed) {
    const policy::Snapshot world = generate_world(seed).snapshot;
    if (!denies_udp(world) || count_rules(world) < 8) continue;
    ++tried;
    const policy::Snapshot smallest = shrink(world, denies_udp);
    ASSERT_TRUE(denies_udp(smallest));
    EXPECT_EQ(count_rules(smallest), 1U) << describe_world(smallest);
    EXPECT_EQ(smallest.policies.size(), 1U);
    const policy::Policy& policy = smallest.policies.begin()->second;
    EXPECT_EQ(describe_rule(policy.ingress.at(0)), "Deny udp");
    EXPECT_EQ(policy.subject, policy::all());
    policy::Snapshot expected;
    expected.put(policy);
    EXPECT_EQ(smallest, expected) << "seed " << seed << ", nothing beside the policy:\n" << describe_world(smallest);
  }
}

TEST(Shrink, KeepsWhatTheMistakeNeedsTogether) {
  policy::Snapshot world;
  for (const char* name : {"p1", "p2", "p3"}) {
    world.put(policy::Pod{.ns = "a", .name = name, .labels = {{"app", name}}, .node = "node-1"});
  }
  const auto needs_two = [](const policy::Snapshot& smaller) {
    return smaller.pods.count({"a", "p1"}) == 1 && smaller.pods.count({"a", "p3"}) == 1 &&
           !smaller.pods.at({"a", "p3"}).labels.empty();
  };
  EXPECT_EQ(describe_world(shrink(world, needs_two)), "Pod a/p1 on node-1\nPod a/p3 on node-1 {app=p3}\n");
}

TEST(Shrink, NeverMakesRulesThatNoDecoderWouldMake) {
  const auto any_port = [](const policy::Snapshot& world) {
    bool found = false;
    for (const auto& [key, policy] : world.policies) {
      for (const policy::Direction direction : policy::kDirections) {
        for (const policy::Rule& rule : policy.rules(direction)) {
          EXPECT_TRUE(decodable(rule)) << describe_rule(rule);
          found = found || !rule.destination.ports.ranges.empty();
        }
      }
    }
    return found;
  };
  std::uint32_t seed = 1;
  while (!any_port(generate_world(seed).snapshot)) ++seed;
  const policy::Snapshot smallest = shrink(generate_world(seed).snapshot, any_port);
  ASSERT_EQ(count_rules(smallest), 1U);
  const policy::Policy& policy = smallest.policies.begin()->second;
  const policy::Rule& rule = policy.ingress.empty() ? policy.egress.at(0) : policy.ingress.at(0);
  EXPECT_EQ(rule.destination.ports.ranges.size(), 1U);
  EXPECT_TRUE(rule.protocol) << "port numbers mean nothing without it";
}

TEST(GeneratedWorld, IsTheSameForTheSameSeedAndHasOnlyDecodableRules) {
  for (std::uint32_t seed = 1; seed <= 500; ++seed) {
    const policy::Snapshot world = generate_world(seed).snapshot;
    EXPECT_TRUE(world == generate_world(seed).snapshot) << seed;
    for (const auto& [key, policy] : world.policies) {
      for (const policy::Direction direction : policy::kDirections) {
        for (const policy::Rule& rule : policy.rules(direction)) EXPECT_TRUE(decodable(rule)) << describe_rule(rule);
      }
    }
  }
}

}  // namespace
}  // namespace tierwall::test
