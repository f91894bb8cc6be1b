#include "policy/resolve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/evaluate.h"
#include "policy/ordering.h"
#include "tests/vocabulary/world.h"

namespace tierwall::policy {
namespace {

using test::World;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Policy policy_of(Kind kind, std::string ns, std::string name, std::optional<double> order,
                 std::string tier = "default") {
  Policy policy;
  policy.kind = kind;
  policy.ns = std::move(ns);
  policy.name = std::move(name);
  policy.order = order;
  policy.tier = std::move(tier);
  return policy;
}

std::vector<std::string> evaluation_order(const std::vector<Tier>& tiers, const std::vector<Policy>& policies) {
  Snapshot snapshot;
  for (const Tier& tier : tiers) snapshot.put(tier);
  for (const Policy& policy : policies) snapshot.put(policy);
  std::vector<std::string> names;
  for (const OrderedTier& tier : order_tiers(snapshot.tiers, snapshot.policies)) {
    for (const Policy* policy : tier.policies) {
      names.push_back(tier.tier.name + ": " + print_key({policy->kind, policy->ns, policy->name}));
    }
  }
  return names;
}

TEST(Order, TiersByOrderThenNameAndMissingOnesLast) {
  const auto in_tier = [](std::string tier) {
    return policy_of(Kind::GlobalNetworkPolicy, "", "p", 1, std::move(tier));
  };
  Policy a = in_tier("a-missing");
  a.name = "1";
  Policy b = in_tier("b-unordered");
  b.name = "2";
  Policy c = in_tier("c-tie");
  c.name = "3";
  Policy d = in_tier("d-tie");
  d.name = "4";
  Policy e = in_tier("default");
  e.name = "5";
  EXPECT_THAT(
      evaluation_order({{"d-tie", 7, {}}, {"c-tie", 7, {}}, {"b-unordered", std::nullopt, {}}}, {a, b, c, d, e}),
      ElementsAre("c-tie: GlobalNetworkPolicy 3", "d-tie: GlobalNetworkPolicy 4", "default: GlobalNetworkPolicy 5",
                  "b-unordered: GlobalNetworkPolicy 2", "a-missing: GlobalNetworkPolicy 1"));
}

TEST(Order, PoliciesByOrderThenNameNamespaceKind) {
  EXPECT_THAT(
      evaluation_order(
          {},
          {policy_of(Kind::NetworkPolicy, "x", "a", 1000), policy_of(Kind::KubernetesNetworkPolicy, "x", "a", 1000),
           policy_of(Kind::GlobalNetworkPolicy, "", "a", 1000), policy_of(Kind::NetworkPolicy, "x", "a-b", 1000),
           policy_of(Kind::NetworkPolicy, "x", "late", std::nullopt), policy_of(Kind::NetworkPolicy, "x", "zz", -5)}),
      ElementsAre("default: NetworkPolicy x/zz", "default: NetworkPolicy x/a-b", "default: GlobalNetworkPolicy a",
                  "default: KubernetesNetworkPolicy x/a", "default: NetworkPolicy x/a",
                  "default: NetworkPolicy x/late"));
}

TEST(Order, TiesAsCalicoBrokeThemUntil331) {
  const std::vector<Policy> policies = {
      policy_of(Kind::KubernetesNetworkPolicy, "x", "a", 1000), policy_of(Kind::NetworkPolicy, "x", "b", 1000),
      policy_of(Kind::NetworkPolicy, "a-ns", "z", 1000), policy_of(Kind::GlobalNetworkPolicy, "", "default.c", 1000),
      policy_of(Kind::GlobalNetworkPolicy, "", "d", 1000)};
  const auto order = [&](TieBreak tie_break) {
    std::map<ResourceKey, Policy> by_key;
    for (const Policy& policy : policies) by_key[key_of(policy)] = policy;
    std::vector<std::string> names;
    for (const OrderedTier& tier : order_tiers({}, by_key, tie_break)) {
      for (const Policy* policy : tier.policies) names.push_back(print_name(key_of(*policy)));
    }
    return names;
  };
  EXPECT_THAT(order(TieBreak::Calico332), ElementsAre("x/a", "x/b", "d", "default.c", "a-ns/z"));
  EXPECT_THAT(order(TieBreak::Calico331), ElementsAre("a-ns/z", "default.c", "d", "x/b", "x/a"))
      << "compared as a-ns/default.z, default.c, default.d, x/default.b, x/knp.default.a";
}

// ---- peers that are no selectors
// -------------------------------------------------------------------------------------

Address address(const char* text) {
  return *parse_address(text);
}

/// One pod, and an allowing policy with one egress rule to this peer.
Snapshot world_with_peer(Peer destination) {
  Snapshot world;
  Pod pod;
  pod.ns = "shop";
  pod.name = "web";
  pod.addresses = {address("10.0.0.1")};
  world.put(pod);
  Policy policy = policy_of(Kind::NetworkPolicy, "shop", "out", 1);
  policy.egress = {{.action = Action::Allow, .destination = std::move(destination)}};
  world.put(policy);
  return world;
}

Verdict ask(const Snapshot& world, const char* destination, Protocol protocol, std::uint16_t port) {
  const NodePolicy policy = resolve(world, {});
  const Flow flow{address("10.0.0.1"), address(destination), Family::V4, protocol, 40000, port, {}};
  return evaluate(policy, policy.endpoints.front(), Direction::Egress, flow).verdict;
}

TEST(Peers, AServiceIsItsEndpointsWithTheirPorts) {
  Peer peer;
  peer.service = ServiceName{"shop", "db"};
  Snapshot world = world_with_peer(peer);
  EXPECT_EQ(ask(world, "10.0.0.7", kTcp, 5432), Verdict::Deny) << "no endpoints yet";

  world.put(EndpointSlice{"shop", "db-1", "db", {address("10.0.0.7"), address("10.0.0.8")}, {{kTcp, 5432}}});
  world.put(EndpointSlice{"shop", "db-2", "db", {address("10.0.0.9")}, {{kUdp, 53}}});
  world.put(EndpointSlice{"other", "db-1", "db", {address("10.0.0.10")}, {{kTcp, 5432}}});
  EXPECT_EQ(ask(world, "10.0.0.8", kTcp, 5432), Verdict::Allow);
  EXPECT_EQ(ask(world, "10.0.0.8", kTcp, 5433), Verdict::Deny) << "not a port of the service";
  EXPECT_EQ(ask(world, "10.0.0.9", kUdp, 53), Verdict::Allow);
  EXPECT_EQ(ask(world, "10.0.0.9", kTcp, 5432), Verdict::Deny) << "another slice's port";
  EXPECT_EQ(ask(world, "10.0.0.10", kTcp, 5432), Verdict::Deny) << "another namespace's service";
}

TEST(Peers, NodesAreDenotedByTheirLabels) {
  Peer peer;
  peer.nodes = equals("role", "control");
  Snapshot world = world_with_peer(peer);
  world.put(Node{"cp-1", {{"role", "control"}}, {address("192.0.2.1"), address("198.51.100.1")}, {}});
  world.put(Node{"worker", {{"role", "worker"}}, {address("192.0.2.2")}, {}});
  EXPECT_EQ(ask(world, "192.0.2.1", kTcp, 6443), Verdict::Allow);
  EXPECT_EQ(ask(world, "198.51.100.1", kTcp, 6443), Verdict::Allow);
  EXPECT_EQ(ask(world, "192.0.2.2", kTcp, 6443), Verdict::Deny);
}

TEST(Sandbox, GivesAPodItsAddressUntilItsStatusDoes) {
  Snapshot world;
  Pod pod;
  pod.ns = "shop";
  pod.name = "web";
  world.put(pod);
  const auto addresses = [&] { return resolve(world, {}).endpoints.front().addresses; };
  EXPECT_THAT(addresses(), IsEmpty());
  world.put(PodSandbox{"shop", "cbr0-1f-eth0", "web", {address("10.0.0.1")}});
  world.put(PodSandbox{"shop", "cbr0-2e-eth0", "other", {address("10.0.0.2")}});
  EXPECT_THAT(addresses(), ElementsAre(address("10.0.0.1")));
  pod.addresses = {address("10.0.0.3")};
  world.put(pod);
  EXPECT_THAT(addresses(), ElementsAre(address("10.0.0.3"))) << "the API server knows better";
}

constexpr const char* kTwoNodes = R"(
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: here, namespace: shop, labels: {app: web}}
spec: {nodeName: node-1, containers: [{name: c, image: none, ports: [{name: http, containerPort: 8080}]}]}
status: {phase: Running, podIPs: [{ip: 10.0.0.1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: twin, namespace: shop, labels: {app: web}}
spec: {nodeName: node-1, containers: [{name: c, image: none}]}
status: {phase: Running, podIPs: [{ip: 10.0.0.2}]}
---
apiVersion: v1
kind: Pod
metadata: {name: there, namespace: shop, labels: {app: web}}
spec: {nodeName: node-2, containers: [{name: c, image: none, ports: [{name: http, containerPort: 80}]}]}
status: {phase: Running, podIPs: [{ip: 10.0.1.1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: host, namespace: shop, labels: {app: web}}
spec: {nodeName: node-1, hostNetwork: true, containers: [{name: c, image: none}]}
status: {phase: Running, podIPs: [{ip: 192.0.2.1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: done, namespace: shop, labels: {app: web}}
spec: {nodeName: node-1, containers: [{name: c, image: none}]}
status: {phase: Succeeded, podIPs: [{ip: 10.0.0.9}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: http}]}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: nobody, namespace: shop}
spec: {podSelector: {matchLabels: {app: none}}}
)";

std::vector<std::string> names_of(const NodePolicy& policy) {
  std::vector<std::string> names;
  for (const ResolvedEndpoint& endpoint : policy.endpoints) names.push_back(print_name(endpoint.pod));
  return names;
}

std::vector<std::string> texts_of(const std::vector<Address>& addresses) {
  std::vector<std::string> texts;
  for (const Address& address : addresses) texts.push_back(print_address(address));
  return texts;
}

TEST(Resolve, TakesThisNodesPodsAndEveryonesAddresses) {
  const NodePolicy policy = resolve(World::of(kTwoNodes).snapshot(), {"node-1"});
  EXPECT_THAT(names_of(policy), ElementsAre("shop/here", "shop/twin"));
  ASSERT_EQ(policy.address_sets.size(), 1U);
  EXPECT_THAT(texts_of(policy.address_sets[0].addresses), ElementsAre("10.0.0.1", "10.0.0.2", "10.0.1.1"));
  EXPECT_THAT(names_of(resolve(World::of(kTwoNodes).snapshot(), {})),
              ElementsAre("shop/here", "shop/there", "shop/twin"));
}

TEST(Resolve, LeavesOutPoliciesThatSelectNobodyHere) {
  const NodePolicy policy = resolve(World::of(kTwoNodes).snapshot(), {"node-1"});
  ASSERT_EQ(policy.tiers.size(), 1U);
  ASSERT_EQ(policy.tiers[0].policies.size(), 1U);
  EXPECT_EQ(policy.tiers[0].policies[0].key.name, "web");
  EXPECT_THAT(resolve(World::of(kTwoNodes).snapshot(), {"node-3"}).tiers, IsEmpty());
}

TEST(Resolve, EndpointsThatAreTreatedAlikeShareATreatment) {
  const NodePolicy policy = resolve(World::of(kTwoNodes).snapshot(), {"node-1"});
  EXPECT_EQ(policy.endpoints[0].ingress, policy.endpoints[1].ingress);
  EXPECT_EQ(policy.treatments.size(), 2U);
}

TEST(Resolve, APortNameIsLookedUpOnTheEndpointsThePolicySelects) {
  const NodePolicy policy = resolve(World::of(kTwoNodes).snapshot(), {"node-1"});
  ASSERT_EQ(policy.service_sets.size(), 1U);
  const auto& members = policy.service_sets[0].members;
  ASSERT_EQ(members.size(), 2U);
  EXPECT_EQ(members[0].port, 8080);
  EXPECT_EQ(members[1].port, 80);
}

TEST(Resolve, OfTwoPodsWithOneAddressTheRunningYoungerOneHoldsIt) {
  const World world = World::of(R"(
apiVersion: v1
kind: Pod
metadata: {name: aged, namespace: shop, labels: {v: aged}, creationTimestamp: "2026-01-01T00:00:00Z"}
spec: {nodeName: node-1, containers: [{name: c, image: none}]}
status: {phase: Running, podIPs: [{ip: 10.0.0.1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: young, namespace: shop, labels: {v: young}, creationTimestamp: "2026-02-01T00:00:00Z"}
spec: {nodeName: node-1, containers: [{name: c, image: none}]}
status: {phase: Running, podIPs: [{ip: 10.0.0.1}]}
)");
  const NodePolicy policy = resolve(world.snapshot(), {"node-1"});
  EXPECT_THAT(policy.endpoints[0].addresses, IsEmpty());
  EXPECT_THAT(texts_of(policy.endpoints[1].addresses), ElementsAre("10.0.0.1"));
  EXPECT_THAT(policy.remarks,
              ElementsAre("pods shop/young and shop/aged have one address, 10.0.0.1: it counts as shop/young's, "
                          "the running, younger one"));
}

}  // namespace
}  // namespace tierwall::policy
