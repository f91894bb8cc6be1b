// Who of the host endpoints is asked about a connection, on which side and with which class of policy.

#include "daemon/ctl/passages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/ctl/sentence.h"
#include "daemon/sources/load_world.h"

namespace tierwall::daemon::ctl {
namespace {

using policy::Direction;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Connection ask(const ConnectionJudge& judge, const char* from, const char* to, const char* port = "80") {
  FlowWords words;
  words.from = from;
  words.to = to;
  words.dport = port;
  return *judge.judge(*parse_flow(words));
}

/// "egress NAME CLASS VERDICT": nothing where a pod or nobody decided.
std::string print_asked(std::string_view side, const policy::Decision& decision) {
  if (!decision.host) return {};
  return std::string(side) + " " + decision.host->endpoint + " " +
         std::string(policy::print_class(decision.host->policy_class)) + " " +
         std::string(policy::print_verdict(decision.verdict)) + "; ";
}

/// Everyone who was asked, in order.
std::string asked(const Connection& connection) {
  std::string text;
  if (connection.decision.egress) text += print_asked("egress", *connection.decision.egress);
  for (const HostAnswer& answer : connection.crossing) {
    text += print_asked(answer.decision.host->direction == Direction::Ingress ? "in" : "out", answer.decision);
  }
  if (connection.decision.ingress) text += print_asked("ingress", *connection.decision.ingress);
  return text;
}

struct PassageRow {
  const char* from;
  const char* to;
  const char* asked;
};

constexpr PassageRow kRows[] = {
    {"host:eth0:203.0.113.9", "host", "ingress node-1-all normal deny; "},
    {"host:eth1:172.16.0.1", "host", "ingress node-1-storage normal deny; "},
    {"host:lo:127.0.0.1", "host", ""},
    {"ip:203.0.113.9", "host", "ingress node-1-all normal deny; "},
    {"ip:203.0.113.9", "ip:192.0.2.1", "ingress node-1-all normal deny; "},
    {"host", "host:eth0:203.0.113.9", "egress node-1-all normal allow; "},
    {"host", "host:eth1:172.16.0.1", "egress node-1-storage normal deny; "},
    {"host", "ip:203.0.113.9", "egress node-1-all normal allow; "},
    {"host", "host", ""},
    {"host", "pod:shop/web-1", ""},
    {"host", "pod:shop/web-2",
     "egress node-1-all normal allow; in node-2-all applyOnForward allow; out node-2-all applyOnForward allow; "},
    {"host:eth0:203.0.113.9", "pod:shop/web-1",
     "in node-1-all applyOnForward allow; out node-1-all applyOnForward allow; "},
    {"ip:203.0.113.9", "pod:shop/web-1", "in node-1-all applyOnForward allow; out node-1-all applyOnForward allow; "},
    {"pod:shop/web-1", "host:eth1:172.16.0.1",
     "in node-1-all applyOnForward allow; out node-1-storage applyOnForward allow; "},
    {"pod:shop/web-1", "ip:203.0.113.9", "in node-1-all applyOnForward allow; out node-1-all applyOnForward allow; "},
    {"pod:shop/web-1", "host", "ingress node-1-all preDNAT allow; "},
    {"pod:shop/web-1", "pod:shop/web-1", ""},
    {"pod:shop/web-1", "pod:shop/web-3", "in node-1-all applyOnForward allow; out node-1-all applyOnForward allow; "},
    {"pod:shop/web-1", "pod:shop/web-2",
     "in node-1-all applyOnForward allow; out node-1-all applyOnForward allow; "
     "in node-2-all applyOnForward allow; out node-2-all applyOnForward allow; "},
    {"pod:shop/web-2", "ip:192.0.2.1",
     "in node-2-all applyOnForward allow; out node-2-all applyOnForward allow; ingress node-1-all normal deny; "},
    {"host:eth0:203.0.113.9", "host:eth1:172.16.0.1",
     "in node-1-all applyOnForward allow; out node-1-storage applyOnForward allow; "},
    {"host:eth1:172.16.0.1", "ip:203.0.113.9",
     "in node-1-storage applyOnForward allow; out node-1-all applyOnForward allow; "},
    {"ip:203.0.113.9", "ip:203.0.113.10", ""},
};

TEST(Passages, EveryWayHasItsHostEndpoints) {
  const LoadedWorld world = *load_world({TIERWALL_SOURCE_DIR "/tests/golden/cli/hosts"});
  const ConnectionJudge judge(world.inventory.snapshot(), {"node-1", "laptop"});
  for (const PassageRow& row : kRows) {
    const Connection connection = ask(judge, row.from, row.to);
    EXPECT_EQ(asked(connection), row.asked) << row.from << " -> " << row.to;
    const bool denied = std::string_view(row.asked).find("deny") != std::string_view::npos;
    EXPECT_EQ(connection.decision.verdict, denied ? policy::Verdict::Deny : policy::Verdict::Allow) << row.from;
  }
}

TEST(Passages, TranslatedTrafficIsPointedOut) {
  const LoadedWorld world = *load_world({TIERWALL_SOURCE_DIR "/tests/golden/cli/hosts"});
  const ConnectionJudge judge(world.inventory.snapshot(), {"node-1", "laptop"});
  EXPECT_THAT(ask(judge, "host:eth0:203.0.113.9", "pod:shop/web-1").notes,
              Contains(HasSubstr("of traffic to a NodePort ask with --to host and that port")));
  EXPECT_THAT(ask(judge, "pod:shop/web-1", "pod:shop/web-3").notes, IsEmpty());
}

policy::HostEndpoint endpoint(const char* name, const char* interface, const char* node = "node-1") {
  return {.name = name, .node = node, .interface_name = interface};
}

/// A world of host endpoints alone, asked about node-1 and an address outside.
Connection ask_among(const std::vector<policy::HostEndpoint>& endpoints, const char* from = "ip:203.0.113.9") {
  policy::Snapshot snapshot;
  for (const policy::HostEndpoint& each : endpoints) snapshot.put(each);
  return ask(ConnectionJudge(snapshot, {"node-1", "laptop"}), from, "host");
}

TEST(Passages, TheOnlyNamedInterfaceStandsForAnUnknownOne) {
  const Connection connection = ask_among({endpoint("outer", "eth0"), endpoint("loop", "lo")});
  EXPECT_EQ(asked(connection), "ingress outer normal deny; ");
  EXPECT_THAT(connection.notes, Contains(HasSubstr("HostEndpoint outer (eth0), the only one of node node-1")));
}

TEST(Passages, AllInterfacesStandForAnUnknownOneBeforeTheOthers) {
  const Connection connection = ask_among({endpoint("outer", "eth0"), endpoint("rest", "*")});
  EXPECT_EQ(asked(connection), "ingress rest normal deny; ");
  EXPECT_THAT(connection.notes, Contains(HasSubstr("HostEndpoint rest (of all interfaces of node node-1) was asked")));
}

TEST(Passages, OfSeveralNamedInterfacesNoneIsTaken) {
  const Connection connection = ask_among({endpoint("inner", "eth1"), endpoint("outer", "eth0")});
  EXPECT_EQ(asked(connection), "");
  EXPECT_THAT(connection.notes, Contains(HasSubstr("none of HostEndpoint inner and HostEndpoint outer was asked")));
  EXPECT_THAT(summarise(connection), HasSubstr("no host endpoint is between them"));
}

TEST(Passages, WhatIsFoundByAddressAloneIsNotAsked) {
  policy::HostEndpoint by_address = endpoint("found", "");
  by_address.expected_addresses = {*policy::parse_address("192.0.2.1")};
  const Connection connection = ask_among({by_address}, "host:eth0:203.0.113.9");
  EXPECT_EQ(asked(connection), "");
  EXPECT_THAT(connection.notes, Contains(HasSubstr("HostEndpoint found of node node-1 is found by its expectedIPs")));
}

TEST(Passages, WithoutANodeTheOneWithHostEndpointsIsMeant) {
  policy::Snapshot snapshot;
  snapshot.put(endpoint("ep", "eth0", "node-9"));
  const ConnectionJudge judge(snapshot, {std::nullopt, "laptop"});
  const Connection only = ask(judge, "host:eth0:203.0.113.9", "host");
  EXPECT_EQ(asked(only), "ingress ep normal deny; ");
  EXPECT_EQ(only.destination.words, "node node-9");
  snapshot.put(endpoint("other", "eth0", "node-8"));
  const ConnectionJudge unsure(snapshot, {std::nullopt, "laptop"});
  EXPECT_THAT(ask(unsure, "host:eth0:203.0.113.9", "host").notes, Contains(HasSubstr("--node names another")));
}

TEST(Passages, SentencesNameHostEndpointClassTierPolicyAndRule) {
  const LoadedWorld world = *load_world({TIERWALL_SOURCE_DIR "/tests/golden/cli/hosts"});
  const ConnectionJudge judge(world.inventory.snapshot(), {"node-1", "laptop"});
  EXPECT_EQ(summarise(ask(judge, "host:eth0:203.0.113.9", "host", "30080")),
            "Denied: GlobalNetworkPolicy node-ports (tier default) rule 2 denies what node node-1 receives from "
            "203.0.113.9 via eth0 on tcp 30080, by the preDNAT policy of HostEndpoint node-1-all.");
  EXPECT_EQ(summarise(ask(judge, "host:eth0:203.0.113.9", "host", "2222")),
            "Denied: no rule of GlobalNetworkPolicy ssh (tier default) allows what node node-1 receives from "
            "203.0.113.9 via eth0 on tcp 2222, and the end of the tier denies it, by the normal policy of HostEndpoint "
            "node-1-all.");
  EXPECT_TRUE(is_because_of(*ask(judge, "ip:203.0.113.9", "host").decision.ingress, "HostEndpoint node-1-all"));
}

}  // namespace
}  // namespace tierwall::daemon::ctl
