#include "daemon/sources/kubernetes/needs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/resolve.h"
#include "tests/vocabulary/world.h"

namespace tierwall::daemon {
namespace {

using test::World;
using Pods = Needs::Pods;

constexpr const char* kPod = R"(
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: node-1, containers: [{name: c, image: none}]}
status: {phase: Running, podIPs: [{ip: 10.0.0.1}]}
)";

Needs needs_of(const std::string& manifests) {
  const World world = World::of(kPod).with(manifests);
  return find_needs(world.snapshot(), policy::resolve(world.snapshot(), {.node = "node-1"}));
}

/// A NetworkPolicy of namespace shop with this egress peer.
std::string to(const std::string& peer, const std::string& pods = "{}") {
  return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec: "
         "{podSelector: " +
         pods + ", policyTypes: [Egress], egress: [{to: [" + peer + "]}]}\n";
}

/// A GlobalNetworkPolicy with this egress destination.
std::string global_to(const std::string& destination, const std::string& more = "") {
  return "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: p}\nspec: {" + more +
         "types: [Egress], egress: [{action: Allow, protocol: TCP, destination: {" + destination + "}}]}\n";
}

TEST(Needs, CheapUnlessAPolicyAsksForMore) {
  const struct {
    const char* why;
    std::string manifest;
    Needs needs;
  } kRows[] = {
      {"no policy", "", {}},
      {"blocks only", to("{ipBlock: {cidr: 10.0.0.0/8}}"), {}},
      {"its own namespace", to("{podSelector: {}}"), {.pods = Pods::Namespaces, .pod_namespaces = {"shop"}}},
      {"a namespace by name",
       to("{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}"),
       {.pods = Pods::Namespaces, .pod_namespaces = {"kube-system"}}},
      {"two of them",
       to("{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [a, "
          "b]}]}}"),
       {.pods = Pods::Namespaces, .pod_namespaces = {"a", "b"}}},
      {"namespaces by label", to("{namespaceSelector: {matchLabels: {env: prod}}}"), {.pods = Pods::All}},
      {"a policy for pods of other nodes only", to("{namespaceSelector: {}}", "{matchLabels: {app: other}}"), {}},
      {"a global selector", global_to("selector: app == 'db'"), {.pods = Pods::All}},
      {"network sets of the cluster", global_to("selector: office == 'yes', namespaceSelector: global()"), {}},
      {"a port's name, on whichever pod", global_to("ports: [http]"), {.pods = Pods::All}},
      {"a service", global_to("services: {name: db, namespace: shop}"), {.services = true}},
      {"service accounts in a peer",
       global_to("serviceAccounts: {selector: team == 'a'}"),
       {.service_accounts = true, .pods = Pods::All}},
      {"service accounts in the subject",
       global_to("nets: [10.0.0.0/8]", "serviceAccountSelector: team == 'a', "),
       {.service_accounts = true}},
  };
  for (const auto& row : kRows) {
    const Needs needs = needs_of(row.manifest);
    EXPECT_EQ(needs.pods, row.needs.pods) << row.why;
    EXPECT_EQ(needs.pod_namespaces, row.needs.pod_namespaces) << row.why;
    EXPECT_EQ(needs.services, row.needs.services) << row.why;
    EXPECT_EQ(needs.service_accounts, row.needs.service_accounts) << row.why;
    EXPECT_EQ(needs.nodes, row.needs.nodes) << row.why;
  }
}

TEST(Needs, NodesOfAClusterPolicy) {
  const Needs needs = needs_of(R"(
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: p}
spec:
  tier: Admin
  priority: 1
  subject: {namespaces: {}}
  egress: [{action: Deny, to: [{nodes: {matchLabels: {role: control}}}]}]
)");
  EXPECT_TRUE(needs.nodes);
  EXPECT_EQ(needs.pods, Pods::OwnNode);
}

}  // namespace
}  // namespace tierwall::daemon
