// What `tierwall get hostendpoints` and `get failsafes` list.

#include "daemon/control/host_lists.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/config.h"
#include "daemon/control/inventory_lists.h"
#include "policy/resolve.h"
#include "tests/vocabulary/world.h"

namespace tierwall::daemon {
namespace {

using test::World;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kWorld = R"(
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: a-uplink, labels: {role: edge}}
spec: {node: node-1, interfaceName: eth0, profiles: [projectcalico-default-allow], expectedIPs: [192.0.2.1]}
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: b-second}
spec: {node: node-1, interfaceName: eth0}
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: c-nobody}
spec: {node: node-1, expectedIPs: [192.0.2.99], profiles: [site, lost]}
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: d-rest}
spec: {node: node-1, interfaceName: "*", profiles: [site]}
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: e-other}
spec: {node: node-2, interfaceName: "*"}
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: f-later}
spec: {node: node-1, interfaceName: wg0}
---
apiVersion: projectcalico.org/v3
kind: Profile
metadata: {name: site}
spec: {ingress: [{action: Allow, protocol: ICMP}]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: edge}
spec: {selector: role == 'edge', types: [Ingress], ingress: [{action: Allow, protocol: TCP, destination: {ports: [443]}}]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: crossing}
spec: {selector: role == 'edge', types: [Ingress, Egress], applyOnForward: true, order: 5}
)";

struct HostListsTest : testing::Test {
  HostListsTest() : snapshot(World::of(kWorld).snapshot()) {
    snapshot.put(policy::NetworkInterface{"eth0", {*policy::parse_address("192.0.2.1")}});
    applied = policy::resolve(snapshot, {.node = "node-1"});
    rows = list_host_endpoints(snapshot, applied, "node-1");
  }

  policy::Snapshot snapshot;
  policy::NodePolicy applied;
  std::vector<HostEndpointRow> rows;
};

TEST_F(HostListsTest, EachHasWhatItGovernsOrWhyItGovernsNothing) {
  ASSERT_THAT(rows, SizeIs(6));
  EXPECT_THAT(rows[0].governed, ElementsAre("eth0"));
  EXPECT_EQ(rows[0].why_none, "");
  EXPECT_THAT(rows[1].governed, IsEmpty());
  EXPECT_THAT(rows[1].why_none, HasSubstr("is governed by HostEndpoint a-uplink, whose name comes first"));
  EXPECT_THAT(rows[2].why_none, HasSubstr("no interface of this node has an address of its expectedIPs"));
  EXPECT_THAT(rows[3].governed, ElementsAre("*"));
  EXPECT_THAT(rows[4].governed, IsEmpty());
  EXPECT_EQ(rows[4].why_none, "it is of another node");
  EXPECT_THAT(rows[5].governed, ElementsAre("wg0")) << "an interface need not be there yet";
}

TEST_F(HostListsTest, PoliciesStandByClass) {
  const std::string edge = "default/GlobalNetworkPolicy edge";
  const std::string crossing = "default/GlobalNetworkPolicy crossing";
  EXPECT_THAT(
      rows[0].classes,
      ElementsAre(ClassRow{"normal", "egress", {crossing}}, ClassRow{"normal", "ingress", {crossing, edge}},
                  ClassRow{"applyOnForward", "egress", {crossing}}, ClassRow{"applyOnForward", "ingress", {crossing}}));
  EXPECT_THAT(rows[3].classes, ElementsAre(ClassRow{"normal", "egress", {}}, ClassRow{"normal", "ingress", {}}));
  const auto policies = list_policies(snapshot, applied, {},
                                      [](const policy::ResourceKey&) { return std::optional<policy::Location>(); });
  ASSERT_THAT(policies, SizeIs(2));
  EXPECT_EQ(policies[0].endpoints, 1U) << "host endpoints count among the endpoints of a policy";
}

TEST_F(HostListsTest, WhatHappensWithoutAPolicy) {
  EXPECT_EQ(rows[0].without_policy, "allow");
  EXPECT_EQ(rows[1].without_policy, "deny");
  EXPECT_EQ(rows[2].without_policy, "profile site, then deny (no profile lost)");
  EXPECT_EQ(rows[3].without_policy, "profile site, then deny");
}

TEST(FailsafeList, IsWhatTheConfigurationSays) {
  const Config config =
      parse_config("[host]\nfailsafe_inbound = [\"tcp:[fd00::/8]:22@eth0\"]\nfailsafe_outbound = [\"udp:53\"]\n", "t")
          .config;
  EXPECT_THAT(list_failsafes(config.failsafe_inbound, config.failsafe_outbound),
              ElementsAre(FailsafeRow{"inbound", "tcp", 22, "fd00::/8", "eth0"},
                          FailsafeRow{"outbound", "udp", 53, std::nullopt}));
}

}  // namespace
}  // namespace tierwall::daemon
