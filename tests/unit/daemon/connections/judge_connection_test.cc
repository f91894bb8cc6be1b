// What policy says to connections that are established.

#include "daemon/connections/judge_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/daemon/connections/tracked.h"

namespace tierwall::daemon {
namespace {

using Fate = ConnectionJudgement::Fate;
using policy::parse_address;

const std::set<policy::Address>& own_addresses() {
  static const std::set<policy::Address> own = {*parse_address("192.0.2.1"), *parse_address("fd00::100"),
                                                *parse_address("10.0.0.254")};
  return own;
}

/// Where pods are and what is outside; nothing leads to 198.51.100.0/24.
std::string interface_to(const policy::Address& address) {
  if (policy::parse_prefix("198.51.100.0/24")->contains(address)) return {};
  return policy::parse_prefix("10.0.0.0/24")->contains(address) ? "veth1" : "eth0";
}

ConnectionJudgement judge_here(const policy::NodePolicy& policy, const TrackedConnection& connection,
                               nft::CompileOptions options = {}) {
  options.node = "here";
  return ConnectionJudge({policy, options, own_addresses(), interface_to}).judge(connection);
}

struct JudgementRow {
  const char* story;
  TrackedConnection connection;
  Fate fate;
};

void expect_fates(const policy::NodePolicy& policy, const std::vector<JudgementRow>& rows,
                  const nft::CompileOptions& options = {}) {
  for (const JudgementRow& row : rows) {
    EXPECT_EQ(judge_here(policy, row.connection, options).fate, row.fate) << row.story;
  }
}

TrackedConnection expected(TrackedConnection connection) {
  connection.expected = true;
  return connection;
}

TrackedConnection in_zone(TrackedConnection connection, std::uint16_t zone) {
  connection.zone = zone;
  return connection;
}

TrackedConnection of_protocol(TrackedConnection connection, policy::Protocol protocol) {
  connection.protocol = protocol;
  return connection;
}

TEST(JudgeConnection, JudgesAsTheFirstPacketWouldBe) {
  // web lets port 8080 in, and nothing else.
  expect_fates(
      policy_here(ingress_of("web", "{ports: [{port: 8080}]}")),
      {{"the open port", tracked_tcp("10.0.0.2", "10.0.0.1", 8080), Fate::Stays},
       {"a closed port", tracked_tcp("10.0.0.2", "10.0.0.1", 80), Fate::Denied},
       {"the same over IPv6", tracked_tcp("fd00::2", "fd00::1", 80), Fate::Denied},
       {"a port that is open for TCP only", of_protocol(tracked_tcp("10.0.0.2", "10.0.0.1", 8080), policy::kUdp),
        Fate::Denied},
       {"from outside", tracked_tcp("203.0.113.9", "10.0.0.1", 80), Fate::Denied},
       {"a Service whose pod's port is open", tracked_tcp("10.0.0.2", "10.96.0.1", 80, "10.0.0.1", 8080), Fate::Stays},
       {"a Service whose pod's port is closed", tracked_tcp("10.0.0.2", "10.96.0.1", 8080, "10.0.0.1", 80),
        Fate::Denied},
       {"web itself, through a Service", tracked_tcp("10.0.0.1", "10.96.0.1", 80, "10.0.0.1", 80), Fate::Denied},
       {"what web itself began", tracked_tcp("10.0.0.1", "10.0.0.2", 80), Fate::Stays},
       {"a ping, which a rule with ports does not open", tracked_ping("10.0.0.2", "10.0.0.1"), Fate::Denied},
       {"GRE, whose keys are no ports", of_protocol(tracked_tcp("10.0.0.2", "10.0.0.1", 8080), policy::Protocol{47}),
        Fate::Denied},
       {"nothing of this node", tracked_tcp("203.0.113.9", "203.0.113.10", 80), Fate::Stays}});
}

TEST(JudgeConnection, LeavesAloneWhatItCannotKnow) {
  nft::CompileOptions options;
  options.pod_cidrs = {*policy::parse_prefix("10.0.0.0/24")};
  expect_fates(policy_here(ingress_of("web", "")),
               {{"expected by another connection", expected(tracked_tcp("10.0.0.2", "10.0.0.1", 80)), Fate::Unjudged},
                {"another zone", in_zone(tracked_tcp("10.0.0.2", "10.0.0.1", 80), 7), Fate::Unjudged},
                {"the node with itself", tracked_tcp("192.0.2.1", "192.0.2.1", 80), Fate::Unjudged},
                {"loopback", tracked_tcp("127.0.0.1", "127.0.0.1", 80), Fate::Unjudged},
                {"loopback of IPv6", tracked_tcp("::1", "::1", 80), Fate::Unjudged},
                {"a pod that is not known", tracked_tcp("10.0.0.77", "203.0.113.9", 80), Fate::Unjudged},
                {"the node's own address among the pods'", tracked_tcp("203.0.113.9", "10.0.0.254", 80), Fate::Stays}},
               options);
}

TEST(JudgeConnection, TheNodeAlwaysReachesItsPodsAndTheyReachItByEgressPolicy) {
  const policy::NodePolicy closed =
      policy_here(network_policy("web", "policyTypes: [Ingress, Egress], egress: [{ports: [{port: 53}]}]"));
  expect_fates(closed, {{"a probe", tracked_tcp("192.0.2.1", "10.0.0.1", 80), Fate::Stays},
                        {"a probe from the bridge's address", tracked_tcp("10.0.0.254", "10.0.0.1", 80), Fate::Stays},
                        {"to its node, allowed", tracked_tcp("10.0.0.1", "192.0.2.1", 53), Fate::Stays},
                        {"to its node, denied", tracked_tcp("10.0.0.1", "192.0.2.1", 80), Fate::Denied},
                        {"of a free pod", tracked_tcp("10.0.0.2", "192.0.2.1", 80), Fate::Stays}});
  nft::CompileOptions options;
  options.endpoint_to_host = nft::CompileOptions::EndpointToHost::Drop;
  expect_fates(closed,
               {{"nobody, with endpoint_to_host", tracked_tcp("10.0.0.1", "192.0.2.1", 53), Fate::Denied},
                {"not even a free pod", tracked_tcp("10.0.0.2", "192.0.2.1", 80), Fate::Denied},
                {"but elsewhere", tracked_tcp("10.0.0.2", "203.0.113.9", 80), Fate::Stays}},
               options);
}

std::string host_endpoint(const std::string& interface) {
  return "---\napiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata: {name: ep, labels: {role: "
         "edge}}\nspec: {node: here, interfaceName: '" +
         interface + "'}\n";
}

std::string host_policy(const std::string& rest) {
  return "---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: node}\nspec: {selector: "
         "role == 'edge', " +
         rest + "}\n";
}

TEST(JudgeConnection, HostEndpointsJudgeTheNodesOwnConnections) {
  nft::CompileOptions options;
  options.failsafes = {{{policy::kTcp, std::nullopt, 22}}, {{policy::kUdp, std::nullopt, 53}}};
  const std::string only_443 = host_policy(
      "types: [Ingress, Egress], ingress: [{action: Allow, protocol: TCP, destination: {ports: [443]}}], egress: "
      "[{action: Allow, protocol: TCP, destination: {ports: [443]}}]");
  for (const char* interface : {"eth0", "*"}) {
    SCOPED_TRACE(interface);
    expect_fates(policy_here(host_endpoint(interface) + only_443),
                 {{"what is allowed in", tracked_tcp("203.0.113.9", "192.0.2.1", 443), Fate::Stays},
                  {"what is denied in", tracked_tcp("203.0.113.9", "192.0.2.1", 80), Fate::Denied},
                  {"a failsafe", tracked_tcp("203.0.113.9", "192.0.2.1", 22), Fate::Stays},
                  {"what is allowed out", tracked_tcp("192.0.2.1", "203.0.113.9", 443), Fate::Stays},
                  {"what is denied out", tracked_tcp("192.0.2.1", "203.0.113.9", 80), Fate::Denied},
                  {"a pod of this node", tracked_tcp("192.0.2.1", "10.0.0.1", 80), Fate::Stays},
                  {"what crosses without such policy", tracked_tcp("203.0.113.9", "10.0.0.1", 80), Fate::Stays},
                  {"who knows by which interface", tracked_tcp("198.51.100.1", "192.0.2.1", 80), Fate::Unjudged},
                  {"loopback", tracked_tcp("127.0.0.1", "127.0.0.1", 80), Fate::Unjudged}},
                 options);
  }
  expect_fates(policy_here(host_endpoint("eth1") + only_443),
               {{"another interface", tracked_tcp("203.0.113.9", "192.0.2.1", 80), Fate::Stays}}, options);
}

TEST(JudgeConnection, WhatPolicyBeforeTranslationSawOfTranslatedConnectionsIsNotKnown) {
  const policy::NodePolicy policy = policy_here(
      host_endpoint("eth0") +
      host_policy("preDNAT: true, applyOnForward: true, ingress: [{action: Deny, protocol: TCP, destination: {ports: "
                  "[30080]}}]") +
      "---\n" + ingress_of("db", ""));
  expect_fates(policy, {{"translated", tracked_tcp("203.0.113.9", "192.0.2.1", 30080, "10.0.0.1", 80), Fate::Unjudged},
                        {"not translated", tracked_tcp("203.0.113.9", "192.0.2.1", 30080), Fate::Denied},
                        {"translated, and the pod's own policy denies it",
                         tracked_tcp("203.0.113.9", "192.0.2.1", 30081, "10.0.0.2", 80), Fate::Denied}});
}

TEST(JudgeConnection, SaysWhoDeniesAndWhichSocketOfTheNodeIsConcerned) {
  const policy::NodePolicy policy =
      policy_here(network_policy("web", "policyTypes: [Ingress, Egress]") + host_endpoint("eth0") +
                  host_policy("types: [Ingress], ingress: [{action: Deny, protocol: TCP, destination: {ports: [80]}}, "
                              "{action: Allow}]"));
  const ConnectionJudgement of_pod = judge_here(policy, tracked_tcp("10.0.0.2", "10.0.0.1", 80));
  EXPECT_EQ(of_pod.denier, "the end of tier default, ingress");
  EXPECT_FALSE(of_pod.own_socket);
  EXPECT_TRUE(of_pod.concerns_us);
  const ConnectionJudgement of_node = judge_here(policy, tracked_tcp("203.0.113.9", "192.0.2.1", 80));
  EXPECT_EQ(of_node.denier, "GlobalNetworkPolicy node (tier default) of HostEndpoint ep");
  EXPECT_EQ(of_node.own_socket, (SocketEnds{*parse_address("192.0.2.1"), *parse_address("203.0.113.9"), 80, 40000}));
  const ConnectionJudgement to_node = judge_here(policy, tracked_tcp("10.0.0.1", "192.0.2.1", 8080));
  EXPECT_EQ(to_node.own_socket, (SocketEnds{*parse_address("192.0.2.1"), *parse_address("10.0.0.1"), 8080, 40000}));
  EXPECT_FALSE(judge_here(policy, tracked_tcp("203.0.113.9", "203.0.113.10", 80)).concerns_us);
}

TEST(JudgeConnection, DescribesTheEndsAsPolicySeesThem) {
  const policy::NodePolicy policy = policy_here();
  const nft::CompileOptions options;
  const ConnectionJudge judge({policy, options, own_addresses(), interface_to});
  EXPECT_EQ(judge.describe(tracked_tcp("10.0.0.2", "10.96.0.1", 80, "10.0.0.1", 8080)),
            "tcp 10.0.0.2:40000 (pod app/db) to 10.0.0.1:8080 (pod app/web)");
  EXPECT_EQ(judge.describe(tracked_tcp("fd00::9", "fd00::100", 443)),
            "tcp [fd00::9]:40000 to [fd00::100]:443 (this node)");
  EXPECT_EQ(judge.describe(tracked_ping("10.0.0.2", "203.0.113.9")), "icmp 10.0.0.2 (pod app/db) to 203.0.113.9");
}

}  // namespace
}  // namespace tierwall::daemon
