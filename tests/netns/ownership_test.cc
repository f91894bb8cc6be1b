// Whose the table is: strangers, a second daemon, and what stays when the daemon is gone.

#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>

#include <gmock/gmock.h>

#include "tests/lab/flows.h"
#include "tests/netns/firewall.h"

namespace tierwall::lab {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const DaemonOptions kNobodys{.extra_config = "[dataplane]\nown_table = \"never\"\n"};

/// Pod web is closed, and a stream to it runs all the time: none of it may ever arrive.
struct OwnershipTest : FirewallTest {
  OwnershipTest() { daemon.write_manifest("deny.yaml", network_policy("deny", kDenyIngress)); }

  void start() {
    daemon.start();
    send_to_web();
  }
  void send_to_web() { stream = std::make_unique<UdpStream>(lab.host("app/api"), lab.host("app/web"), 9999); }
  /// Skips the test where the kernel has no owners.
  [[nodiscard]] bool is_ours() const { return daemon.status().ownership.starts_with("ours"); }
  void expect_no_gap() const {
    EXPECT_GT(stream->sent(), 5U);
    EXPECT_EQ(stream->arrived(), 0U);
  }
  [[nodiscard]] CommandOutcome try_nft(const std::string& commands) const {
    return run_command({.argv = {"nft", "-f", "-"}, .inside = &lab.node().network}, commands + "\n");
  }

  std::unique_ptr<UdpStream> stream;
};

TEST_F(OwnershipTest, AStrangerCanNeitherFlushNorEditIt) {
  start();
  if (!is_ours()) GTEST_SKIP() << daemon.status().ownership;
  const std::string before = uncounted_table();
  nft({"-f", "-"}, "table inet other {\n}\n");
  nft({"flush", "ruleset"});
  EXPECT_EQ(nft({"list", "tables"}), "table inet tierwall\n");
  for (const char* edit :
       {"delete table inet tierwall", "flush chain inet tierwall forward", "insert rule inet tierwall forward accept",
        "add chain inet tierwall stranger", "add element inet tierwall egress4 { 10.1.0.2 : drop }"}) {
    const CommandOutcome refused = try_nft(edit);
    EXPECT_EQ(refused.status, 1) << edit;
    EXPECT_THAT(refused.errors, HasSubstr("Operation not permitted"));
  }
  EXPECT_EQ(uncounted_table(), before);
  EXPECT_THAT(daemon.log(), ::testing::Not(HasSubstr("changed the table")));
  apply("all.yaml", network_policy("all", kDenyAll));
  expect_no_gap();
}

TEST_F(OwnershipTest, ItOutlivesTheDaemonAndTheNextOneTakesItWithoutAGap) {
  start();
  if (!is_ours()) GTEST_SKIP() << daemon.status().ownership;
  for (int round = 0; round < 3; ++round) {
    daemon.kill();
    EXPECT_THAT(nft({"list", "table", "inet", "tierwall"}), HasSubstr("chain forward"));
    daemon.start();
    EXPECT_TRUE(is_ours());
    EXPECT_EQ(try_nft("delete table inet tierwall").status, 1);
  }
  expect_no_gap();
  daemon.stop();
  EXPECT_EQ(try_nft("delete table inet tierwall").status, 0) << "to take Tierwall off a node";
}

TEST_F(OwnershipTest, TheConfigurationGivesItAwayAndTakesItBackWithoutAGap) {
  start();
  if (!is_ours()) GTEST_SKIP() << daemon.status().ownership;
  const std::string before = uncounted_table();
  daemon.configure(kNobodys);
  std::uint64_t generation = daemon.generation();
  daemon.reload();
  EXPECT_EQ(daemon.wait_applied(generation).ownership, "nobody's: dataplane.own_table = \"never\"");
  EXPECT_EQ(nft({"--stateless", "list", "table", "inet", "tierwall"}), before) << "no trace of an owner";
  EXPECT_THAT(daemon.ask({"status"}).output, HasSubstr("nobody's: dataplane.own_table"));
  daemon.configure({});
  generation = daemon.generation();
  daemon.reload();
  EXPECT_THAT(daemon.wait_applied(generation).ownership, StartsWith("ours"));

  daemon.kill();
  daemon.configure(kNobodys);
  daemon.start();
  EXPECT_THAT(daemon.status().ownership, StartsWith("nobody's"));
  expect_no_gap();
}

TEST_F(OwnershipTest, WhatWasRestoredEarlyIsTakenOverWithoutAGap) {
  daemon.start();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));  // what is remembered is written a moment later
  daemon.stop();
  nft({"flush", "ruleset"});
  EXPECT_EQ(daemon.restore(), 0);
  EXPECT_THAT(nft({"list", "table", "inet", "tierwall"}), ::testing::Not(HasSubstr("flags")))
      << "nft lists it cleanly; an owner that is gone would be of no use";
  send_to_web();
  daemon.start();
  expect_no_gap();
}

struct SecondDaemonTest : OwnershipTest, ::testing::WithParamInterface<const char*> {};

TEST_P(SecondDaemonTest, RefusesAndLeavesTheFirstOneAlone) {
  const DaemonOptions options{.extra_config = std::string("[dataplane]\nown_table = \"") + GetParam() + "\"\n"};
  daemon.configure(options);
  start();
  const daemon::StatusReport before = daemon.status();
  Daemon second(lab.node(), {.tierwalld = TIERWALL_DAEMON_PATH, .tierwall = TIERWALL_CLI_PATH}, options);
  EXPECT_THROW(second.start(), std::runtime_error);
  EXPECT_EQ(second.restore(), 1) << "it would forget the pods";
  EXPECT_THAT(second.log(), StartsWith("tierwalld: another tierwalld (pid "));
  EXPECT_EQ(daemon.status().transactions, before.transactions);
  EXPECT_EQ(daemon.status().state, daemon::State::InSync);
  daemon.kill();
  second.write_manifest("deny.yaml", "# nothing\n");
  EXPECT_NO_THROW(second.start()) << "the lock went with its holder";
}

INSTANTIATE_TEST_SUITE_P(OwnTable, SecondDaemonTest, ::testing::Values("auto", "never"));

/// Policies come and go while the daemon is killed at moments nobody chose. Pod web is closed by each of them.
struct KilledAnywhereTest : OwnershipTest, ::testing::WithParamInterface<const char*> {
  static constexpr int kKills = 15;
};

TEST_P(KilledAnywhereTest, NoGapOpens) {
  daemon.configure({.extra_config = std::string("[dataplane]\nown_table = \"") + GetParam() + "\"\n"});
  start();
  std::mt19937 random(20);
  for (int kill = 0; kill < kKills; ++kill) {
    std::jthread policies([this, kill](const std::stop_token& stop) {
      for (int i = 0; !stop.stop_requested(); ++i) {
        // Together they are never fewer than one that closes web.
        daemon.write_manifest(
            i % 2 == 0 ? "all.yaml" : "deny.yaml",
            network_policy(i % 2 == 0 ? "all" : "deny", (i + kill) % 4 < 2 ? kDenyAll : kDenyIngress));
        std::this_thread::sleep_for(std::chrono::milliseconds(3));
      }
    });
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 60'000));
    daemon.kill();
    policies.request_stop();
    policies.join();
    daemon.start();
  }
  expect_no_gap();
  daemon.wait_until([](const auto& status) { return status.state == daemon::State::InSync; });
  expect_dropped(probe("app/api", "app/web"));
}

INSTANTIATE_TEST_SUITE_P(OwnTable, KilledAnywhereTest, ::testing::Values("auto", "never"));

}  // namespace
}  // namespace tierwall::lab
