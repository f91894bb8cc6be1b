#include "daemon/sources/decode_kubernetes.h"

#include <gtest/gtest.h>

#include "tests/unit/daemon/sources/summary.h"

namespace tierwall::daemon {
namespace {

TEST(DecodeNamespace, AlwaysCarriesItsNameAsALabel) {
  EXPECT_EQ(decode_one("{apiVersion: v1, kind: Namespace, metadata: {name: dev, labels: {team: a}}}"),
            "Namespace dev [kubernetes.io/metadata.name=dev,team=a]\n");
  EXPECT_EQ(decode_one("apiVersion: v1\nkind: Namespace\n"
                       "metadata: {name: dev, labels: {kubernetes.io/metadata.name: prod}}"),
            "Namespace dev [kubernetes.io/metadata.name=dev]\n"
            "f:1: warning: Namespace dev: the label kubernetes.io/metadata.name is always the namespace's name, not "
            "\"prod\"\n");
}

TEST(DecodeServiceAccount, HasLabels) {
  EXPECT_EQ(decode_one("{apiVersion: v1, kind: ServiceAccount, metadata: {name: s, namespace: dev, labels: {a: b}}}"),
            "ServiceAccount dev/s [a=b]\n");
}

TEST(DecodePod, TakesWhatPolicyNeedsAndIgnoresTheRest) {
  EXPECT_EQ(decode_one(R"(
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: dev, labels: {app: web}, anything: else}
spec:
  nodeName: node-1
  serviceAccountName: robot
  restartPolicy: Always
  initContainers: [{name: proxy, ports: [{containerPort: 9000, protocol: UDP}]}]
  containers: [{name: c, image: i, ports: [{name: http, containerPort: 80}, {containerPort: 53, protocol: SCTP}]}]
status:
  phase: Running
  hostIP: 192.0.2.1
  podIP: 10.0.0.9
  podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}]
)"),
            "Pod dev/web [app=web] account robot on node-1 10.0.0.1 fd00::1 host 192.0.2.1 :udp/9000 http:tcp/80 "
            ":sctp/53\n");
}

TEST(DecodePod, KnowsWhenItIsNoEndpoint) {
  const std::string head = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: n}\n";
  EXPECT_EQ(decode_one(head + "status: {podIP: 10.0.0.1}"), "Pod n/p [] account default 10.0.0.1\n");
  EXPECT_EQ(decode_one(head + "status: {phase: Succeeded}"), "Pod n/p [] account default, no endpoint\n");
  EXPECT_EQ(decode_one(head + "status: {phase: Failed, podIP: ''}"), "Pod n/p [] account default, no endpoint\n");
  EXPECT_EQ(decode_one(head + "spec: {hostNetwork: true}"), "Pod n/p [] account default, no endpoint\n");
}

TEST(DecodePod, ReportsWhatItCannotUse) {
  EXPECT_EQ(decode_problems(R"(apiVersion: v1
kind: Pod
metadata: {name: p, namespace: n}
spec:
  hostNetwork: "true"
  containers:
  - ports: [{containerPort: 70000}, {name: x}]
status:
  podIPs: [{ip: 10.0.0.300}]
)"),
            "f:5: error: Pod n/p: spec.hostNetwork: must be true or false, but is the text \"true\"\n"
            "f:7: error: Pod n/p: spec.containers[0].ports[0].containerPort: must be from 1 to 65535, but is 70000\n"
            "f:7: error: Pod n/p: spec.containers[0].ports[1].containerPort: required\n"
            "f:9: error: Pod n/p: status.podIPs[0].ip: " +
                policy::parse_address("10.0.0.300").error().message + "\n");
}

TEST(DecodeNode, HasItsAddressesAndPodNetworks) {
  EXPECT_EQ(decode_one(R"(
apiVersion: v1
kind: Node
metadata: {name: node-1.example.com, labels: {zone: a}}
spec: {podCIDR: 10.1.0.0/24, podCIDRs: [10.1.0.0/24, "fd00:1::/64"], unschedulable: true}
status:
  addresses:
  - {type: Hostname, address: node-1}
  - {type: InternalIP, address: 192.0.2.1}
  - {type: ExternalIP, address: "2001:db8::1"}
  - {type: InternalDNS, address: node-1.local}
)"),
            "Node node-1.example.com [zone=a] 192.0.2.1 2001:db8::1 pods 10.1.0.0/24,fd00:1::/64\n");
  EXPECT_EQ(decode_one("apiVersion: v1\nkind: Node\nmetadata: {name: n}\nspec: {podCIDR: 10.1.0.0/24}"),
            "Node n [] pods 10.1.0.0/24\n");
}

TEST(DecodeService, HasClusterAddressesUnlessItIsHeadless) {
  const std::string head = "apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: n}\nspec: ";
  EXPECT_EQ(decode_one(head + "{clusterIP: 10.96.0.1, clusterIPs: [10.96.0.1, 'fd00::1'], ports: [{port: 80}]}"),
            "Service n/s 10.96.0.1 fd00::1\n");
  EXPECT_EQ(decode_one(head + "{clusterIP: 10.96.0.1}"), "Service n/s 10.96.0.1\n");
  EXPECT_EQ(decode_one(head + "{clusterIP: None, clusterIPs: [None]}"), "Service n/s\n");
  EXPECT_EQ(decode_one(head + "{type: ExternalName, externalName: example.com, clusterIP: ''}"), "Service n/s\n");
}

TEST(DecodeEndpointSlice, CountsEveryEndpointWhateverItsConditions) {
  const std::string head =
      "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
      "metadata: {name: s-x1, namespace: n, labels: {kubernetes.io/service-name: s}}\n";
  EXPECT_EQ(decode_one(head + R"(addressType: IPv4
endpoints:
- {addresses: [10.0.0.1], conditions: {ready: true}}
- {addresses: [10.0.0.2], conditions: {ready: false, terminating: true}}
ports: [{name: http, port: 8080, protocol: TCP}, {port: 53, protocol: UDP}, {port: 99}, {name: any, port: null}]
)"),
            "EndpointSlice n/s-x1 of s 10.0.0.1 10.0.0.2 tcp/8080 udp/53 tcp/99\n");
  EXPECT_EQ(decode_one(head + "addressType: FQDN\nendpoints: [{addresses: [example.com]}]"),
            "EndpointSlice n/s-x1 of s\n");
  EXPECT_EQ(decode_one("apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: s, namespace: n}\n"
                       "endpoints: null\nports: null"),
            "EndpointSlice n/s of \n");
}

TEST(DecodeClusterObjects, ReportWhatTheyCannotUse) {
  EXPECT_EQ(decode_problems("apiVersion: v1\nkind: Node\nmetadata: {name: n}\nspec: {podCIDRs: [10.1.0.0]}\n"
                            "status: {addresses: [{type: InternalIP, address: here}]}"),
            "f:4: error: Node n: spec.podCIDRs[0]: '10.1.0.0' is not a CIDR: the prefix length is missing\n"
            "f:5: error: Node n: status.addresses[0].address: 'here' is not an IP address\n");
  EXPECT_EQ(decode_problems("apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: n}\n"
                            "spec: {clusterIP: none}"),
            "f:4: error: Service n/s: spec.clusterIP: 'none' is not an IP address\n");
  EXPECT_EQ(decode_problems("apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: s, namespace: n}\n"
                            "endpoints: [{addresses: [a.example.com]}]\nports: [{port: 0}, {port: 1, protocol: ICMP}]"),
            "f:4: error: EndpointSlice n/s: endpoints[0].addresses[0]: 'a.example.com' is not an IP address\n"
            "f:5: error: EndpointSlice n/s: ports[0].port: must be from 1 to 65535, but is 0\n"
            "f:5: error: EndpointSlice n/s: ports[1].protocol: must be TCP, UDP, SCTP, but is \"ICMP\"\n");
}

TEST(DecodeMetadata, NamesAndLabelsAreKubernetesOwn) {
  const std::string head = "apiVersion: v1\nkind: Pod\nmetadata: ";
  EXPECT_EQ(decode_problems(head + "{namespace: n}"), "f:3: error: Pod: metadata.name: required\n");
  EXPECT_EQ(decode_problems(head + "{name: p}"),
            "f:3: error: Pod p: metadata.namespace: required; manifests have no default namespace\n");
  EXPECT_EQ(decode_problems(head + "{name: p, namespace: ''}"),
            "f:3: error: Pod p: metadata.namespace: required; manifests have no default namespace\n");
  EXPECT_EQ(decode_problems("apiVersion: v1\nkind: Pod\n"), "f:1: error: Pod: metadata: required\n");
  EXPECT_EQ(decode_problems(head + "{name: p, namespace: n, labels: {a: true, b: 1, c: null, d/e/f: g, h: i j}}"),
            "f:3: error: Pod n/p: metadata.labels.a: must be text, but is true, which YAML reads as true; write it in "
            "quotes: \"true\"\n"
            "f:3: error: Pod n/p: metadata.labels.b: must be text, but is the number 1; write it in quotes: \"1\"\n"
            "f:3: error: Pod n/p: metadata.labels[\"d/e/f\"]: \"d/e/f\" is no valid label key\n"
            "f:3: error: Pod n/p: metadata.labels.h: \"i j\" is no valid label value\n");
}

TEST(DecodeMetadata, MegabytesOfLabelDoNotHurt) {
  const std::string value(1'500'000, 'x');
  const std::string problems =
      decode_problems("apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: n, labels: {a: " + value + "}}");
  EXPECT_EQ(problems,
            "f:3: error: Pod n/p: metadata.labels.a: a label's value has at most 63 characters, this one has "
            "1500000\n");
}

}  // namespace
}  // namespace tierwall::daemon
