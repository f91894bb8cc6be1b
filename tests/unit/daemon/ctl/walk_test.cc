// What the walk shows must be what the evaluator decided, on every flow of the golden world; and who is skipped, and
// why, in a small world made for it.

#include "daemon/ctl/walk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/ctl/connection.h"
#include "daemon/sources/load_world.h"

namespace tierwall::daemon::ctl {
namespace {

using policy::Direction;
using policy::Reason;
using ::testing::ElementsAre;
using End = WalkedTier::End;

Result<Connection> ask(const ConnectionJudge& judge, const std::string& from, const std::string& to, int port) {
  FlowWords words;
  words.from = from;
  words.to = to;
  words.dport = std::to_string(port);
  return judge.judge(*parse_flow(words));
}

/// The rule at which the walk ended; absent if none decided.
std::optional<int> deciding_rule(const Walk& walk, const policy::NodePolicy& resolved) {
  for (const WalkedTier& tier : walk.tiers) {
    if (tier.end != End::RuleDecided) continue;
    for (const AskedPolicy& asked : tier.asked) {
      const auto& rules = resolved.tiers[*tier.resolved].policies[asked.index].rules(walk.direction);
      if (asked.decided) return rules[asked.rules.back().index].number;
    }
  }
  return std::nullopt;
}

void expect_same(const Walk& walk, const policy::NodePolicy& resolved, const policy::Decision& decision) {
  const bool by_rule = decision.reason == Reason::Rule;
  EXPECT_EQ(deciding_rule(walk, resolved), by_rule ? decision.rule : std::nullopt);
  const bool by_default = std::ranges::any_of(
      walk.tiers, [&](const WalkedTier& tier) { return tier.end == End::DefaultDenied && tier.name == decision.tier; });
  EXPECT_EQ(by_default, decision.reason == Reason::TierDefault);
  EXPECT_EQ(!walk.profiles.empty(), decision.reason == Reason::Profile || decision.reason == Reason::NoPolicy);
}

TEST(Walk, EndsWhereTheEvaluatorDecides) {
  const LoadedWorld world = *load_world({TIERWALL_SOURCE_DIR "/tests/golden/cli/world"});
  const ConnectionJudge judge(world.inventory.snapshot(), {"node-1", "laptop"});
  const std::vector<std::string> pods = {"pod:shop/frontend-1", "pod:shop/frontend-2", "pod:shop/backend-1",
                                         "pod:shop/database-1", "pod:ops/agent"};
  for (const std::string& from : pods) {
    for (const std::string& to : pods) {
      if (from == to) continue;
      for (const int port : {80, 8080, 3306}) {
        SCOPED_TRACE(from + " -> " + to + " " + std::to_string(port));
        const auto connection = ask(judge, from, to, port);
        ASSERT_TRUE(connection);
        const PolicyView view = judge.view();
        expect_same(walk(view, *connection->source.endpoint, Direction::Egress, connection->flow), view.resolved,
                    *connection->decision.egress);
        expect_same(walk(view, *connection->destination.endpoint, Direction::Ingress, connection->flow), view.resolved,
                    *connection->decision.ingress);
      }
    }
  }
}

policy::Policy policy_for(const char* name, const char* selector, const char* tier) {
  policy::Policy policy;
  policy.kind = policy::Kind::GlobalNetworkPolicy;
  policy.name = name;
  policy.tier = tier;
  policy.subject = *policy::parse_selector(selector);
  policy.applies_to_egress = false;
  return policy;
}

/// A pod a/web and one of every reason to be skipped in tier first; tier empty applies to nobody.
policy::Snapshot world_of_skips() {
  policy::Snapshot snapshot;
  policy::Pod web;
  web.ns = "a";
  web.name = "web";
  web.labels = {{"app", "web"}};
  web.addresses = {*policy::parse_address("10.0.0.1")};
  snapshot.put(web);
  snapshot.put(policy::Tier{"first", 1, policy::TierDefault::Pass});
  snapshot.put(policy::Tier{"empty", 2, policy::TierDefault::Deny});
  snapshot.put(policy_for("applies", "app == 'web'", "first"));
  snapshot.put(policy_for("for-db", "app == 'db'", "first"));
  policy::Policy sends = policy_for("sends", "all()", "first");
  std::swap(sends.applies_to_ingress, sends.applies_to_egress);
  snapshot.put(sends);
  policy::Policy staged = policy_for("later", "all()", "first");
  staged.kind = policy::Kind::StagedGlobalNetworkPolicy;
  staged.staged = policy::StagedAction::Set;
  snapshot.put(staged);
  snapshot.put(policy_for("nobody", "app == 'db'", "empty"));
  snapshot.put(policy_for("lost", "all()", "missing"));
  return snapshot;
}

TEST(Walk, TellsWhoIsSkippedAndWhy) {
  const policy::Snapshot snapshot = world_of_skips();
  const ConnectionJudge judge(snapshot, {"node-1", "laptop"});
  const auto connection = ask(judge, "ip:203.0.113.1", "pod:a/web", 80);
  ASSERT_TRUE(connection);
  const Walk walked = walk(judge.view(), *connection->destination.endpoint, Direction::Ingress, connection->flow);

  ASSERT_EQ(walked.tiers.size(), 3u);
  const auto global = [](const char* name) { return policy::ResourceKey{policy::Kind::GlobalNetworkPolicy, "", name}; };
  EXPECT_THAT(walked.tiers[0].skipped,
              ElementsAre(SkippedPolicy{Skip::OtherEndpoints, global("for-db")},
                          SkippedPolicy{Skip::Staged, {policy::Kind::StagedGlobalNetworkPolicy, "", "later"}},
                          SkippedPolicy{Skip::OtherDirection, global("sends")}));
  EXPECT_EQ(walked.tiers[0].asked.size(), 1u);
  EXPECT_EQ(walked.tiers[0].end, End::DefaultPassed);
  EXPECT_EQ(walked.tiers[1].end, End::NothingToAsk);
  EXPECT_EQ(walked.tiers[2].end, End::DefaultDenied);
  EXPECT_TRUE(walked.tiers[2].missing);
  EXPECT_TRUE(walked.profiles.empty());
}

}  // namespace
}  // namespace tierwall::daemon::ctl
