// What a change would do is told before it is made, and what it did afterwards.

#include <fstream>
#include <string>

#include <gmock/gmock.h>

#include "tests/lab/flows.h"
#include "tests/netns/firewall.h"
#include "tests/netns/host_manifests.h"

namespace tierwall::lab {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct PreviewTest : FirewallTest {
  PreviewTest() : FirewallTest({.extra_config = host_config()}) { daemon.start(); }

  /// A manifest beside the policy directory: nothing of it is in force.
  std::string draft(const std::string& name, const std::string& text) const {
    const std::string path = (directory.path() / name).string();
    std::ofstream(path) << text;
    return path;
  }

  /// On the node, where the kernel's connections are.
  CommandOutcome simulate(std::vector<std::string> words) {
    words.insert(words.begin(), "simulate");
    return lab.node().network.run([&] { return daemon.ask(words); });
  }

  TemporaryDirectory directory;
};

TEST_F(PreviewTest, ConnectionsThatAChangeWouldCutAreNamedBeforeItIsMade) {
  TcpConversation to_web(lab.host("app/api"), lab.host("app/web"), 8080);
  TcpConversation to_db(lab.host("app/api"), lab.host("app/db"), 8080);
  const std::string closed = draft("web.yaml", network_policy("web", kDenyIngress));
  const CommandOutcome answer = simulate({"-f", closed});
  EXPECT_EQ(answer.status, 1) << answer.errors;
  EXPECT_THAT(answer.output, AllOf(HasSubstr("cut"), HasSubstr("(pod app/api) to"), HasSubstr(":8080 (pod app/web)"),
                                   HasSubstr("by the end of tier default, ingress"), Not(HasSubstr("app/db"))));
  EXPECT_TRUE(to_web.reaches_server()) << "nothing is in force yet";

  const CommandOutcome difference = daemon.ask({"diff", "-f", closed});
  EXPECT_EQ(difference.status, 1);
  EXPECT_THAT(difference.output,
              AllOf(HasSubstr("+ KubernetesNetworkPolicy app/web"), HasSubstr("+ selects pod app/web")));

  const std::string open =
      draft("open.yaml", network_policy("web", "podSelector: {}, policyTypes: [Ingress], ingress: [{}]"));
  EXPECT_EQ(simulate({"-f", open}).status, 0);
}

TEST_F(PreviewTest, AConnectionThatIsDeniedNowAndWouldBeOpenIsNamedToo) {
  TcpConversation to_web(lab.host("app/api"), lab.host("app/web"), 8080);
  apply("web.yaml", network_policy("web", kDenyIngress));
  const CommandOutcome answer = simulate({"--prune", "web.yaml"});
  EXPECT_EQ(answer.status, 0) << answer.errors;
  EXPECT_THAT(answer.output, AllOf(HasSubstr("opened"), HasSubstr("so far denied by the end of tier default")));
}

TEST_F(PreviewTest, ASocketOfTheNodeThatWouldBeClosedIsNamed) {
  TcpConversation session(lab.outside(), lab.node(), 8443);
  const std::string closed =
      draft("node.yaml", host_endpoint("node-1-eth0", "eth0") + host_policy("ping-only",
                                                                            "types: [Ingress], ingress: [{action: "
                                                                            "Allow, protocol: ICMP}]"));
  const CommandOutcome answer = simulate({"-f", closed});
  EXPECT_EQ(answer.status, 1) << answer.errors;
  EXPECT_THAT(answer.output,
              AllOf(HasSubstr("closed"), HasSubstr(":8443 (preview_test)"), HasSubstr("anybody else by eth0")));
}

TEST_F(PreviewTest, TwoGenerationsAreCompared) {
  const auto make = [&](const std::string& spec) {
    const CommandOutcome made = daemon.ask({"apply", "-f", draft("web.yaml", network_policy("web", spec))});
    EXPECT_EQ(made.status, 0) << made.errors;
    return daemon.generation();
  };
  const auto compare = [&](std::uint64_t from, std::uint64_t to) {
    return daemon.ask({"diff", std::to_string(from), std::to_string(to), "--config", daemon.config_file(), "--state",
                       daemon.state_file().string()});
  };
  const std::uint64_t closed = make(kDenyIngress);
  const std::uint64_t open =
      make("podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], ingress: [{ports: [{port: 80}]}]");
  const CommandOutcome opened = compare(closed, open);
  EXPECT_EQ(opened.status, 1) << opened.errors;
  EXPECT_EQ(opened.output, "~ KubernetesNetworkPolicy app/web\n    + ingress 1. Allow tcp to port 80\n");
  EXPECT_THAT(compare(open, closed).output, HasSubstr("- ingress 1. Allow tcp to port 80"));
  EXPECT_EQ(compare(closed, closed).status, 0);
  const CommandOutcome unknown = compare(closed, 9999);
  EXPECT_EQ(unknown.status, 2);
  EXPECT_THAT(unknown.errors, HasSubstr("generation 9999 is yet to come"));
  EXPECT_EQ(daemon.stop(), 0);
  EXPECT_EQ(compare(closed, open).output, opened.output) << "the state file knows";
}

}  // namespace
}  // namespace tierwall::lab
