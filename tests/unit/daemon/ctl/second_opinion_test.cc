#include "daemon/ctl/second_opinion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/sources/load_world.h"

namespace tierwall::daemon::ctl {
namespace {

class SecondOpinion : public ::testing::Test {
 protected:
  SecondOpinion() : world_(*load_world({TIERWALL_SOURCE_DIR "/tests/golden/cli/world"})) {}

  Connection ask(const std::string& from, const std::string& to, const std::string& port) const {
    FlowWords words;
    words.from = from;
    words.to = to;
    words.dport = port;
    return *judge_.judge(*parse_flow(words));
  }

  LoadedWorld world_;
  ConnectionJudge judge_{world_.inventory.snapshot(), {"node-1", "laptop"}};
  CompiledTables tables_{world_.inventory.snapshot()};
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

TEST_F(SecondOpinion, ComparesPodsOnlyWhereAHostEndpointDenies) {
  const LoadedWorld world = *load_world({TIERWALL_SOURCE_DIR "/tests/golden/cli/hosts"});
  const ConnectionJudge judge(world.inventory.snapshot(), {"node-1", "laptop"});
  CompiledTables tables(world.inventory.snapshot());
  FlowWords words;
  words.from = "pod:shop/web-1";
  words.to = "pod:shop/web-2";
  words.dport = "25";
  Connection connection = *judge.judge(*parse_flow(words));
  ASSERT_EQ(connection.decision.verdict, policy::Verdict::Deny);
  EXPECT_EQ(*tables.find_disagreement(connection), std::nullopt);
  connection.decision.egress->verdict = policy::Verdict::Deny;
  EXPECT_NE(*tables.find_disagreement(connection), std::nullopt);
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
