// What the rules see is counted in policy terms, and outlives whatever happens to the table and the daemon.

#include <string>
#include <vector>

#include "daemon/control/hit_list.h"
#include "tests/netns/firewall.h"

namespace tierwall::lab {
namespace {

using daemon::HitRow;

constexpr const char* kAllow = "ingress/default/KubernetesNetworkPolicy/app/allow/1";
constexpr const char* kRest = "ingress/default/END-Deny";

class CountersTest : public FirewallTest {
 protected:
  CountersTest() {
    daemon.start();
    apply("allow.yaml", network_policy("allow",
                                       "podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], "
                                       "ingress: [{from: [{podSelector: {matchLabels: {app: api}}}]}]"));
  }
  /// So many packets this counter saw in all, as `tierwall top` tells.
  [[nodiscard]] std::uint64_t packets(const std::string& counter) const {
    const CommandOutcome answer = daemon.ask({"top", "-o", "json"});
    EXPECT_EQ(answer.status, 0) << answer.errors;
    const auto rows = daemon::hits_from_json(daemon::Json::parse(answer.output).at("hits"));
    for (const HitRow& row : rows ? *rows : std::vector<HitRow>()) {
      if (row.counter == counter) return row.packets;
    }
    ADD_FAILURE() << "no counter " << counter;
    return 0;
  }
  void send_one_of_each() const {
    expect_all({allowed(probe("app/api", "app/web")), dropped(probe("app/db", "app/web"))});
  }
  /// Everything sent so far was counted, once: both counters grew since `before` by at least one packet.
  void expect_counted(std::uint64_t& allow, std::uint64_t& rest) const {
    const std::uint64_t allow_now = packets(kAllow);
    const std::uint64_t rest_now = packets(kRest);
    EXPECT_GT(allow_now, allow);
    EXPECT_GT(rest_now, rest);
    allow = allow_now;
    rest = rest_now;
  }
};

TEST_F(CountersTest, SayWhichRuleAPacketMet) {
  EXPECT_EQ(packets(kAllow), 0u);
  EXPECT_EQ(packets(kRest), 0u);
  expect_allowed(probe("app/api", "app/web"));
  EXPECT_GE(packets(kAllow), 1u);
  EXPECT_EQ(packets(kRest), 0u);
  expect_dropped(probe("app/db", "app/web"));
  EXPECT_GE(packets(kRest), 1u);
}

TEST_F(CountersTest, OutliveAChangeARewriteARestartAndAKill) {
  std::uint64_t allow = 0;
  std::uint64_t rest = 0;
  send_one_of_each();
  apply("more.yaml", network_policy("more", "podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress]"));
  send_one_of_each();
  daemon.reload();  // writes the whole table
  expect_counted(allow, rest);
  send_one_of_each();
  EXPECT_EQ(daemon.stop(), 0);
  send_one_of_each();  // the kernel counts alone
  daemon.start();
  expect_counted(allow, rest);
  send_one_of_each();
  daemon.kill();
  daemon.start();
  expect_counted(allow, rest);
}

TEST_F(CountersTest, OutliveThePodThatWasTheLastWithThePolicy) {
  std::uint64_t allow = 0;
  std::uint64_t rest = 0;
  send_one_of_each();
  expect_counted(allow, rest);
  const std::string policy =
      network_policy("allow", "podSelector: {matchLabels: {app: nobody}}, policyTypes: [Ingress]");
  const std::string former = network_policy("allow",
                                            "podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], "
                                            "ingress: [{from: [{podSelector: {matchLabels: {app: api}}}]}]");
  apply("allow.yaml", policy);
  apply("allow.yaml", former);
  EXPECT_GE(packets(kAllow), allow);
  EXPECT_GE(packets(kRest), rest);
}

}  // namespace
}  // namespace tierwall::lab
