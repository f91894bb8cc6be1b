// What the kernel denies is told to the operator with the policy that denied it.

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "daemon/config.h"
#include "daemon/control/drop_list.h"
#include "tests/lab/flows.h"
#include "tests/netns/firewall.h"

namespace tierwall::lab {
namespace {

using daemon::LoggedDrop;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct DropsTest : FirewallTest {
  DropsTest() { daemon.start(); }

  /// What `tierwall drops` says once it says anything; the kernel collects packets for a tenth of a second.
  [[nodiscard]] std::vector<LoggedDrop> drops(const std::vector<std::string>& filter = {}) const {
    std::vector<std::string> verb = {"drops", "-o", "json"};
    verb.insert(verb.end(), filter.begin(), filter.end());
    for (int i = 0; i < 50; ++i) {
      const CommandOutcome answer = daemon.ask(verb);
      EXPECT_EQ(answer.status, 0) << answer.errors;
      const auto page = daemon::drop_page_from_json(daemon::Json::parse(answer.output));
      if (page && !page->drops.empty()) return page->drops;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return {};
  }
};

TEST_F(DropsTest, ADropIsToldWithItsPodsAndItsPolicy) {
  apply("deny.yaml", network_policy("deny", kDenyIngress));
  expect_all({dropped(probe("app/api", "app/web", policy::kTcp, 80, policy::Family::V6)),
              allowed(probe("app/web", "app/api"))});
  const std::vector<LoggedDrop> told = drops({"--to-pod", "app/web"});
  ASSERT_FALSE(told.empty());
  const daemon::Drop& drop = told.front().drop;
  EXPECT_EQ(drop.source.pod, "app/api");
  EXPECT_EQ(drop.destination, (daemon::DropEnd{"fd00:1::1", "app/web"}));
  EXPECT_EQ(drop.protocol, "tcp");
  EXPECT_EQ(drop.destination_port, 80);
  EXPECT_EQ(drop.by, "tier-default");
  EXPECT_EQ(drop.direction, "ingress");
  EXPECT_THAT(daemon.ask({"drops", "--to-pod", "app/api"}).output, IsEmpty());
  EXPECT_THAT(daemon.ask({"drops"}).output, HasSubstr("app/api  app/web  tcp 80"));
}

TEST_F(DropsTest, WhatWasDeniedIsRememberedOverARestartAndToldWithoutADaemon) {
  apply("deny.yaml", network_policy("deny", kDenyIngress));
  expect_dropped(probe("app/api", "app/web"));
  const std::vector<LoggedDrop> told = drops();
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(daemon.stop(), 0);
  const CommandOutcome offline = daemon.ask({"drops", "--state", daemon.state_file().string()});
  EXPECT_EQ(offline.status, 0) << offline.errors;
  EXPECT_THAT(offline.output, HasSubstr("app/api  app/web  tcp 80"));
  daemon.start();
  EXPECT_EQ(drops().front(), told.front());
}

TEST_F(DropsTest, ADenialIsInTheNextScrape) {
  daemon.configure({.extra_config = "[metrics]\nlisten = \"127.0.0.1:9098\"\n"});
  daemon.reload();
  apply("deny.yaml", network_policy("deny", kDenyIngress));
  expect_dropped(probe("app/api", "app/web"));
  const std::string scrape = run_on_node(
      {"bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9098; printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"});
  EXPECT_THAT(scrape, HasSubstr("tierwall_in_sync 1\n"));
  EXPECT_THAT(scrape, ::testing::ContainsRegex("tierwall_policy_packets_total.direction=.ingress.,action=.Deny.,tier="
                                               ".default.,kind=..,namespace=..,policy=... [1-9]"));
  daemon.configure({});
  daemon.reload();
  EXPECT_NE(lab.node()
                .network.run([] {
                          return run_command({.argv = {"bash", "-c", ": </dev/tcp/127.0.0.1/9098"}});
                        })
                .status,
            0);
}

TEST_F(DropsTest, AFloodIsSampledAndTheDaemonAnswers) {
  apply("deny.yaml", network_policy("deny", kDenyIngress));
  const UdpStream flood(lab.host("app/api"), lab.host("app/web"), 9000);
  const auto started = std::chrono::steady_clock::now();
  while (flood.sent() < 800) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  std::uint64_t told = 0;
  for (const LoggedDrop& entry : drops({"--to-port", "9000", "--last", "1000"})) told += entry.packets;
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - started;
  EXPECT_GT(told, 0U);
  EXPECT_LE(static_cast<double>(told), 200 + 100 * (seconds.count() + 1)) << "of " << flood.sent();
  EXPECT_EQ(daemon.status().state, daemon::State::InSync);
}

TEST_F(DropsTest, AnotherListenerOfTheGroupIsToldOfAndNothingIsLost) {
  EXPECT_EQ(daemon.stop(), 0);
  const auto other =
      lab.node().network.run([] { return daemon::NetlinkDeniedPackets::open(daemon::kDefaultDropsGroup); });
  ASSERT_TRUE(other) << other.error().message;
  daemon.start();
  apply("deny.yaml", network_policy("deny", kDenyIngress));
  expect_dropped(probe("app/api", "app/web"));
  EXPECT_THAT(daemon.ask({"drops"}).errors, HasSubstr("cannot listen to denied packets"));
}

}  // namespace
}  // namespace tierwall::lab
