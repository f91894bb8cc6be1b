// What host endpoints make of packets on their way through a node, one law per test (calico.md 4.1 to 4.4).
//
// Node node-1 has the interfaces eth0 (192.0.2.1, towards the outside), eth1 (198.51.100.1) and lo. An operator sits at
// 203.0.113.9, and pod shop/web 10.0.0.1 runs on the node.

#include "policy/evaluate_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/resolve.h"
#include "tests/vocabulary/world.h"

namespace tierwall {
namespace {

using namespace policy;
using test::World;

constexpr const char* kPod = R"(
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: node-1, containers: [{name: c, image: none}]}
status: {phase: Running, podIPs: [{ip: 10.0.0.1}]}
---
)";

std::string host_endpoint(const std::string& name, const std::string& spec, const std::string& labels = "role: edge") {
  return "apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata: {name: " + name + ", labels: {" + labels +
         "}}\nspec: {node: node-1, " + spec + "}\n---\n";
}

std::string global_policy(const std::string& name, const std::string& spec) {
  return "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: " + name +
         "}\nspec: {selector: role == 'edge', " + spec + "}\n---\n";
}

const Failsafes kFailsafes{.inbound = {{kTcp, std::nullopt, 22}}, .outbound = {{kUdp, std::nullopt, 53}}};

class Node {
 public:
  explicit Node(const std::string& manifests) : snapshot_(World::of(kPod + manifests).snapshot()) {
    snapshot_.put(NetworkInterface{"eth0", {*parse_address("192.0.2.1")}});
    snapshot_.put(NetworkInterface{"eth1", {*parse_address("198.51.100.1")}});
    snapshot_.put(NetworkInterface{"lo", {*parse_address("127.0.0.1")}});
    policy_ = resolve(snapshot_, {.node = "node-1"});
  }

  /// "in eth0: allow by rule of ep (normal)", one line per host endpoint; "not judged" without any.
  [[nodiscard]] std::string judge(Passage passage, Flow flow) const {
    passage.node = "node-1";
    std::string text;
    for (const Decision& decision : judge_passage(policy_, passage, flow, kFailsafes)) {
      const std::string way = decision.host->direction == Direction::Ingress ? "in" : "out";
      text += (text.empty() ? "" : ", ") + way + " " + decision.host->endpoint + " " +
              std::string(print_verdict(decision.verdict)) + " " + std::string(print_reason(decision.reason)) + " " +
              std::string(print_class(decision.host->policy_class));
    }
    return text.empty() ? "not judged" : text;
  }

  [[nodiscard]] const std::vector<std::string>& remarks() const { return policy_.remarks; }

 private:
  Snapshot snapshot_;
  NodePolicy policy_;
};

Flow tcp(std::uint16_t port, const char* from = "203.0.113.9", const char* to = "192.0.2.1") {
  return {.source = *parse_address(from),
          .destination = *parse_address(to),
          .protocol = kTcp,
          .source_port = 40000,
          .destination_port = port};
}

const Passage kInEth0{.in = "eth0"};
const Passage kInEth1{.in = "eth1"};
const Passage kOutEth0{.out = "eth0"};
const Passage kThrough{.in = "eth0", .out = "eth1"};
const Passage kPodToOutside{.in = std::string(kPodInterface), .out = "eth0", .from_pod = true};
const Passage kOutsideToPod{.in = "eth0", .out = std::string(kPodInterface), .to_pod = true};
const Passage kPodToHost{.in = std::string(kPodInterface), .from_pod = true};
const Passage kHostToPod{.out = std::string(kPodInterface), .to_pod = true};

TEST(HostEndpoint, WithoutPoliciesAndProfilesClosesTheNodeButNotWhatCrossesIt) {
  const Node node(host_endpoint("ep", "interfaceName: eth0"));
  EXPECT_EQ(node.judge(kInEth0, tcp(80)), "in ep deny no-policy normal");
  EXPECT_EQ(node.judge(kOutEth0, tcp(80)), "out ep deny no-policy normal");
  EXPECT_EQ(node.judge(kInEth0, tcp(22)), "in ep allow failsafe normal");
  EXPECT_EQ(node.judge(kThrough, tcp(80)), "in ep allow no-policy applyOnForward");
  EXPECT_EQ(node.judge(kInEth1, tcp(80)), "not judged");
}

TEST(HostEndpoint, ProfilesDecideWhatNoPolicyDoes) {
  const std::string endpoint =
      host_endpoint("ep", "interfaceName: eth0, profiles: [web-only, projectcalico-default-allow]");
  const std::string profile = R"(
apiVersion: projectcalico.org/v3
kind: Profile
metadata: {name: web-only}
spec: {ingress: [{action: Deny, protocol: TCP, destination: {ports: [81]}}], labelsToApply: {role: edge}}
---
)";
  EXPECT_EQ(Node(endpoint + profile).judge(kInEth0, tcp(80)), "in ep allow no-policy normal");
  EXPECT_EQ(Node(endpoint + profile).judge(kInEth0, tcp(81)), "in ep deny profile normal");
  const Node unwritten(endpoint);
  EXPECT_EQ(unwritten.judge(kInEth0, tcp(80)), "in ep deny profile normal");
  EXPECT_THAT(unwritten.remarks(), testing::ElementsAre(testing::HasSubstr("profile 'web-only' does not exist")));
}

TEST(HostEndpoint, NormalPolicyEndsInTheTiersDefault) {
  const Node node(host_endpoint("ep", "interfaceName: eth0, profiles: [projectcalico-default-allow]") +
                  global_policy("web", "ingress: [{action: Allow, protocol: TCP, destination: {ports: [80]}}]"));
  EXPECT_EQ(node.judge(kInEth0, tcp(80)), "in ep allow rule normal");
  EXPECT_EQ(node.judge(kInEth0, tcp(81)), "in ep deny tier-default normal");
  EXPECT_EQ(node.judge(kOutEth0, tcp(81)), "out ep allow no-policy normal") << "the policy is of ingress only";
  EXPECT_EQ(node.judge(kThrough, tcp(81)), "in ep allow no-policy applyOnForward") << "it does not apply on forward";
}

TEST(HostEndpoint, UntrackedAndPreDnatPolicyLeaveWhatNoRuleDecides) {
  const Node node(host_endpoint("ep", "interfaceName: eth0") +
                  global_policy("raw",
                                "doNotTrack: true, applyOnForward: true, ingress: [{action: Deny, source: {nets: "
                                "[203.0.113.66/32]}}, {action: Allow, protocol: TCP, destination: {ports: [7]}}]") +
                  global_policy("nodeports",
                                "preDNAT: true, applyOnForward: true, ingress: [{action: Allow, protocol: TCP, "
                                "destination: {ports: [30080]}}, {action: Deny, protocol: TCP, destination: {ports: "
                                "['30000:32767']}}]") +
                  global_policy("web", "ingress: [{action: Allow, protocol: TCP, destination: {ports: [80]}}]"));
  EXPECT_EQ(node.judge(kInEth0, tcp(80, "203.0.113.66")), "in ep deny rule untracked");
  EXPECT_EQ(node.judge(kInEth0, tcp(7)), "in ep allow rule untracked") << "final for this endpoint and direction";
  EXPECT_EQ(node.judge(kInEth0, tcp(30080)), "in ep allow rule preDNAT");
  EXPECT_EQ(node.judge(kThrough, tcp(30081)), "in ep deny rule preDNAT") << "forwarded packets too";
  EXPECT_EQ(node.judge(kInEth0, tcp(80)), "in ep allow rule normal");
  EXPECT_EQ(node.judge(kInEth0, tcp(22, "203.0.113.66")), "in ep allow failsafe normal");
}

TEST(HostEndpoint, ForwardPolicyJudgesWhatCrossesAndHasNoFailsafes) {
  const Node node(host_endpoint("ep", "interfaceName: eth0, profiles: [projectcalico-default-allow]") +
                  global_policy("cross",
                                "applyOnForward: true, types: [Ingress, Egress], ingress: [{action: Allow, "
                                "protocol: TCP, destination: {ports: [80]}}], egress: [{action: Allow}]"));
  EXPECT_EQ(node.judge(kThrough, tcp(80)), "in ep allow rule applyOnForward");
  EXPECT_EQ(node.judge(kThrough, tcp(22)), "in ep deny tier-default applyOnForward");
  EXPECT_EQ(node.judge(kOutsideToPod, tcp(80)), "in ep allow rule applyOnForward");
  EXPECT_EQ(node.judge(kPodToOutside, tcp(443)), "out ep allow rule applyOnForward");
  EXPECT_EQ(node.judge(kInEth0, tcp(81)), "in ep deny tier-default normal") << "it applies to local traffic as well";
}

TEST(HostEndpoint, OfAllInterfacesPolicesBothBoundariesOfWhatCrosses) {
  const Node node(host_endpoint("all", "interfaceName: '*'") +
                  global_policy("own-pod",
                                "applyOnForward: true, types: [Ingress, Egress], ingress: [{action: Allow, "
                                "source: {nets: [10.0.0.1/32]}}], egress: [{action: Allow}]"));
  EXPECT_EQ(node.judge(kPodToOutside, tcp(80, "10.0.0.1", "203.0.113.9")),
            "in all allow rule applyOnForward, out all allow rule applyOnForward");
  EXPECT_EQ(node.judge(kOutsideToPod, tcp(80, "203.0.113.9", "10.0.0.1")),
            "in all deny tier-default applyOnForward, out all allow rule applyOnForward");
}

TEST(HostEndpoint, OfAllInterfacesExceptsLoopbackAndInterfacesWithTheirOwn) {
  const Node node(host_endpoint("all", "interfaceName: '*'") +
                  host_endpoint("open", "interfaceName: eth1, profiles: [projectcalico-default-allow]"));
  EXPECT_EQ(node.judge({.in = "lo"}, tcp(80)), "not judged");
  EXPECT_EQ(node.judge(kInEth1, tcp(80)), "in open allow no-policy normal");
  EXPECT_EQ(node.judge(kInEth0, tcp(80)), "in all deny no-policy normal");
  EXPECT_EQ(Node(host_endpoint("loop", "interfaceName: lo")).judge({.in = "lo"}, tcp(80)),
            "in loop deny no-policy normal");
}

TEST(HostEndpoint, LeavesPodsOnTheirWayToTheirHostToTheirOwnPolicy) {
  const std::string all = host_endpoint("all", "interfaceName: '*'");
  const Flow to_host = tcp(80, "10.0.0.1", "192.0.2.1");
  EXPECT_EQ(Node(all).judge(kPodToHost, to_host), "in all allow no-policy preDNAT") << "normal policy does not see it";
  EXPECT_EQ(Node(all + global_policy("p", "preDNAT: true, applyOnForward: true, ingress: [{action: Deny}]"))
                .judge(kPodToHost, to_host),
            "in all deny rule preDNAT");
  EXPECT_EQ(Node(all + global_policy("p", "doNotTrack: true, applyOnForward: true, ingress: [{action: Deny}]"))
                .judge(kPodToHost, to_host),
            "in all allow no-policy preDNAT")
      << "untracked policy is skipped";
  EXPECT_EQ(Node(all).judge(kHostToPod, tcp(80, "192.0.2.1", "10.0.0.1")), "not judged") << "probes work";
}

TEST(HostEndpoint, ForgedPodAddressesOnANamedInterfaceAreJudgedLikeEverythingElse) {
  const Node node(host_endpoint("ep", "interfaceName: eth0"));
  EXPECT_EQ(node.judge({.in = "eth0", .from_pod = true}, tcp(80, "10.0.0.1")), "in ep deny no-policy normal");
}

TEST(HostEndpoint, NeighbourDiscoveryAndDhcpv6AlwaysPass) {
  const Node node(host_endpoint("ep", "interfaceName: eth0") +
                  global_policy("raw", "doNotTrack: true, applyOnForward: true, ingress: [{action: Deny}]"));
  Flow solicitation{.family = Family::V6, .protocol = kIcmpv6, .icmp = {135, 0}};
  EXPECT_EQ(node.judge(kInEth0, solicitation), "in ep allow neighbour-discovery normal");
  Flow lease{.family = Family::V6, .protocol = kUdp, .source_port = 547, .destination_port = 546};
  EXPECT_EQ(node.judge(kInEth0, lease), "in ep allow dhcpv6 normal");
}

TEST(HostEndpoint, RepliesOfFailsafesPassUntrackedPolicy) {
  const Node node(host_endpoint("ep", "interfaceName: eth0") +
                  global_policy("raw",
                                "doNotTrack: true, applyOnForward: true, types: [Ingress, Egress], ingress: "
                                "[{action: Deny}], egress: [{action: Deny}]"));
  Flow reply = tcp(40000, "192.0.2.1", "203.0.113.9");
  reply.source_port = 22;
  EXPECT_EQ(node.judge(kOutEth0, reply), "out ep deny no-policy normal") << "untracked lets it on; conntrack knows it";
  Flow answer{.source = *parse_address("203.0.113.53"),
              .destination = *parse_address("192.0.2.1"),
              .protocol = kUdp,
              .source_port = 53,
              .destination_port = 40000};
  EXPECT_EQ(node.judge(kInEth0, answer), "in ep deny no-policy normal");
}

TEST(HostEndpoint, AreNotSelectedByPoliciesOfNamespaces) {
  const Node node(host_endpoint("ep", "interfaceName: eth0, profiles: [projectcalico-default-allow]") + R"(
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: p, namespace: shop}
spec: {selector: all()}
---
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: anp}
spec: {priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}
)");
  EXPECT_EQ(node.judge(kInEth0, tcp(80)), "in ep allow no-policy normal");
}

TEST(HostEndpoint, IsFoundByItsInterfaceOrByAnExpectedAddress) {
  const Node node(host_endpoint("b", "interfaceName: eth0") + host_endpoint("a", "expectedIPs: [192.0.2.1]") +
                  host_endpoint("c", "expectedIPs: [192.0.2.99]") + host_endpoint("d", "interfaceName: eth7") +
                  host_endpoint("e", "expectedIPs: [198.51.100.1]"));
  EXPECT_EQ(node.judge(kInEth0, tcp(80)), "in a deny no-policy normal") << "the lowest name counts";
  EXPECT_EQ(node.judge(kInEth1, tcp(80)), "in e deny no-policy normal");
  EXPECT_THAT(
      node.remarks(),
      testing::ElementsAre("HostEndpoint b: interface 'eth0' of node node-1 is governed by HostEndpoint a, whose "
                           "name comes first",
                           "HostEndpoint c: no interface of this node has an address of its expectedIPs",
                           "HostEndpoint d: this node has no interface 'eth7' (yet)"));
}

TEST(HostEndpoint, IsAPeerByItsExpectedAddressesAndNamedPorts) {
  const Node node(
      host_endpoint("ep",
                    "interfaceName: eth0, expectedIPs: [192.0.2.1], ports: [{name: api, protocol: TCP, port: 6443}]") +
      host_endpoint("other", "interfaceName: eth9, expectedIPs: [203.0.113.9]", "role: friend") +
      global_policy("p",
                    "ingress: [{action: Allow, protocol: TCP, source: {selector: role == 'friend'}, destination: "
                    "{ports: [api]}}]"));
  EXPECT_EQ(node.judge(kInEth0, tcp(6443)), "in ep allow rule normal");
  EXPECT_EQ(node.judge(kInEth0, tcp(6444)), "in ep deny tier-default normal");
  EXPECT_EQ(node.judge(kInEth0, tcp(6443, "203.0.113.10")), "in ep deny tier-default normal");
}

}  // namespace
}  // namespace tierwall
