// What decoded policies select and denote once they are resolved: the facts about Calico's translation of selectors
// that no single decoder shows (calico.md 2.5 to 2.7).

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "policy/resolve.h"
#include "tests/vocabulary/world.h"

namespace tierwall::daemon {
namespace {

constexpr const char* kCluster = R"(
apiVersion: v1
kind: Namespace
metadata: {name: ns1, labels: {team: a}}
---
apiVersion: v1
kind: Namespace
metadata: {name: ns2, labels: {team: b}}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: ns1, labels: {role: db}}
status: {phase: Running, podIP: 10.0.1.9}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: ns1, labels: {role: web}}
status: {phase: Running, podIP: 10.0.1.1}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: ns2, labels: {role: web}}
status: {phase: Running, podIP: 10.0.2.1}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkSet
metadata: {name: everyones, labels: {kind: set}}
spec: {nets: [203.0.113.0/24]}
---
apiVersion: projectcalico.org/v3
kind: NetworkSet
metadata: {name: own, namespace: ns1, labels: {kind: set}}
spec: {nets: [198.51.101.0/24]}
---
apiVersion: projectcalico.org/v3
kind: NetworkSet
metadata: {name: other, namespace: ns2, labels: {kind: set}}
spec: {nets: [198.51.102.0/24]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: api-1, namespace: ns1, labels: {kubernetes.io/service-name: api}}
endpoints: [{addresses: [10.0.1.1]}, {addresses: [203.0.113.1]}]
ports: [{port: 8080}]
---
apiVersion: v1
kind: Node
metadata: {name: node-1, labels: {zone: a}}
status: {addresses: [{type: InternalIP, address: 192.0.2.1}]}
)";

std::string calico(const std::string& kind, const std::string& metadata, const std::string& spec) {
  return "apiVersion: projectcalico.org/v3\nkind: " + kind + "\nmetadata: {" + metadata + "}\nspec: " + spec + "\n";
}
std::string global_policy(const std::string& spec) {
  return calico("GlobalNetworkPolicy", "name: p", spec);
}
std::string namespaced_policy(const std::string& spec) {
  return calico("NetworkPolicy", "name: p, namespace: ns1", spec);
}

/// The pods whose ingress the policy judges.
std::string selected_by(const std::string& policy) {
  const policy::NodePolicy resolved = policy::resolve(test::World::of(kCluster).with(policy).snapshot(), {});
  std::string names;
  for (const policy::ResolvedEndpoint& endpoint : resolved.endpoints) {
    if (resolved.treatment(endpoint, policy::Direction::Ingress).steps.empty()) continue;
    names += (names.empty() ? "" : " ") + policy::print_name(endpoint.pod);
  }
  return names;
}

/// Which sources reach ns1/db, where the policy allows something and nothing else does.
std::string let_in_by(const test::World& world) {
  struct {
    const char* name;
    const char* address;
  } const sources[] = {{"ns1/web", "10.0.1.1"},     {"ns2/web", "10.0.2.1"},       {"everyones", "203.0.113.1"},
                       {"ns1/own", "198.51.101.1"}, {"ns2/other", "198.51.102.1"}, {"outside", "192.0.2.9"}};
  std::string names;
  for (const auto& source : sources) {
    const std::string answer = world.judge(std::string(source.address) + " -> ns1/db tcp 80");
    EXPECT_TRUE(answer.starts_with("allow") || answer.starts_with("deny")) << answer;
    if (answer.starts_with("allow")) names += (names.empty() ? "" : " ") + std::string(source.name);
  }
  return names;
}

std::string let_in_by(const std::string& policy) {
  const test::World world = test::World::of(kCluster).with(policy);
  EXPECT_TRUE(world.problems().empty()) << world.problems().front();
  return let_in_by(world);
}

std::string global_source(const std::string& source) {
  return global_policy("{selector: role == 'db', ingress: [{action: Allow, source: {" + source + "}}]}");
}
std::string namespaced_source(const std::string& source) {
  return namespaced_policy("{selector: role == 'db', ingress: [{action: Allow, source: {" + source + "}}]}");
}

TEST(Subjects, OfANamespacedPolicyAreThePodsOfItsNamespace) {  // fact 1
  EXPECT_EQ(selected_by(namespaced_policy("{}")), "ns1/db ns1/web");
  EXPECT_EQ(selected_by(namespaced_policy("{selector: role == 'web'}")), "ns1/web");
}

TEST(Subjects, OfAGlobalPolicyAreAllPods) {  // facts 2 and 3, without host endpoints
  EXPECT_EQ(selected_by(global_policy("{}")), "ns1/db ns1/web ns2/web");
  EXPECT_EQ(selected_by(global_policy("{namespaceSelector: all()}")), "ns1/db ns1/web ns2/web");
  EXPECT_EQ(selected_by(global_policy("{selector: role == 'web', namespaceSelector: team == 'a'}")), "ns1/web");
}

TEST(Peers, OutsideAllNamespacesAreGlobalSets) {  // facts 4 and 6
  EXPECT_EQ(let_in_by(global_source("namespaceSelector: global()")), "everyones");
  EXPECT_EQ(let_in_by(namespaced_source("namespaceSelector: global(), selector: kind == 'set'")), "everyones");
  EXPECT_EQ(let_in_by(namespaced_source("namespaceSelector: global(), selector: kind == 'pod'")), "");
}

TEST(Peers, OfEveryNamespaceAreNoGlobalSets) {  // fact 5
  EXPECT_EQ(let_in_by(namespaced_source("namespaceSelector: all(), selector: kind == 'set'")), "ns1/own ns2/other");
  EXPECT_EQ(let_in_by(namespaced_source("namespaceSelector: all(), selector: has(role)")), "ns1/web ns2/web");
}

TEST(Peers, ByTheNameOfANamespace) {  // facts 7 and 12
  EXPECT_EQ(let_in_by(global_source("namespaceSelector: projectcalico.org/name == 'ns2'")), "ns2/web ns2/other");
  EXPECT_EQ(let_in_by(global_source("namespaceSelector: kubernetes.io/metadata.name == 'ns2'")), "ns2/web ns2/other");
}

TEST(Peers, ByAddressHaveNoNamespace) {  // fact 8
  EXPECT_EQ(let_in_by(namespaced_source("nets: [10.0.2.0/24, 192.0.2.0/24]")), "ns2/web outside");
}

TEST(Peers, ExcludedByANamespacedPolicyAreThoseOfItsNamespace) {  // facts 9 and 10
  EXPECT_EQ(let_in_by(global_source("notSelector: has(role)")), "everyones ns1/own ns2/other outside");
  EXPECT_EQ(let_in_by(namespaced_source("notSelector: has(role)")), "ns1/own");
}

TEST(Labels, OfAPodWinOverThoseOfItsProfile) {  // fact 11
  const std::string profile = calico("Profile", "name: kns.ns1",
                                     "{ingress: [{action: Allow}], egress: [{action: Allow}], labelsToApply: "
                                     "{role: profile, floor: first}}") +
                              "---\n";
  EXPECT_EQ(let_in_by(profile + global_source("selector: role == 'profile'")), "");
  EXPECT_EQ(let_in_by(profile + global_source("selector: floor == 'first'")), "ns1/web");
}

TEST(Peers, ThatDoNotExistMatchNothingOrExcludeNothing) {  // fact 13
  EXPECT_EQ(let_in_by(global_source("selector: role == 'ghost'")), "");
  EXPECT_EQ(let_in_by(global_source("notSelector: role == 'ghost'")),
            "ns1/web ns2/web everyones ns1/own ns2/other outside");
}

TEST(Peers, ThatAreServicesAreTheirEndpoints) {
  EXPECT_EQ(let_in_by(namespaced_source("services: {name: api}")), "ns1/web everyones");
  EXPECT_EQ(let_in_by(global_source("services: {name: api, namespace: ns2}")), "");
  const test::World world = test::World::of(kCluster).with(
      namespaced_policy("{selector: role == 'db', egress: [{action: Allow, destination: {services: {name: api}}}]}"));
  EXPECT_TRUE(world.judge("ns1/db -> ns1/web tcp 8080").starts_with("allow"));
  EXPECT_TRUE(world.judge("ns1/db -> ns1/web tcp 80").starts_with("deny"));
  EXPECT_TRUE(world.judge("ns1/db -> ns1/web udp 8080").starts_with("deny"));
}

TEST(HttpClauses, LeaveTheRestOfTheRuleAsItIs) {
  const test::World world = test::World::of(kCluster).with(namespaced_policy(
      "{selector: role == 'db', ingress: [{action: Allow, protocol: TCP, source: {selector: role == 'web'}, "
      "http: {methods: [GET]}}]}"));
  EXPECT_EQ(let_in_by(world), "ns1/web");
  EXPECT_TRUE(world.judge("ns1/web -> ns1/db udp 80").starts_with("deny"));
}

/// A policy of the admin tier about every pod of ns1.
std::string cluster_policy(const std::string& rules) {
  return "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: p}\n"
         "spec: {tier: Admin, priority: 1, subject: {namespaces: {matchLabels: {team: a}}}, " +
         rules + "}\n";
}

TEST(ClusterPeers, ArePodsAndNeverNetworkSets) {
  EXPECT_EQ(selected_by(cluster_policy("ingress: [{action: Pass, from: [{namespaces: {}}]}]")), "ns1/db ns1/web");
  EXPECT_EQ(let_in_by(cluster_policy("ingress: [{action: Deny, from: [{namespaces: {}}]}]")),
            "everyones ns1/own ns2/other outside");
  EXPECT_EQ(let_in_by(cluster_policy("ingress: [{action: Deny, from: [{pods: {namespaceSelector: {matchLabels: {team: "
                                     "b}}, podSelector: {}}}]}]")),
            "ns1/web everyones ns1/own ns2/other outside");
}

TEST(ClusterPeers, ThatAreNodesAreTheirAddresses) {
  const test::World world = test::World::of(kCluster).with(
      cluster_policy("egress: [{action: Deny, to: [{nodes: {matchLabels: {zone: a}}}]}]"));
  EXPECT_TRUE(world.judge("ns1/db -> 192.0.2.1 tcp 80").starts_with("deny"));
  EXPECT_TRUE(world.judge("ns1/db -> 192.0.2.9 tcp 80").starts_with("allow"));
}

TEST(ClusterRules, ThatAreNotUnderstoodDenyUnlessTheyAccept) {
  EXPECT_EQ(let_in_by(test::World::of(kCluster).with(
                cluster_policy("ingress: [{action: Deny, from: [{fromTheFuture: {}}]}]"))),
            "");
  EXPECT_EQ(let_in_by(test::World::of(kCluster).with(
                cluster_policy("ingress: [{action: Pass, from: [{fromTheFuture: {}}]}]"))),
            "");
  EXPECT_EQ(let_in_by(test::World::of(kCluster).with(cluster_policy(
                "ingress: [{action: Accept, from: [{fromTheFuture: {}}]}, {action: Deny, from: [{namespaces: {}}]}]"))),
            "everyones ns1/own ns2/other outside");
}

TEST(StagedPolicies, AreNeverEnforced) {
  EXPECT_EQ(selected_by(calico("StagedGlobalNetworkPolicy", "name: p", "{}")), "");
  EXPECT_EQ(selected_by(calico("StagedNetworkPolicy", "name: p, namespace: ns1", "{stagedAction: Sett}")), "");
  EXPECT_EQ(selected_by(calico("StagedKubernetesNetworkPolicy", "name: p, namespace: ns1", "{ingress: [null]}")), "");
}

}  // namespace
}  // namespace tierwall::daemon
