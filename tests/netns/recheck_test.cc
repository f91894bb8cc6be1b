// dataplane.established: what becomes of connections that are established when policy changes under them.

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

#include <gmock/gmock.h>

#include "tests/lab/flows.h"
#include "tests/netns/firewall.h"
#include "tests/netns/host_manifests.h"

namespace tierwall::lab {
namespace {

using policy::Family;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

const DaemonOptions kRecheck{.extra_config = "[dataplane]\nestablished = \"recheck\"\n"};
constexpr milliseconds kSilence{300};

struct RecheckTest : FirewallTest {
  explicit RecheckTest(const DaemonOptions& options = kRecheck) : FirewallTest(options) {}

  [[nodiscard]] const Host& pod(const char* name) const { return lab.host(std::string("app/") + name); }
  /// Within a second of now, tierwalld has cut so many connections at once.
  void expect_cut_within_a_second(const std::string& how_many) const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    const std::string words = "cut " + how_many + " established connection";
    while (daemon.log().find(words) == std::string::npos && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(milliseconds(5));
    }
    EXPECT_THAT(daemon.log(), HasSubstr(words));
  }
  /// Both ends of all of them send, and nothing arrives.
  template <typename... Conversations>
  static void expect_silence(Conversations&... conversations) {
    const auto nothing_arrives = [](auto& conversation) {
      EXPECT_FALSE(conversation.reaches_client(milliseconds(0))) << "from the server";
      EXPECT_FALSE(conversation.reaches_server(milliseconds(0))) << "from the client";
    };
    (nothing_arrives(conversations), ...);
    std::this_thread::sleep_for(kSilence);
    (nothing_arrives(conversations), ...);
  }
  template <typename Conversation>
  static void expect_goes_on(Conversation& conversation, const char* which) {
    EXPECT_TRUE(conversation.reaches_server()) << which;
    EXPECT_TRUE(conversation.reaches_client()) << which;
  }
};

TEST_F(RecheckTest, WhatPolicyDeniesNowStopsBothWaysAndGoesOnWhenItIsTakenBack) {
  daemon.start();
  TcpConversation to_web(pod("api"), pod("web"), 8080);
  TcpConversation to_web6(pod("api"), pod("web"), 8080, Family::V6);
  UdpConversation asks_web(pod("api"), pod("web"), 9000);
  UdpConversation asks_web6(pod("api"), pod("web"), 9000, Family::V6);
  TcpConversation of_web(pod("web"), pod("api"), 8081);
  TcpConversation to_db(pod("api"), pod("db"), 8080, Family::V6);
  UdpConversation asks_db(pod("api"), pod("db"), 9000);
  TcpConversation probe_of_node(lab.node(), pod("web"), 8082);

  // web may still send whatever it likes: only what comes in is denied.
  apply("web.yaml", network_policy("web", kDenyIngress));
  expect_cut_within_a_second("4");
  EXPECT_THAT(daemon.log(), HasSubstr("(pod app/web), denied by the end of tier default, ingress"));
  // web goes on sending, and its egress is open. What TCP did not get acknowledged it repeats after 200 ms.
  expect_silence(to_web, to_web6, asks_web, asks_web6);
  expect_goes_on(of_web, "what web itself began");
  expect_goes_on(to_db, "another pod");
  expect_goes_on(asks_db, "another pod, UDP");
  expect_goes_on(probe_of_node, "the node to its own pod");
  EXPECT_THAT(daemon.status().remarks, ::testing::Contains(HasSubstr("; 4 cut so far")));

  remove("web.yaml");
  expect_allowed(probe("app/api", "app/web"));
  expect_goes_on(to_web, "what was cut and is still there");
  expect_goes_on(asks_web6, "what was cut and is still there, UDP");
}

TEST_F(RecheckTest, WhatStaysAllowedLosesNothingOverAHundredChanges) {
  daemon.start();
  TcpTransfer transfer(pod("api"), pod("web"), 8080);
  TcpTransfer transfer6(pod("far"), pod("web"), 8080, Family::V6);
  const std::uint64_t first = daemon.generation();
  for (int i = 0; daemon.generation() < first + 100 && i < 1000; ++i) {
    for (int each = 0; each < 10; ++each) {
      daemon.write_manifest("web.yaml", network_policy("web",
                                                       "podSelector: {}, policyTypes: [Ingress], ingress: "
                                                       "[{ports: [{port: 8080}, {port: " +
                                                           std::to_string(1 + i * 10 + each) + "}]}]"));
      std::this_thread::sleep_for(milliseconds(4));  // longer than changes are gathered into one
    }
  }
  const std::uint64_t then = transfer.arrived();
  const std::uint64_t then6 = transfer6.arrived();
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_GT(transfer.arrived(), then) << "it still runs";
  EXPECT_GT(transfer6.arrived(), then6);
  EXPECT_FALSE(transfer.damaged());
  EXPECT_FALSE(transfer6.damaged());
  EXPECT_THAT(daemon.log(), Not(HasSubstr("established connection")));
}

TEST_F(RecheckTest, WhoLeavesASetLosesWhatItStood) {
  const auto friends = [](const std::string& net) {
    return "apiVersion: projectcalico.org/v3\nkind: NetworkSet\nmetadata: {name: friends, namespace: app, labels: "
           "{role: "
           "friend}}\nspec: {nets: [" +
           net +
           "]}\n---\napiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: web, namespace: app}\n"
           "spec: {selector: app == 'web', types: [Ingress], ingress: [{action: Allow, source: {selector: role == "
           "'friend'}}]}\n";
  };
  daemon.start();
  apply("friends.yaml", friends("10.1.0.0/30"));
  TcpConversation of_api(pod("api"), pod("web"), 8080);
  TcpConversation of_db(pod("db"), pod("web"), 8081);
  apply("friends.yaml", friends("10.1.0.3/32"));
  expect_cut_within_a_second("1");
  expect_silence(of_api);
  expect_goes_on(of_db, "who stays in the set");
}

struct KeepTest : RecheckTest {
  KeepTest() : RecheckTest(DaemonOptions{}) {}
};

TEST_F(KeepTest, NothingIsTouchedUntilTheSettingSaysSoAndADaemonThatDiedIsMadeUpFor) {
  daemon.start();
  TcpConversation tcp(pod("api"), pod("web"), 8080);
  UdpConversation udp(pod("api"), pod("web"), 9000, Family::V6);
  apply("web.yaml", network_policy("web", kDenyIngress));
  expect_goes_on(tcp, "keep");
  expect_goes_on(udp, "keep, UDP");
  EXPECT_THAT(table(), Not(HasSubstr("ct mark")));
  EXPECT_THAT(daemon.log(), Not(HasSubstr("established connection")));
  // As after a death between the commit and the recheck: policy is in force, and nothing was judged again.
  daemon.kill();
  daemon.configure(kRecheck);
  daemon.start();
  expect_cut_within_a_second("2");
  expect_silence(tcp, udp);
  // What was cut stays cut without a daemon, and the next one has nothing to do.
  daemon.kill();
  expect_silence(tcp, udp);
  daemon.configure({});
  daemon.start();
  EXPECT_THAT(table(), Not(HasSubstr("ct mark")));
  expect_goes_on(tcp, "kept again");
}

struct HostRecheckTest : RecheckTest {
  HostRecheckTest() : RecheckTest({.extra_config = host_config() + kRecheck.extra_config}) {}
};

TEST_F(HostRecheckTest, TheNodesOwnSocketsEndWithTheirConnections) {
  daemon.start();
  TcpConversation denied(lab.outside(), lab.node(), 8080);
  TcpConversation failsafe(lab.outside(), lab.node(), 4001);
  TcpConversation outward(lab.node(), lab.outside(), 8081);
  apply("hosts.yaml", host_endpoint("eth0-ep", "eth0", kAllowProfile) +
                          host_policy("in",
                                      "types: [Ingress], ingress: [{action: Deny, protocol: TCP, destination: "
                                      "{ports: [8080]}}, {action: Allow}]"));
  expect_cut_within_a_second("1");
  EXPECT_THAT(daemon.log(), HasSubstr("denied by GlobalNetworkPolicy in (tier default) of HostEndpoint eth0-ep"));
  EXPECT_EQ(denied.server_error(), ECONNABORTED);
  expect_silence(denied);
  expect_goes_on(failsafe, "a failsafe");
  expect_goes_on(outward, "what the node began");
}

}  // namespace
}  // namespace tierwall::lab
