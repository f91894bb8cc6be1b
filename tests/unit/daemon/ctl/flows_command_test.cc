// What a tracked connection is called, what decides about it, and how it looks.

#include "daemon/ctl/flows_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/ctl/reading_pace.h"
#include "tests/unit/daemon/connections/tracked.h"

namespace tierwall::daemon::ctl {
namespace {

using test::World;

struct SeenFlowTest : ::testing::Test {
  SeenFlow see(const TrackedConnection& connection, const std::string& manifests = {}) {
    NodeWorld world{World::of(kTwoPodsHere).with(manifests).inventory(), {}, true};
    world.facts.settings.node = world.facts.settings.compile.node = "here";
    const FlowTeller teller(std::move(world), {*policy::parse_address("192.0.2.1")}, routes);
    SeenFlow flow = teller.name(connection);
    teller.judge(connection, flow);
    return flow;
  }
  static std::string tell(const SeenFlow& flow) { return print_flows({flow}, false); }

  Routes routes;
};

TEST_F(SeenFlowTest, IsToldWithPodsAndDeciders) {
  const std::string only_8080 = ingress_of("web", "{ports: [{port: 8080}]}");
  EXPECT_EQ(
      tell(see(tracked_tcp("10.0.0.2", "10.0.0.1", 8080), only_8080)),
      "app/db  app/web  tcp 8080  allow  egress: no policy; ingress: KubernetesNetworkPolicy app/web (tier default) "
      "rule 1\n");
  EXPECT_EQ(tell(see(tracked_tcp("203.0.113.9", "10.0.0.1", 80), only_8080)),
            "203.0.113.9  app/web  tcp 80  deny  ingress: the end of tier default\n");
  EXPECT_EQ(tell(see(tracked_tcp("10.0.0.2", "10.96.0.1", 80, "10.0.0.1", 8080), only_8080)),
            "app/db  app/web (as 10.96.0.1:80)  tcp 8080  allow  egress: no policy; ingress: KubernetesNetworkPolicy "
            "app/web (tier default) rule 1\n");
  EXPECT_EQ(tell(see(tracked_ping("10.0.0.2", "10.0.0.1"), only_8080)),
            "app/db  app/web  icmp 8/0  deny  ingress: the end of tier default\n");
}

TEST_F(SeenFlowTest, WhatNobodyJudgesHasNoVerdict) {
  EXPECT_EQ(tell(see(tracked_tcp("192.0.2.1", "192.0.2.1", 80))), "192.0.2.1  192.0.2.1  tcp 80  -\n");
  EXPECT_EQ(tell(see(tracked_tcp("203.0.113.9", "203.0.113.10", 80))), "203.0.113.9  203.0.113.10  tcp 80  -\n");
}

TEST_F(SeenFlowTest, AStagedPolicyIsToldWhereItWouldDecideOtherwise) {
  const std::string staged =
      "apiVersion: projectcalico.org/v3\nkind: StagedGlobalNetworkPolicy\nmetadata: {name: closed}\nspec: {selector: "
      "app "
      "== 'web', types: [Ingress]}\n";
  EXPECT_EQ(see(tracked_tcp("10.0.0.2", "10.0.0.1", 80), staged).staged_verdict, "deny");
  EXPECT_EQ(see(tracked_tcp("10.0.0.1", "10.0.0.2", 80), staged).staged_verdict, "");
}

TEST(FlowFilter, ChoosesByEndVerdictAndPolicy) {
  const SeenFlow flow{.source = {"10.0.0.2", "app/db"},
                      .destination = {"10.0.0.1", "app/web"},
                      .protocol = "tcp",
                      .destination_port = 80,
                      .verdict = "allow",
                      .by = "ingress: KubernetesNetworkPolicy app/web (tier default) rule 1"};
  EXPECT_TRUE(FlowFilter().matches(flow));
  EXPECT_TRUE((FlowFilter{.traffic = {.from_pod = "app/", .to_port = "80"}}.matches(flow)));
  EXPECT_FALSE((FlowFilter{.traffic = {.to_pod = "app/db"}}.matches(flow)));
  EXPECT_FALSE((FlowFilter{.traffic = {}, .verdict = "deny"}.matches(flow)));
  EXPECT_TRUE((FlowFilter{.traffic = {}, .policy = "app/web"}.matches(flow)));
}

TEST(ReadingPace, IsTwoSecondsOrATenthOfTheTime) {
  using std::chrono::milliseconds;
  ReadingPace pace;
  EXPECT_TRUE(pace.is_due(milliseconds(0))) << "the first one";
  pace.note_reading(milliseconds(0), milliseconds(10));
  EXPECT_FALSE(pace.is_due(milliseconds(2'009)));
  EXPECT_TRUE(pace.is_due(milliseconds(2'010)));
  pace.note_reading(milliseconds(3'000), milliseconds(3'500));
  EXPECT_FALSE(pace.is_due(milliseconds(8'499)));
  EXPECT_TRUE(pace.is_due(milliseconds(8'500)));
}

}  // namespace
}  // namespace tierwall::daemon::ctl
