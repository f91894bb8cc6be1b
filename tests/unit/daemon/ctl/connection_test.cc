#include "daemon/ctl/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/ctl/sentence.h"

namespace tierwall::daemon::ctl {
namespace {

using policy::Reason;
using policy::Verdict;
using ::testing::HasSubstr;

policy::Address address(const char* text) {
  return *policy::parse_address(text);
}

policy::Pod pod(const char* name, const char* node, std::vector<const char*> addresses) {
  policy::Pod result;
  result.ns = "a";
  result.name = name;
  result.node = node;
  for (const char* text : addresses) result.addresses.push_back(address(text));
  if (std::string_view(node) == "node-1") result.host_address = address("192.0.2.1");
  if (std::string_view(node) == "node-2") result.host_address = address("192.0.2.2");
  return result;
}

/// Isolates pod a/closed in both directions.
policy::Policy close_one() {
  policy::Policy policy;
  policy.kind = policy::Kind::NetworkPolicy;
  policy.ns = "a";
  policy.name = "closed";
  policy.subject = policy::equals(std::string(policy::kNamespaceLabel), "a");
  policy.subject = policy::conjunction({policy.subject, policy::equals("role", "closed")});
  return policy;
}

/// Two nodes: open and closed on node-1, far on node-2; v6 has no IPv4 address; the rest are no endpoints.
policy::Snapshot world() {
  policy::Snapshot snapshot;
  snapshot.put(policy::Namespace{"a", {}});
  snapshot.put(pod("open", "node-1", {"10.0.1.1", "fd00:1::1"}));
  policy::Pod closed = pod("closed", "node-1", {"10.0.1.2"});
  closed.labels = {{"role", "closed"}};
  snapshot.put(closed);
  snapshot.put(pod("far", "node-2", {"10.0.2.1", "fd00:2::1"}));
  snapshot.put(pod("v6", "node-2", {"fd00:2::6"}));
  policy::Pod on_host = pod("on-host", "node-1", {"192.0.2.1"});
  on_host.host_network = true;
  snapshot.put(on_host);
  policy::Pod done = pod("done", "node-1", {"10.0.1.9"});
  done.phase = policy::PodPhase::Failed;
  snapshot.put(done);
  snapshot.put(pod("waiting", "node-1", {}));
  snapshot.put(close_one());
  return snapshot;
}

class ConnectionTest : public ::testing::Test {
 protected:
  static Result<Connection> ask(const ConnectionJudge& judge, const char* from, const char* to,
                                std::optional<std::string> family = {}) {
    FlowWords words;
    words.from = from;
    words.to = to;
    words.dport = "80";
    words.family = std::move(family);
    return judge.judge(*parse_flow(words));
  }

  policy::Snapshot snapshot_ = world();
  ConnectionJudge judge_{snapshot_, {"node-1", "laptop"}};
};

TEST_F(ConnectionTest, PodsSpeakTheFirstFamilyBothHave) {
  EXPECT_EQ(ask(judge_, "pod:a/open", "pod:a/far")->flow.source, address("10.0.1.1"));
  EXPECT_EQ(ask(judge_, "pod:a/open", "pod:a/far", "6")->flow.source, address("fd00:1::1"));
  EXPECT_EQ(ask(judge_, "pod:a/open", "pod:a/v6")->flow.source, address("fd00:1::1"));
  EXPECT_EQ(ask(judge_, "pod:a/open", "ip:2001:db8::1")->flow.source, address("fd00:1::1"));
}

TEST_F(ConnectionTest, AnAddressOfAPodIsThatPod) {
  const auto connection = ask(judge_, "ip:10.0.2.1", "pod:a/closed");
  ASSERT_TRUE(connection);
  EXPECT_EQ(connection->source.words, "pod a/far");
  EXPECT_TRUE(connection->decision.egress.has_value());
  EXPECT_EQ(connection->decision.verdict, Verdict::Deny);
  EXPECT_THAT(connection->notes, ::testing::Contains("10.0.2.1 is pod a/far"));
}

TEST_F(ConnectionTest, AHostReachesItsOwnPodsWhateverPolicySays) {
  for (const char* host : {"host", "ip:192.0.2.1"}) {
    const auto connection = ask(judge_, host, "pod:a/closed");
    ASSERT_TRUE(connection);
    EXPECT_EQ(connection->decision.verdict, Verdict::Allow) << host;
    EXPECT_EQ(connection->decision.egress, std::nullopt);
    ASSERT_TRUE(connection->decision.ingress);
    EXPECT_EQ(connection->decision.ingress->reason, Reason::HostToPod);
  }
}

TEST_F(ConnectionTest, AnotherNodesHostIsAnOrdinaryAddress) {
  const ConnectionJudge judge(snapshot_, {"node-2", "laptop"});
  const auto connection = ask(judge, "host", "pod:a/closed");
  ASSERT_TRUE(connection);
  EXPECT_EQ(connection->flow.source, address("192.0.2.2"));
  EXPECT_EQ(connection->decision.verdict, Verdict::Deny);
  EXPECT_FALSE(connection->to_own_host);
}

TEST_F(ConnectionTest, WithoutANodeHostIsTheOneOfTheOtherEndUnlessPodsRunHere) {
  const ConnectionJudge elsewhere(snapshot_, {std::nullopt, "laptop"});
  EXPECT_EQ(ask(elsewhere, "host", "pod:a/closed")->decision.ingress->reason, Reason::HostToPod);
  EXPECT_EQ(ask(elsewhere, "host", "pod:a/far")->source.words, "node node-2");
  const ConnectionJudge here(snapshot_, {std::nullopt, "node-2"});
  EXPECT_EQ(ask(here, "host", "pod:a/closed")->decision.verdict, Verdict::Deny);
}

TEST_F(ConnectionTest, APodsWayToItsHostIsJudgedByItsEgress) {
  const auto closed = ask(judge_, "pod:a/closed", "host");
  ASSERT_TRUE(closed);
  EXPECT_TRUE(closed->to_own_host);
  EXPECT_EQ(closed->flow.destination, address("192.0.2.1"));
  EXPECT_EQ(closed->decision.verdict, Verdict::Deny);
  EXPECT_EQ(ask(judge_, "pod:a/open", "host")->decision.verdict, Verdict::Allow);
}

TEST_F(ConnectionTest, AnUnknownHostAddressIsSaid) {
  const auto connection = ask(judge_, "pod:a/open", "host", "6");
  ASSERT_TRUE(connection);
  EXPECT_EQ(connection->flow.destination, std::nullopt);
  EXPECT_THAT(connection->notes, ::testing::Contains(HasSubstr("no IPv6 address of node node-1 is known")));
}

TEST_F(ConnectionTest, APodIsNeverJudgedAgainstItself) {
  const auto connection = ask(judge_, "pod:a/closed", "ip:10.0.1.2");
  ASSERT_TRUE(connection);
  EXPECT_TRUE(connection->to_itself);
  EXPECT_EQ(connection->decision, policy::ConnectionDecision{});
  EXPECT_THAT(summarise(*connection), HasSubstr("reaches itself"));
}

TEST_F(ConnectionTest, NothingJudgesWhatIsNoPod) {
  EXPECT_EQ(ask(judge_, "ip:203.0.113.1", "host")->decision, policy::ConnectionDecision{});
  EXPECT_EQ(ask(judge_, "host:eth0", "ip:203.0.113.1")->decision, policy::ConnectionDecision{});
}

TEST_F(ConnectionTest, OutsideTrafficOfAnInterfaceHasNoAddress) {
  const auto connection = ask(judge_, "host:eth0", "pod:a/closed");
  ASSERT_TRUE(connection);
  EXPECT_EQ(connection->flow.source, std::nullopt);
  EXPECT_EQ(connection->decision.egress, std::nullopt);
  EXPECT_EQ(connection->decision.verdict, Verdict::Deny);
}

TEST_F(ConnectionTest, FlowsThatCannotExistAreRefusedWithTheReason) {
  struct Row {
    const char* from;
    const char* to;
    const char* message;
  };
  const Row rows[] = {
      {"pod:a/opne", "host", "pod a/opne is not in these manifests; did you mean 'a/open'?"},
      {"pod:a/on-host", "host",
       "pod a/on-host uses its node's network (hostNetwork): it is the host, so ask for 'host'"},
      {"pod:a/done", "host", "pod a/done has finished (Failed)"},
      {"pod:a/waiting", "host", "pod a/waiting has no address (status.podIPs)"},
      {"pod:a/v6", "pod:a/closed", "pod a/v6 and pod a/closed have no address of the same family"},
      {"ip:10.0.0.1", "ip:fd00::1", "10.0.0.1 and fd00::1 have no address of the same family"},
  };
  for (const Row& row : rows) {
    const auto connection = ask(judge_, row.from, row.to);
    ASSERT_FALSE(connection) << row.message;
    EXPECT_EQ(connection.error().message, row.message);
  }
  EXPECT_EQ(ask(judge_, "pod:a/closed", "pod:a/far", "6").error().message, "pod a/closed has no IPv6 address");
}

TEST_F(ConnectionTest, OfTwoPodsWithOneAddressTheOtherIsNamed) {
  policy::Pod twin = pod("twin", "node-2", {"10.0.1.1"});
  twin.created = 1;
  policy::Pod holder = pod("open", "node-1", {"10.0.1.1"});
  holder.created = 2;
  snapshot_.put(twin);
  snapshot_.put(holder);
  const ConnectionJudge judge(snapshot_, {"node-1", "laptop"});
  const auto connection = ask(judge, "pod:a/twin", "host");
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().message, "pod a/twin: its address 10.0.1.1 belongs to pod a/open");
}

TEST_F(ConnectionTest, IcmpBecomesIcmpv6OverIpv6) {
  FlowWords words;
  words.from = "pod:a/open";
  words.to = "pod:a/v6";
  words.proto = "icmp";
  const auto connection = judge_.judge(*parse_flow(words));
  ASSERT_TRUE(connection);
  EXPECT_EQ(connection->flow.protocol, policy::kIcmpv6);
  EXPECT_EQ(connection->flow.icmp.type, 128);
}

}  // namespace
}  // namespace tierwall::daemon::ctl
