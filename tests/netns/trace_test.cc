// Real packets followed through the node's rules, told as tiers and policies.

#include <future>
#include <string>

#include <gmock/gmock.h>

#include "tests/netns/firewall.h"
#include "tests/netns/host_manifests.h"

namespace tierwall::lab {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct TraceTest : FirewallTest {
  TraceTest() : FirewallTest({.extra_config = host_config()}) { daemon.start(); }

  /// Traces on the node while this probe is sent again and again.
  CommandOutcome trace(std::vector<std::string> words, const Probe& sent) {
    words.insert(words.begin(), {"trace", "--for", "10s"});
    auto traced =
        std::async(std::launch::async, [&] { return lab.node().network.run([&] { return daemon.ask(words); }); });
    while (traced.wait_for(std::chrono::milliseconds(0)) != std::future_status::ready) run_probe(sent);
    return traced.get();
  }
};

TEST_F(TraceTest, ADeniedPacketIsFollowedToTheRuleThatDeniesIt) {
  apply("web.yaml", network_policy("web", kDenyIngress));
  const CommandOutcome told =
      trace({"--from", "pod:app/api", "--to", "pod:app/web", "--dport", "81"}, unheard("app/api", "app/web", 81));
  EXPECT_EQ(told.status, 1) << told.errors;
  EXPECT_THAT(told.output, AllOf(HasSubstr("app/api -> app/web, tcp 81\n"),
                                 HasSubstr("forward  ask   ingress policy of this node's pods (in by "),
                                 HasSubstr("forward  deny  tier default: no rule matched"),
                                 HasSubstr("=> denied by tier default: no rule matched")));
  EXPECT_THAT(nft({"list", "tables"}), ::testing::Not(HasSubstr("tierwall-trace"))) << "nothing is left";
}

TEST_F(TraceTest, WhatAnotherTableDropsIsSaidToBeItsDoing) {
  nft({"-f", "-"}, "table inet games { chain c { type filter hook forward priority 100; tcp dport 81 drop; }; }");
  const CommandOutcome told =
      trace({"--to", "pod:app/web", "--dport", "81", "-o", "json"}, unheard("app/api", "app/web", 81));
  EXPECT_EQ(told.status, 1) << told.errors;
  const daemon::Json packet = daemon::Json::parse(told.output).at("packets").at(0);
  EXPECT_EQ(packet.at("source").at("pod"), "app/api");
  EXPECT_EQ(packet.at("verdict"), "deny");
  EXPECT_THAT(packet.at("by").get<std::string>(), HasSubstr("inet games c, which is not Tierwall's"));
}

TEST_F(TraceTest, WhatIsAllowedGoesThrough) {
  const CommandOutcome told =
      trace({"--from", "pod:app/api", "--proto", "udp", "--dport", "80", "--family", "6", "-n", "2"},
            probe("app/api", "app/web", policy::kUdp, 80, policy::Family::V6));
  EXPECT_EQ(told.status, 0) << told.errors;
  EXPECT_THAT(told.output, AllOf(HasSubstr("app/api -> app/web, udp 80\n"),
                                 HasSubstr("=> through: no chain that was asked denies it")));
}

}  // namespace
}  // namespace tierwall::lab
