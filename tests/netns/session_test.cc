// A morning of an operator, with the CLI alone: something is denied; why; what would let it through, and whom else that
// would touch; and then it is made. README.md shows this session.

#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "tests/netns/firewall.h"

namespace tierwall::lab {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct SessionTest : FirewallTest {
  SessionTest() { daemon.start(); }

  /// A command on the node, shown as it would look on a terminal.
  CommandOutcome tierwall(const std::vector<std::string>& words) {
    const CommandOutcome outcome = lab.node().network.run([&] { return daemon.ask(words); });
    std::string line = "$ tierwall";
    for (const std::string& word : words) line += word.find(' ') == std::string::npos ? " " + word : " '" + word + "'";
    std::printf("%s\n%s%s", line.c_str(), outcome.output.c_str(), outcome.errors.c_str());
    return outcome;
  }
  std::string first_denial() {
    for (int tries = 0; tries < 100; ++tries) {
      const std::string lines = daemon.ask({"drops", "--to-pod", "app/db"}).output;
      if (!lines.empty()) return lines.substr(0, lines.find('\n'));
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return {};
  }
};

TEST_F(SessionTest, FromADenialToItsCauseToTheFix) {
  const std::string only_web =
      "podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{from: "
      "[{podSelector: {matchLabels: {app: web}}}], ports: [{port: 80}]}]";
  apply("db.yaml", network_policy("db", only_web));
  expect_dropped(probe("app/api", "app/db"));

  const std::string denial = first_denial();
  EXPECT_THAT(denial, HasSubstr("app/api  app/db  tcp 80"));
  const CommandOutcome why = tierwall({"explain", "--line", denial});
  EXPECT_EQ(why.status, 1);
  EXPECT_THAT(why.output, AllOf(HasSubstr("KubernetesNetworkPolicy app/db"), HasSubstr("rule 1 Allow:"),
                                HasSubstr("is not one of the pods of app with app == 'web'")));

  const TemporaryDirectory home;
  const std::string draft = (home.path() / "db.yaml").string();
  std::ofstream(draft) << network_policy("db",
                                         only_web.substr(0, only_web.find("[{podSelector: {matchLabels: {app: web}")) +
                                             "[{podSelector: {matchExpressions: [{key: app, operator: In, values: "
                                             "[web, api]}]}}], ports: [{port: 80}]}]");
  const CommandOutcome difference = tierwall({"diff", "-f", draft});
  EXPECT_EQ(difference.status, 1);
  EXPECT_THAT(difference.output, AllOf(HasSubstr("~ KubernetesNetworkPolicy app/db"), HasSubstr("- ingress 1. Allow"),
                                       HasSubstr("+ ingress 1. Allow")));
  EXPECT_EQ(tierwall({"simulate", "-f", draft}).status, 0) << "nobody loses what he has";
  EXPECT_EQ(tierwall({"explain", "-f", daemon.policy_directory() + "/pods.yaml", "-f", draft, "--line", denial}).status,
            0)
      << "it would pass";

  EXPECT_EQ(tierwall({"apply", "-f", draft, "--confirm", "60s"}).status, 0);
  expect_allowed(probe("app/api", "app/db"));
  EXPECT_EQ(tierwall({"confirm"}).status, 0);
}

}  // namespace
}  // namespace tierwall::lab
