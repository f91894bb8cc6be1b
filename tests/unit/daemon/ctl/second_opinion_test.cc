#include "daemon/ctl/second_opinion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/sources/load_world.h"

namespace tierwall::daemon::ctl {
namespace {

FlowText flow_text(const std::string& from, const std::string& to, const std::string& port) {
  FlowWords words;
  words.from = from;
  words.to = to;
  words.dport = port;
  return *parse_flow(words);
}

class SecondOpinion : public ::testing::Test {
 protected:
  SecondOpinion() : world_(*load_world({TIERWALL_SOURCE_DIR "/tests/golden/cli/world"})) {}

  Connection ask(const std::string& from, const std::string& to, const std::string& port) const {
    return *judge_.judge(flow_text(from, to, port));
  }

  LoadedWorld world_;
  ConnectionJudge judge_{world_.inventory.snapshot(), {"node-1", "laptop"}};
  CompiledTables tables_{world_.inventory.snapshot(), JudgeOptions()};
};

TEST_F(SecondOpinion, AgreesOnEveryFlowOfTheWorld) {
  const std::vector<std::string> ends = {"pod:shop/frontend-1",
                                         "pod:shop/frontend-2",
                                         "pod:shop/backend-1",
                                         "pod:shop/database-1",
                                         "pod:ops/agent",
                                         "ip:203.0.113.1",
                                         "ip:198.51.100.1",
                                         "host",
                                         "host:eth0"};
  for (const std::string& from : ends) {
    for (const std::string& to : ends) {
      for (const char* port : {"80", "8080", "3306"}) {
        const auto disagreement = tables_.find_disagreement(ask(from, to, port));
        ASSERT_TRUE(disagreement) << disagreement.error().message;
        EXPECT_EQ(*disagreement, std::nullopt) << from << " -> " << to << " " << port;
      }
    }
  }
}

/// A world of host endpoints: named interfaces and all of them, untracked, preDNAT and forward policy, failsafes.
class SecondOpinionOfHosts : public ::testing::Test {
 protected:
  Connection ask(const std::string& from, const std::string& to, const std::string& port) const {
    return *judge_.judge(flow_text(from, to, port));
  }

  LoadedWorld world_ = *load_world({TIERWALL_SOURCE_DIR "/tests/golden/cli/hosts"});
  ConnectionJudge judge_{world_.inventory.snapshot(), {"node-1", "laptop"}};
  CompiledTables tables_{world_.inventory.snapshot(), JudgeOptions()};
};

TEST_F(SecondOpinionOfHosts, AgreesOnEveryFlowOfTheWorld) {
  const std::vector<std::string> ends = {"pod:shop/web-1",       "pod:shop/web-2", "ip:203.0.113.1",
                                         "ip:192.0.2.1",         "host",           "host:eth0:192.0.2.99",
                                         "host:eth1:203.0.113.9"};
  std::size_t denied = 0;
  for (const std::string& from : ends) {
    for (const std::string& to : ends) {
      for (const char* port : {"22", "25", "80", "443", "6443", "30080"}) {
        const auto connection = judge_.judge(flow_text(from, to, port));
        if (!connection) continue;  // no such flow: from outside to outside
        denied += connection->decision.verdict == policy::Verdict::Deny ? 1 : 0;
        const auto disagreement = tables_.find_disagreement(*connection);
        ASSERT_TRUE(disagreement) << disagreement.error().message;
        EXPECT_EQ(*disagreement, std::nullopt) << from << " -> " << to << " " << port;
      }
    }
  }
  EXPECT_GT(denied, 10U);
}

TEST_F(SecondOpinionOfHosts, TellsWhichHostEndpointIsContradicted) {
  Connection connection = ask("pod:shop/web-1", "pod:shop/web-2", "25");
  ASSERT_EQ(connection.decision.verdict, policy::Verdict::Deny);
  ASSERT_FALSE(connection.crossing.empty());
  for (HostAnswer& answer : connection.crossing) answer.decision.verdict = policy::Verdict::Allow;
  const auto disagreement = tables_.find_disagreement(connection);
  ASSERT_TRUE(disagreement);
  ASSERT_TRUE(*disagreement);
  EXPECT_THAT(**disagreement, ::testing::HasSubstr("the evaluator says allow, the compiled table drops the packet"));
}

TEST_F(SecondOpinion, TellsWhichNodeContradicts) {
  Connection connection = ask("pod:shop/frontend-1", "pod:shop/backend-1", "8080");
  connection.decision.ingress->verdict = policy::Verdict::Deny;
  const auto disagreement = tables_.find_disagreement(connection);
  ASSERT_TRUE(disagreement);
  ASSERT_TRUE(*disagreement);
  EXPECT_THAT(**disagreement,
              ::testing::HasSubstr("node 'node-2': the evaluator says deny, the compiled table accepts the packet"));
}

TEST_F(SecondOpinion, TellsOfAPacketThatIsDroppedOnItsWayToTheHost) {
  Connection connection = ask("pod:shop/database-1", "host", "22");
  ASSERT_TRUE(connection.to_own_host);
  ASSERT_EQ(connection.decision.egress->verdict, policy::Verdict::Deny);
  connection.decision.egress->verdict = policy::Verdict::Allow;
  const auto disagreement = tables_.find_disagreement(connection);
  ASSERT_TRUE(disagreement);
  ASSERT_TRUE(*disagreement);
  EXPECT_THAT(**disagreement, ::testing::HasSubstr("drops the packet"));
}

}  // namespace
}  // namespace tierwall::daemon::ctl
