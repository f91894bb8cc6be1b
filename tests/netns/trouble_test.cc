// Protection while things go wrong: the daemon killed, its table flushed, its files broken.

#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include <gmock/gmock.h>

#include "tests/lab/flows.h"
#include "tests/netns/firewall.h"

namespace tierwall::lab {
namespace {

struct TroubleTest : FirewallTest {
  explicit TroubleTest(const DaemonOptions& options = {}) : FirewallTest(options) {
    daemon.write_manifest("deny.yaml", network_policy("deny", kDenyIngress));
    daemon.start();
  }
  [[nodiscard]] Probe denied() const { return probe("app/api", "app/web"); }
  [[nodiscard]] Probe open() const { return probe("app/web", "app/api"); }
  void expect_protected() const {
    expect_dropped(denied());
    expect_allowed(open());
  }
};

TEST_F(TroubleTest, TheFirstCommitComesBeforeReady) {
  expect_protected();
}

TEST_F(TroubleTest, KillingTheDaemonLeavesTheRules) {
  const std::string before = uncounted_table();
  daemon.kill();
  EXPECT_EQ(uncounted_table(), before);
  expect_protected();
}

TEST_F(TroubleTest, StoppingTheDaemonLeavesTheRules) {
  EXPECT_EQ(daemon.stop(), 0);
  expect_protected();
}

TEST_F(TroubleTest, RestartsHaveNoGap) {
  TcpConversation established(lab.host("app/web"), lab.host("app/api"), 8080);
  const UdpStream stream(lab.host("app/api"), lab.host("app/web"), 9999);
  for (int round = 0; round < 5; ++round) {
    daemon.kill();
    daemon.start();
    EXPECT_TRUE(established.exchange());
  }
  EXPECT_GT(stream.sent(), 20U);
  EXPECT_EQ(stream.arrived(), 0U);
  expect_protected();
}

TEST_F(TroubleTest, ARestartTakesInWhatChangedMeanwhile) {
  daemon.kill();
  daemon.remove_manifest("deny.yaml");
  expect_dropped(denied());
  daemon.start();
  expect_allowed(denied());
}

TEST_F(TroubleTest, ABrokenFileKeepsItsObjectsOverARestart) {
  std::this_thread::sleep_for(std::chrono::milliseconds(500));  // what is remembered is written a moment later
  daemon.write_manifest("deny.yaml", "{half a document");
  daemon.wait_until([](const daemon::StatusReport& report) { return report.state == daemon::State::Degraded; });
  daemon.kill();
  daemon.start();
  expect_protected();
  EXPECT_EQ(daemon.status().state, daemon::State::Degraded);
}

TEST_F(TroubleTest, AStateFileThatIsNoDatabaseCostsNothingButTheMemory) {
  daemon.kill();
  std::ofstream(daemon.state_file(), std::ios::trunc) << "this is not a database, and long enough to be looked at";
  daemon.start();
  expect_protected();
  EXPECT_EQ(daemon.status().state, daemon::State::InSync);
}

TEST_F(TroubleTest, AStateDirectoryThatComesLaterIsUsedWithoutARestart) {
  daemon.kill();
  const std::filesystem::path folder = daemon.state_file().parent_path();
  std::filesystem::remove_all(folder);
  std::ofstream(folder) << "a file where the folder should be";
  daemon.start();
  EXPECT_EQ(daemon.wait_until([](const auto& status) { return !status.degraded.empty(); }).state,
            daemon::State::Degraded);
  expect_protected();
  std::filesystem::remove(folder);
  std::filesystem::create_directory(folder);
  daemon.reload();  // or half a minute
  daemon.wait_until([](const auto& status) { return status.state == daemon::State::InSync; });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // what is remembered is written a moment later

  // It is all there: with a broken manifest nothing else knows the policy.
  daemon.kill();
  daemon.write_manifest("deny.yaml", "{half a document");
  daemon.start();
  expect_protected();
}

TEST_F(TroubleTest, EstablishedConnectionsSurviveADeny) {
  TcpConversation established(lab.host("app/web"), lab.host("app/api"), 8080);
  apply("all.yaml", network_policy("all", kDenyAll));
  expect_dropped(open());
  EXPECT_TRUE(established.exchange());
}

TEST_F(TroubleTest, OneManifestIsOneTransaction) {
  const daemon::StatusReport before = daemon.status();
  const daemon::StatusReport after = apply("all.yaml", network_policy("all", kDenyAll));
  EXPECT_EQ(after.transactions, before.transactions + 1);
  EXPECT_EQ(after.applied->generation, before.applied->generation + 1);
  expect_dropped(open());
}

/// As on kernels before Linux 6.9.
struct TableOfNobodyTest : TroubleTest {
  TableOfNobodyTest() : TroubleTest({.extra_config = "[dataplane]\nown_table = \"never\"\n"}) {}
};

TEST_F(TableOfNobodyTest, WhatAStrangerDoesToTheTableIsPutRightAtOnce) {
  const std::string table = nft({"list", "table", "inet", "tierwall"});
  for (const char* edit : {"flush ruleset", "delete table inet tierwall", "flush chain inet tierwall forward",
                           "add element inet tierwall egress4 { 10.1.0.2 : drop }",
                           "insert rule inet tierwall forward accept", "add chain inet tierwall stranger"}) {
    SCOPED_TRACE(edit);
    const std::uint64_t before = daemon.generation();
    nft({"-f", "-"}, std::string(edit) + "\n");
    daemon.wait_until([&](const daemon::StatusReport& report) { return report.applied->generation > before; });
    EXPECT_EQ(nft({"list", "table", "inet", "tierwall"}), table);
  }
  expect_protected();
  EXPECT_THAT(daemon.log(), ::testing::HasSubstr("process 'nft' (pid "));
}

TEST_F(TableOfNobodyTest, AFlushOpensTheNodeForNoLongerThanTheRepairTakes) {
  const UdpStream stream(lab.host("app/api"), lab.host("app/web"), 9999);
  const std::uint64_t before = daemon.generation();
  constexpr std::uint64_t kFlushes = 5;
  for (std::uint64_t flush = 1; flush <= kFlushes; ++flush) {
    nft({"flush", "ruleset"});
    daemon.wait_until([&](const daemon::StatusReport& report) { return report.applied->generation == before + flush; });
  }
  const auto open_for = stream.longest_opening();
  EXPECT_LT(open_for, std::chrono::seconds(1));
  std::printf("a flush opened the node for at most %.1f ms\n", static_cast<double>(open_for.count()) / 1000);
}

TEST_F(TableOfNobodyTest, AStrangerWhoGoesOnIsAnsweredOnceASecondAndNamed) {
  for (int flush = 0; flush < 15; ++flush) {
    nft({"flush", "ruleset"});
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  daemon.wait_until([](const daemon::StatusReport& report) {
    return report.state == daemon::State::Degraded &&
           report.degraded.front().find("process 'nft'") != std::string::npos &&
           report.degraded.front().find("again and again; it is put right once a second") != std::string::npos;
  });
  daemon.wait_until([](const daemon::StatusReport& report) { return report.state == daemon::State::InSync; });
  expect_protected();
}

TEST_F(TroubleTest, OtherTablesAreNobodysBusiness) {
  const std::uint64_t before = daemon.generation();
  nft({"-f", "-"},
      "table inet other {\n  chain c { type filter hook forward priority 0; }\n}\ndelete table inet other\n");
  apply("all.yaml", network_policy("all", kDenyAll));
  EXPECT_EQ(daemon.generation(), before + 1);
  EXPECT_THAT(daemon.log(), ::testing::Not(::testing::HasSubstr("changed the table")));
}

TEST_F(TroubleTest, AReloadWritesTheTableAnew) {
  const std::uint64_t before = daemon.generation();
  daemon.reload();
  daemon.wait_applied(before);
  expect_protected();
}

TEST_F(TroubleTest, ABrokenFileKeepsItsLastGoodObjects) {
  daemon.write_manifest("deny.yaml", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: [\n");
  const daemon::StatusReport report = daemon.wait_until([](const auto& status) { return !status.problems.empty(); });
  EXPECT_NE(report.problems.front().where.file.find("deny.yaml"), std::string::npos);
  EXPECT_GT(report.problems.front().where.line, 0);
  EXPECT_EQ(report.state, daemon::State::Degraded);
  expect_protected();
  daemon.write_manifest("deny.yaml", network_policy("deny", kDenyIngress));
  daemon.wait_until([](const auto& status) { return status.problems.empty(); });
  expect_protected();
}

TEST_F(TroubleTest, AMisspeltKindTakesNoProtectionAway) {
  std::string text = network_policy("deny", kDenyIngress);
  text.replace(text.find("NetworkPolicy"), 13, "NetworkPolciy");
  daemon.write_manifest("deny.yaml", text);
  const auto report = daemon.wait_until([](const auto& status) { return !status.problems.empty(); });
  EXPECT_EQ(report.state, daemon::State::Degraded);
  expect_protected();
}

TEST_F(TroubleTest, AnInvalidPolicyKeepsItsLastGoodVersion) {
  daemon.write_manifest("deny.yaml", network_policy("deny",
                                                    "podSelector: {matchLabels: {app: web}}, policyTypes: "
                                                    "[Ingress], ingress: [{ports: [{port: 70000}]}]"));
  daemon.wait_until([](const auto& status) { return !status.problems.empty(); });
  expect_protected();
}

TEST_F(TroubleTest, AHalfWrittenFileIsReadAgainWhenComplete) {
  const std::uint64_t before = daemon.generation();
  const std::string text = network_policy("all", kDenyAll);
  std::ofstream file(daemon.policy_directory() + "/all.yaml");
  file << text.substr(0, text.size() / 2) << std::flush;
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  expect_protected();
  file << text.substr(text.size() / 2);
  file.close();
  daemon.wait_applied(before);
  expect_dropped(open());
}

TEST_F(TroubleTest, ADeletedFileTakesItsObjectsAway) {
  remove("deny.yaml");
  expect_allowed(denied());
}

TEST_F(TroubleTest, AReloadReadsEverythingAgainAndHasNoGap) {
  const UdpStream stream(lab.host("app/api"), lab.host("app/web"), 9999);
  const daemon::StatusReport before = daemon.status();
  daemon.reload();
  expect_protected();
  EXPECT_EQ(daemon.status().problems, before.problems);
  EXPECT_GT(stream.sent(), 5U);
  EXPECT_EQ(stream.arrived(), 0U);
}

TEST_F(TroubleTest, ADyingSourceTakesNoProtectionAway) {
  std::filesystem::rename(daemon.policy_directory(), daemon.policy_directory() + ".gone");
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  expect_protected();
  std::filesystem::rename(daemon.policy_directory() + ".gone", daemon.policy_directory());
  daemon.wait_until([](const auto& status) { return status.state == daemon::State::InSync; });
  expect_protected();
}

}  // namespace
}  // namespace tierwall::lab
