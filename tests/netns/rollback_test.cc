// Applying policy with a way back: confirmed or not, over the death of the daemon and a reboot, back to a generation,
// and with a full disk.

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include <gmock/gmock.h>

#include "tests/netns/firewall.h"

namespace tierwall::lab {
namespace {

using ::testing::HasSubstr;

const std::string kDenyWeb = network_policy("deny", kDenyIngress);

struct ChangesTest : FirewallTest {
  ChangesTest() { daemon.start(); }

  /// Whom a deny of web's ingress cuts off.
  [[nodiscard]] Probe visit() const { return probe("app/api", "app/web"); }
  CommandOutcome apply_deny(std::vector<std::string> more = {}) {
    std::vector<std::string> verb = {"apply", "-f", manifest("deny.yaml", kDenyWeb)};
    verb.insert(verb.end(), more.begin(), more.end());
    return daemon.ask(verb);
  }
  /// A file of the operator's own, outside of the policy directory.
  std::string manifest(const std::string& name, const std::string& text) {
    const std::string path = (own_.path() / name).string();
    std::ofstream(path) << text;
    return path;
  }
  /// A policy that has nothing to do with the change.
  void add_keep() {
    apply("keep.yaml", network_policy("keep", "podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress]"));
  }
  void wait_rolled_back() const {
    daemon.wait_until([](const daemon::StatusReport& report) { return !report.waiting && !report.remarks.empty(); });
  }
  [[nodiscard]] bool is_there(const std::string& name) const {
    return std::filesystem::exists(std::filesystem::path(daemon.policy_directory()) / name);
  }

  TemporaryDirectory own_;
};

void expect_done(const CommandOutcome& outcome) {
  EXPECT_EQ(outcome.status, 0) << outcome.output << outcome.errors;
}

TEST_F(ChangesTest, AppliedAndConfirmedStays) {
  expect_allowed(visit());
  const CommandOutcome applied = apply_deny({"--confirm", "60s"});
  expect_done(applied);
  EXPECT_THAT(applied.output, HasSubstr("created KubernetesNetworkPolicy app/deny"));
  EXPECT_THAT(applied.output, HasSubstr("unless you run: tierwall confirm"));
  expect_dropped(visit());
  EXPECT_EQ(daemon.status().state, daemon::State::InSync);
  EXPECT_THAT(daemon.ask({"status"}).output, HasSubstr("waiting for confirmation"));
  EXPECT_EQ(apply_deny().status, 1) << "while one waits";
  expect_done(daemon.ask({"confirm"}));
  EXPECT_FALSE(daemon.status().waiting);
  expect_dropped(visit());
  EXPECT_THAT(daemon.ask({"history"}).output, HasSubstr("apply by uid 0"));
}

TEST_F(ChangesTest, WithoutAConfirmationTheFormerRulesComeBackOnTime) {
  expect_done(apply_deny({"--confirm", "1s"}));
  expect_dropped(visit());
  wait_rolled_back();
  expect_allowed(visit());
  EXPECT_FALSE(is_there("deny.yaml"));
  EXPECT_THAT(daemon.ask({"status"}).output, HasSubstr("was not confirmed in time and was rolled back at"));
}

TEST_F(ChangesTest, KilledWhileItWaitsAndStartedTooLateTheFormerRulesAreInForce) {
  expect_done(apply_deny({"--confirm", "1s"}));
  daemon.kill();
  expect_dropped(visit());
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // the deadline
  daemon.start();
  expect_allowed(visit());
  EXPECT_THAT(daemon.ask({"status"}).output, HasSubstr("was not confirmed in time"));
}

TEST_F(ChangesTest, KilledWhileItWaitsAndStartedInTimeItIsStillWaiting) {
  expect_done(apply_deny({"--confirm", "60s"}));
  daemon.kill();
  daemon.start();
  expect_dropped(visit());
  ASSERT_TRUE(daemon.status().waiting);
  expect_done(daemon.ask({"rollback"}));
  expect_allowed(visit());
}

TEST_F(ChangesTest, WhatIsRestoredEarlyIsThePolicyFromBefore) {
  add_keep();
  expect_done(apply_deny({"--confirm", "60s"}));
  daemon.kill();
  nft({"flush", "ruleset"});
  EXPECT_EQ(daemon.restore(), 0);  // in the same boot, so that the pods are still known
  expect_all({allowed(visit()), dropped(probe("app/api", "app/db"))});
  daemon.start();
  EXPECT_TRUE(daemon.status().waiting) << "the time is not over";
  expect_dropped(visit());
}

TEST_F(ChangesTest, ARebootWhileItWaitsBringsUpTheFormerPolicy) {
  add_keep();
  expect_done(apply_deny({"--confirm", "1s"}));
  daemon.kill();
  nft({"flush", "ruleset"});
  pretend_reboot();
  EXPECT_EQ(daemon.restore(), 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // the deadline
  daemon.start();
  expect_all({allowed(visit()), dropped(probe("app/api", "app/db"))});
  EXPECT_THAT(daemon.ask({"status"}).output, HasSubstr("was not confirmed in time"));
}

TEST_F(ChangesTest, GoingBackToAGenerationRestoresItsRules) {
  const std::uint64_t before = daemon.generation();
  expect_done(apply_deny());
  expect_done(daemon.ask({"apply", "-f", manifest("all.yaml", network_policy("all", kDenyAll))}));
  expect_dropped(probe("app/web", "app/api"));
  const CommandOutcome back = daemon.ask({"rollback", std::to_string(before)});
  expect_done(back);
  EXPECT_THAT(back.output, HasSubstr("removed KubernetesNetworkPolicy app/all"));
  expect_all({allowed(visit()), allowed(probe("app/web", "app/api"))});
  EXPECT_EQ(daemon.ask({"rollback", "9999"}).status, 1);
}

TEST_F(ChangesTest, WhatIsWrongOrElsewhereIsRefusedAndNothingChanges) {
  EXPECT_EQ(daemon.ask({"apply", "-f", manifest("broken.yaml", "kind: [\n")}).status, 1);
  daemon.write_manifest("own.yaml", kDenyWeb);
  daemon.wait_until([](const daemon::StatusReport& report) { return report.sources.front().files == 2; });
  const CommandOutcome elsewhere = apply_deny();
  EXPECT_EQ(elsewhere.status, 1);
  EXPECT_THAT(elsewhere.errors, HasSubstr("own.yaml:1"));
  EXPECT_FALSE(is_there("deny.yaml"));
  expect_done(apply_deny({"--prune", "own.yaml"}));
  EXPECT_TRUE(is_there("deny.yaml"));
  EXPECT_FALSE(is_there("own.yaml"));
  expect_dropped(visit());
}

TEST_F(ChangesTest, HistoryIsReadWithoutADaemonToo) {
  expect_done(apply_deny());
  daemon.kill();
  const CommandOutcome history = daemon.ask({"history", "--state", daemon.state_file().string()});
  expect_done(history);
  EXPECT_THAT(history.output, HasSubstr("apply by uid 0"));
  EXPECT_EQ(daemon.ask({"confirm"}).status, 3);
}

/// The policy directory on a small disk of its own, mounted before the daemon knows it.
struct FullDiskTest : FirewallTest {
  FullDiskTest() {
    const std::string directory = daemon.policy_directory();
    std::filesystem::create_directory(directory + ".aside");
    std::filesystem::copy(directory, directory + ".aside");
    if (::mount("tmpfs", directory.c_str(), "tmpfs", 0, "size=64k") != 0)
      throw std::runtime_error("cannot mount a small disk");
    std::filesystem::copy(directory + ".aside", directory);
    daemon.start();
  }
  ~FullDiskTest() override { ::umount2(daemon.policy_directory().c_str(), MNT_DETACH); }
  TemporaryDirectory own_;
};

TEST_F(FullDiskTest, ARefusedApplyChangesNothing) {
  const std::string path = (own_.path() / "large.yaml").string();
  std::ofstream(path) << kDenyWeb << "# " << std::string(100'000, 'x') << "\n";
  const std::string before = table();
  const CommandOutcome refused = daemon.ask({"apply", "-f", path, "--confirm", "60s"});
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.errors, HasSubstr("No space left on device"));
  EXPECT_EQ(table(), before);
  EXPECT_FALSE(daemon.status().waiting);
  EXPECT_EQ(daemon.status().state, daemon::State::InSync);
  expect_allowed(probe("app/api", "app/web"));
}

}  // namespace
}  // namespace tierwall::lab
