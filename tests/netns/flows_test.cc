// The connections of a node with the names of pods and the policies that decide about them: those that are there, and
// those that begin.

#include <future>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "tests/lab/flows.h"
#include "tests/netns/firewall.h"
#include "tests/netns/host_manifests.h"

namespace tierwall::lab {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct FlowsTest : FirewallTest {
  FlowsTest() : FirewallTest({.extra_config = host_config()}) { daemon.start(); }

  /// On the node, where the kernel's connections are.
  CommandOutcome ask(std::vector<std::string> words) {
    return lab.node().network.run([&] { return daemon.ask(words); });
  }
};

TEST_F(FlowsTest, WhatIsThereIsToldWithPodsAndPolicies) {
  apply("web.yaml", network_policy("web",
                                   "podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], ingress: "
                                   "[{ports: [{port: 8080}]}]"));
  TcpConversation to_web(lab.host("app/api"), lab.host("app/web"), 8080, policy::Family::V6);
  TcpConversation to_db(lab.host("app/api"), lab.host("app/db"), 8081);
  const CommandOutcome all = ask({"flows"});
  EXPECT_EQ(all.status, 0) << all.errors;
  EXPECT_THAT(all.output, HasSubstr("app/api  app/web  tcp 8080  allow"));
  EXPECT_THAT(all.output, HasSubstr("ingress: KubernetesNetworkPolicy app/web (tier default) rule 1"));
  EXPECT_THAT(all.output, HasSubstr("app/api  app/db   tcp 8081  allow"));
  EXPECT_THAT(ask({"flows", "--to-pod", "app/web"}).output, Not(HasSubstr("app/db")));
  EXPECT_EQ(ask({"get", "flows"}).output, all.output);

  apply("web.yaml", network_policy("web", kDenyIngress));
  const CommandOutcome denied = ask({"flows", "--verdict", "deny"});
  EXPECT_THAT(denied.output, AllOf(HasSubstr("app/web  tcp 8080  deny"), HasSubstr("ingress: the end of tier default"),
                                   Not(HasSubstr("app/db"))));
  EXPECT_EQ(daemon.stop(), 0);
  const CommandOutcome without = ask({"flows", "--config", daemon.config_file()});
  EXPECT_THAT(without.output, HasSubstr("app/web"));
  EXPECT_THAT(without.errors, HasSubstr("no tierwalld runs here; judged by what it left (generation "));
}

TEST_F(FlowsTest, WhatBeginsIsToldAsItBegins) {
  auto followed = std::async(std::launch::async, [&] {
    return ask({"flows", "--follow", "--for", "3s", "-o", "json"});
  });
  // It has to listen first; afterwards one is enough.
  for (int i = 0; i < 20 && followed.wait_for(std::chrono::milliseconds(100)) != std::future_status::ready; ++i)
    expect_allowed(probe("app/api", "app/web", policy::kTcp, 80));
  const CommandOutcome told = followed.get();
  EXPECT_EQ(told.status, 0) << told.errors;
  ASSERT_FALSE(told.output.empty()) << told.errors;
  const daemon::Json flow = daemon::Json::parse(told.output.substr(0, told.output.find('\n')));
  EXPECT_EQ(flow.at("source").at("pod"), "app/api");
  EXPECT_EQ(flow.at("destination").at("pod"), "app/web");
  EXPECT_EQ(flow.at("destination_port"), 80);
  EXPECT_EQ(flow.at("verdict"), "allow");
  EXPECT_GT(flow.at("time_ms"), 0);
}

TEST_F(FlowsTest, WhatComesToTheNodeIsJudgedByItsHostEndpoint) {
  apply("node.yaml",
        host_endpoint("node-1-eth0", "eth0") + host_policy("web-only",
                                                           "types: [Ingress], ingress: [{action: Allow, protocol: TCP, "
                                                           "destination: {ports: [8443]}}]"));
  TcpConversation session(lab.outside(), lab.node(), 8443);
  const CommandOutcome told = ask({"flows", "--to-port", "8443"});
  EXPECT_EQ(told.status, 0) << told.errors;
  EXPECT_THAT(told.output, AllOf(HasSubstr("192.0.2.100  192.0.2.1  tcp 8443  allow"),
                                 HasSubstr("ingress: GlobalNetworkPolicy web-only (tier default) rule 1")));
}

}  // namespace
}  // namespace tierwall::lab
