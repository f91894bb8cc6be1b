#include "policy/review.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/vocabulary/world.h"

namespace tierwall::policy {
namespace {

using test::World;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kCluster = R"(
apiVersion: v1
kind: Namespace
metadata: {name: kube-system}
---
apiVersion: v1
kind: Pod
metadata: {name: dns, namespace: kube-system, labels: {k8s-app: kube-dns}}
spec: {nodeName: node-1, containers: [{name: c, image: none}]}
status: {phase: Running, podIPs: [{ip: 10.0.0.53}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: kube-system}
spec: {nodeName: node-1, containers: [{name: c, image: none}]}
status: {phase: Running, podIPs: [{ip: 10.0.0.1}]}
)";

constexpr const char* kMetricsOnly = R"(
apiVersion: crd.projectcalico.org/v1
kind: GlobalNetworkPolicy
metadata: {name: metrics}
spec:
  order: 100
  selector: has(k8s-app)
  types: [Ingress]
  ingress: [{action: Allow, protocol: TCP, destination: {ports: [9090]}}]
)";

constexpr const char* kDnsOpen = R"(
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dns, namespace: kube-system}
spec:
  podSelector: {matchLabels: {k8s-app: kube-dns}}
  ingress: [{ports: [{protocol: UDP, port: 53}]}]
)";

std::vector<std::string> warnings_of(const World& world) {
  const Inventory& inventory = world.inventory();
  std::vector<std::string> lines;
  for (const Diagnostic& warning :
       review(inventory.snapshot(), [&](const ResourceKey& key) { return inventory.location(key); })) {
    lines.push_back(print_diagnostic(warning));
  }
  return lines;
}

TEST(Review, NothingToSayOfASoundWorld) {
  EXPECT_THAT(warnings_of(World::of(kCluster)), IsEmpty());
}

TEST(Review, APolicyThatCutsOffNameServers) {
  EXPECT_THAT(
      warnings_of(World::of(kCluster).with(kMetricsOnly)),
      ElementsAre(
          "manifests-2.yaml:2: warning: GlobalNetworkPolicy metrics: spec.selector: selects name servers "
          "(kube-system/dns), and as no policy allows udp 53 to them, tier default denies it: name resolution stops. "
          "Allow port 53 to them, or narrow the selector"));
  EXPECT_THAT(warnings_of(World::of(kCluster).with(kMetricsOnly).with(kDnsOpen)), IsEmpty());
}

TEST(Review, AnUndefinedNamespaceAndAMissingTier) {
  const World world = World::of(kCluster).with(R"(
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: p, namespace: nowhere}
spec: {tier: ghost, selector: all()}
)");
  EXPECT_THAT(warnings_of(world),
              ElementsAre(HasSubstr("namespace 'nowhere' is not defined"), HasSubstr("tier 'ghost' does not exist")));
}

TEST(Review, TwoPodsWithOneAddress) {
  const World world = World::of(kCluster).with(R"(
apiVersion: v1
kind: Pod
metadata: {name: other, namespace: kube-system}
spec: {nodeName: node-1, containers: [{name: c, image: none}]}
status: {phase: Running, podIPs: [{ip: 10.0.0.1}]}
)");
  EXPECT_THAT(warnings_of(world), ElementsAre(HasSubstr("address 10.0.0.1 is also pod kube-system/client's")));
}

}  // namespace
}  // namespace tierwall::policy
