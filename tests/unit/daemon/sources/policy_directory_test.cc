#include "daemon/sources/policy_directory.h"

#include <gtest/gtest.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "policy/inventory.h"
#include "tests/unit/daemon/sources/scratch_directory.h"

namespace tierwall::daemon {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

std::string tier_document(const std::string& name, int order) {
  return fmt::format("---\napiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {{name: {}}}\nspec: {{order: {}}}\n",
                     name, order);
}

/// A directory source on a real loop, whose events an inventory takes.
class PolicyDirectoryTest : public testing::Test {
 protected:
  PolicyDirectoryTest() : policies_(scratch_.path() / "policy.d") { fs::create_directory(policies_); }

  void open(const std::string& path) {
    directory_ = std::make_unique<PolicyDirectory>(loop_, path, [this](auto events) {
      ++steps_;
      for (const policy::ResourceEvent& event : events) inventory_.apply(event);
    });
  }
  Result<void> start() {
    open(policies_.string());
    return directory_->start();
  }
  void write(const std::string& name, const std::string& text) { std::ofstream(policies_ / name) << text; }

  /// Runs the loop until the condition holds; false after three seconds.
  bool wait_until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 3s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      turn(10ms);
    }
    return true;
  }
  /// Lets everything that happens in this time be served.
  void turn(std::chrono::milliseconds duration) {
    const auto deadline = std::chrono::steady_clock::now() + duration;
    for (;;) {
      const auto left =
          std::chrono::duration_cast<std::chrono::microseconds>(deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0) return;
      ASSERT_GE(sd_event_run(loop_.raw(), static_cast<std::uint64_t>(left.count())), 0);
    }
  }
  /// "a=1 b=2": the tiers in force.
  [[nodiscard]] std::string tiers() const {
    std::string text;
    for (const auto& [name, tier] : inventory_.snapshot().tiers)
      text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, tier.order.value_or(-1));
    return text;
  }
  bool wait_for(const std::string& expected) {
    return wait_until([&] { return tiers() == expected; });
  }

  ScratchDirectory scratch_;
  fs::path policies_;
  policy::Inventory inventory_;
  int steps_ = 0;
  systemd::EventLoop loop_;
  std::unique_ptr<PolicyDirectory> directory_;
};

TEST_F(PolicyDirectoryTest, ReadsAtStartInOneStep) {
  write("a.yaml", tier_document("a", 1) + tier_document("b", 2));
  write("c.json", R"({"apiVersion":"projectcalico.org/v3","kind":"Tier","metadata":{"name":"c"},"spec":{"order":3}})");
  write("notes.txt", "not a manifest");
  ASSERT_TRUE(start());
  EXPECT_EQ(tiers(), "a=1 b=2 c=3");
  EXPECT_EQ(steps_, 1);
  EXPECT_EQ(directory_->file_count(), 2u);
  EXPECT_EQ(directory_->object_count(), 3u);
  EXPECT_FALSE(directory_->failure());
  EXPECT_GT(directory_->last_read().time_since_epoch().count(), 0);
}

TEST_F(PolicyDirectoryTest, FollowsWritesRenamesAndDeletions) {
  ASSERT_TRUE(start());
  write("a.yaml", tier_document("a", 1));
  EXPECT_TRUE(wait_for("a=1"));
  write(".a.tmp", tier_document("a", 2));
  turn(20ms);
  EXPECT_EQ(tiers(), "a=1");
  fs::rename(policies_ / ".a.tmp", policies_ / "a.yaml");
  EXPECT_TRUE(wait_for("a=2"));
  fs::rename(policies_ / "a.yaml", policies_ / "b.yaml");
  turn(50ms);
  EXPECT_EQ(tiers(), "a=2");
  EXPECT_EQ(directory_->file_count(), 1u);
  fs::rename(policies_ / "b.yaml", policies_ / "b.yaml.off");
  EXPECT_TRUE(wait_for(""));
  fs::rename(policies_ / "b.yaml.off", policies_ / "b.yaml");
  EXPECT_TRUE(wait_for("a=2"));
  fs::remove(policies_ / "b.yaml");
  EXPECT_TRUE(wait_for(""));
}

TEST_F(PolicyDirectoryTest, SlashAtTheEndOfThePathMakesNoOtherFiles) {
  write("a.yaml", tier_document("a", 1));
  open(policies_.string() + "/");
  ASSERT_TRUE(directory_->start());
  write("a.yaml", tier_document("a", 2));
  EXPECT_TRUE(wait_for("a=2"));
  EXPECT_EQ(directory_->file_count(), 1u);
  EXPECT_TRUE(inventory_.problems().empty());
}

TEST_F(PolicyDirectoryTest, SlowWriterIsReadWhenItIsDone) {
  write("a.yaml", tier_document("a", 1));
  ASSERT_TRUE(start());
  std::ofstream slow(policies_ / "a.yaml");
  slow << "---\napiVersion: projectcalico.org/v3\nkind: Tier\nmeta" << std::flush;
  turn(50ms);
  EXPECT_EQ(tiers(), "a=1");
  EXPECT_TRUE(directory_->problems().empty());
  slow << "data: {name: a}\nspec: {order: 2}\n";
  slow.close();
  EXPECT_TRUE(wait_for("a=2"));
}

TEST_F(PolicyDirectoryTest, HalfWrittenFileAtStartIsReadAgainWhenClosed) {
  std::ofstream slow(policies_ / "a.yaml");
  slow << "apiVersion: projectcalico.org/v3\nkind: Ti" << std::flush;
  ASSERT_TRUE(start());
  EXPECT_EQ(tiers(), "");
  EXPECT_FALSE(directory_->problems().empty());
  slow << "er\nmetadata: {name: a}\nspec: {order: 1}\n";
  slow.close();
  EXPECT_TRUE(wait_for("a=1"));
  EXPECT_TRUE(directory_->problems().empty());
}

TEST_F(PolicyDirectoryTest, BrokenFileKeepsItsObjectsAndSaysSo) {
  write("a.yaml", tier_document("a", 1));
  ASSERT_TRUE(start());
  write("a.yaml", "{");
  EXPECT_TRUE(wait_until([&] { return directory_->problems().size() == 1; }));
  EXPECT_EQ(tiers(), "a=1");
  write("a.yaml", tier_document("a", 2));
  EXPECT_TRUE(wait_for("a=2"));
  EXPECT_TRUE(directory_->problems().empty());
}

TEST_F(PolicyDirectoryTest, UnreadableFileKeepsItsObjectsAndSaysSo) {
  write("target", tier_document("a", 1));
  fs::create_symlink("target", policies_ / "a.yaml");
  ASSERT_TRUE(start());
  EXPECT_EQ(tiers(), "a=1");
  fs::remove(policies_ / "target");
  directory_->rescan();
  EXPECT_EQ(tiers(), "a=1");
  ASSERT_EQ(directory_->problems().size(), 1u);
  EXPECT_EQ(directory_->problems()[0].message,
            "cannot be read: No such file or directory; objects it gave before stay in force");
  fs::remove(policies_ / "a.yaml");
  EXPECT_TRUE(wait_for(""));
  EXPECT_TRUE(directory_->problems().empty());
}

/// Root reads every file, so a root's test run becomes nobody for a while.
class AsNobody {
 public:
  AsNobody() : was_root_(geteuid() == 0 && seteuid(65534) == 0) {}
  ~AsNobody() {
    if (was_root_) {
      EXPECT_EQ(seteuid(0), 0);
    }
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

 private:
  bool was_root_;
};

TEST_F(PolicyDirectoryTest, PermissionsThatComeBackAreNoticed) {
  fs::permissions(scratch_.path(), fs::perms(0755));
  fs::permissions(policies_, fs::perms(0755));
  write("a.yaml", tier_document("a", 1));
  write("b.yaml", tier_document("b", 1));
  fs::permissions(policies_ / "a.yaml", fs::perms::none);
  {
    const AsNobody nobody;
    ASSERT_TRUE(start());
  }
  EXPECT_EQ(tiers(), "b=1");
  ASSERT_EQ(directory_->problems().size(), 1u);
  EXPECT_EQ(policy::print_diagnostic(directory_->problems()[0]),
            (policies_ / "a.yaml").string() +
                ": error: cannot be read: Permission denied; objects it gave before stay in force");
  fs::permissions(policies_ / "a.yaml", fs::perms(0644));
  const AsNobody nobody;
  EXPECT_TRUE(wait_for("a=1 b=1"));
  EXPECT_TRUE(directory_->problems().empty());
}

TEST_F(PolicyDirectoryTest, ConfigMapSwapIsSeen) {
  for (const int version : {1, 2}) {
    const fs::path data = policies_ / fmt::format("..v{}", version);
    fs::create_directory(data);
    std::ofstream(data / "a.yaml") << tier_document("a", version);
  }
  fs::create_directory_symlink("..v1", policies_ / "..data");
  fs::create_symlink("..data/a.yaml", policies_ / "a.yaml");
  ASSERT_TRUE(start());
  EXPECT_EQ(tiers(), "a=1");
  fs::create_directory_symlink("..v2", policies_ / "..data_tmp");
  fs::rename(policies_ / "..data_tmp", policies_ / "..data");
  EXPECT_TRUE(wait_for("a=2"));
  fs::create_symlink("..data/a.yaml", policies_ / "0.yaml");
  EXPECT_TRUE(wait_until([&] { return !directory_->problems().empty(); })) << "a link that appears is read";
}

TEST_F(PolicyDirectoryTest, LostDirectoryKeepsObjectsUntilItIsBack) {
  write("a.yaml", tier_document("a", 1));
  write("b.yaml", tier_document("b", 1));
  ASSERT_TRUE(start());
  fs::rename(policies_, scratch_.path() / "elsewhere");
  EXPECT_TRUE(wait_until([&] { return directory_->failure().has_value(); }));
  EXPECT_EQ(tiers(), "a=1 b=1");
  fs::remove(scratch_.path() / "elsewhere" / "b.yaml");
  turn(20ms);
  EXPECT_EQ(tiers(), "a=1 b=1") << "what happens in a directory that was moved away does not matter";
  fs::rename(scratch_.path() / "elsewhere", policies_);
  EXPECT_TRUE(wait_for("a=1"));
  EXPECT_FALSE(directory_->failure());
  write("c.yaml", tier_document("c", 1));
  EXPECT_TRUE(wait_for("a=1 c=1")) << "and it is watched again";
}

TEST_F(PolicyDirectoryTest, DeletedDirectoryKeepsObjectsUntilItIsBack) {
  write("a.yaml", tier_document("a", 1));
  ASSERT_TRUE(start());
  fs::rename(policies_ / "a.yaml", scratch_.path() / "a.yaml");
  EXPECT_TRUE(wait_for(""));
  fs::rename(scratch_.path() / "a.yaml", policies_ / "a.yaml");
  EXPECT_TRUE(wait_for("a=1"));
  fs::remove(policies_ / "a.yaml");
  fs::remove(policies_);
  EXPECT_TRUE(wait_until([&] { return directory_->failure().has_value(); }));
  fs::create_directory(policies_);
  write("b.yaml", tier_document("b", 2));
  EXPECT_TRUE(wait_until([&] { return tiers().ends_with("b=2"); }));
}

TEST_F(PolicyDirectoryTest, MissingAtStartIsReportedAndTriedAgain) {
  fs::remove(policies_);
  const auto started = start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().kind, ErrorKind::NotFound);
  EXPECT_TRUE(directory_->failure());
  fs::create_directory(policies_);
  write("a.yaml", tier_document("a", 1));
  EXPECT_TRUE(wait_for("a=1"));
  EXPECT_FALSE(directory_->failure());
}

TEST_F(PolicyDirectoryTest, RescanReadsOnlyWhatChanged) {
  write("a.yaml", tier_document("a", 1));
  write("b.yaml", tier_document("b", 1));
  ASSERT_TRUE(start());
  directory_->rescan();
  EXPECT_EQ(steps_, 1);
  write("b.yaml", tier_document("b", 22));
  directory_->rescan();
  EXPECT_EQ(steps_, 2);
  EXPECT_EQ(tiers(), "a=1 b=22");
}

}  // namespace
}  // namespace tierwall::daemon
