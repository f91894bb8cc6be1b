// A full disk, a disk that may not be written, a folder that belongs to somebody else: the daemon goes on without a
// memory and is told why.

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "tests/unit/daemon/sources/scratch_directory.h"
#include "tests/unit/daemon/state/sample_state.h"

namespace tierwall::daemon {
namespace {

using namespace std::chrono_literals;

constexpr uid_t kNobody = 65534;

/// A disk of 512 KiB in a mount namespace of the test's own.
class SmallDisk : public testing::Test {
 protected:
  void SetUp() override {
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", folder().c_str(), "tmpfs", 0, "size=512k") != 0)
      GTEST_SKIP() << "needs the right to mount";
  }
  void TearDown() override { umount2(folder().c_str(), MNT_DETACH); }

  [[nodiscard]] std::string folder() const { return scratch_.path().string(); }
  [[nodiscard]] std::string path() const { return scratch_.file("state.db"); }
  [[nodiscard]] StateOptions options() const {
    return {.path = path(), .readers = {}, .limits = {}, .busy_timeout = 0ms};
  }

  void fill() { std::ofstream(scratch_.file("ballast")) << std::string(600 << 10, 'x'); }
  void free_again() { unlink(scratch_.file("ballast").c_str()); }
  void make_read_only() {
    ASSERT_EQ(mount(nullptr, folder().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, "size=512k"), 0);
  }
  void make_file() { ASSERT_EQ(message_of(open_cleanly(options())->record(pod_change(1, "web"))), ""); }

  ScratchDirectory scratch_;
};

TEST_F(SmallDisk, WhenItIsFullRecordsFailAndTheFormerStateStays) {
  const auto store = open_cleanly(options());
  ASSERT_EQ(message_of(store->record(pod_change(1, "web"))), "");
  const Remembered before = value_of(store->load());
  fill();
  StateChange large = pod_change(2, "large");
  large.upserts[0].document.assign(30'000, 'x');
  for (int attempt = 0; attempt < 3; ++attempt) {
    const auto refused = store->record(large);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::Exhausted);
    EXPECT_EQ(refused.error().message, path() + ": the disk is full");
    EXPECT_EQ(value_of(store->load()), before);
  }
  free_again();
  EXPECT_EQ(message_of(store->record(large)), "");
  EXPECT_EQ(value_of(store->load()).objects, (std::vector{large.upserts[0], pod("web", "1")}));
}

TEST_F(SmallDisk, WhenItFillsUpSlowlyEveryRecordHappensWholeOrNotAtAll) {
  const auto store = open_cleanly(options());
  std::uint64_t number = 1;
  Result<void> recorded;
  for (; number < 1000 && recorded; ++number) {
    StateChange change = pod_change(number, "pod-" + std::to_string(number));
    change.upserts[0].document.resize(3000, ' ');
    recorded = store->record(change);
  }
  ASSERT_FALSE(recorded);
  EXPECT_EQ(recorded.error().kind, ErrorKind::Exhausted);
  const Remembered left = value_of(store->load());
  EXPECT_EQ(left.objects.size(), number - 2);
  EXPECT_EQ(left.latest, make_generation(number - 2));
}

TEST_F(SmallDisk, WhenItIsFullAtStartNothingIsRemembered) {
  fill();
  const OpenedState opened = open_state(options(), test::FakeClock());
  ASSERT_TRUE(opened.refusal);
  EXPECT_EQ(opened.refusal->kind, ErrorKind::Exhausted) << opened.refusal->message;
  EXPECT_EQ(message_of(opened.store->record(pod_change(1, "web"))), opened.refusal->message);
  free_again();
  EXPECT_EQ(open_state(options(), test::FakeClock()).refusal, std::nullopt);
}

TEST_F(SmallDisk, WhenItIsFullAtStartTheFormerStateIsStillRead) {
  make_file();
  fill();
  const OpenedState opened = open_state(options(), test::FakeClock());
  EXPECT_EQ(value_of(opened.store->load()).objects, std::vector{pod("web", "1")});
  const auto refused = opened.store->record(pod_change(2, "db"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::Exhausted) << refused.error().message;
}

TEST_F(SmallDisk, WhenItMayOnlyBeReadTheFormerStateIsRead) {
  make_file();
  make_read_only();
  const OpenedState opened = open_state(options(), test::FakeClock());
  ASSERT_TRUE(opened.refusal);
  EXPECT_EQ(opened.refusal->kind, ErrorKind::Denied);
  EXPECT_EQ(opened.refusal->message, path() + ".lock: Read-only file system");
  EXPECT_EQ(message_of(opened.store->record(pod_change(2, "db"))), opened.refusal->message);
  EXPECT_EQ(value_of(opened.store->load()).objects, std::vector{pod("web", "1")});
}

TEST_F(SmallDisk, AFileWithoutItsLogIsReadFromADiskThatMayOnlyBeRead) {
  make_file();
  unlink((path() + "-wal").c_str());
  unlink((path() + "-shm").c_str());
  make_read_only();
  EXPECT_EQ(value_of(open_state(options(), test::FakeClock()).store->load()).objects, std::vector{pod("web", "1")});
  EXPECT_EQ(value_of(value_of(open_state_for_reading(path()))->history(9)).size(), 1U);
}

TEST_F(SmallDisk, NothingThatMayOnlyBeReadIsNoState) {
  make_read_only();
  const OpenedState opened = open_state(options(), test::FakeClock());
  ASSERT_TRUE(opened.refusal);
  EXPECT_EQ(message_of(opened.store->load()), opened.refusal->message);
  EXPECT_EQ(message_of(opened.store->history(1)), opened.refusal->message);
}

/// For as long as it lives, the process has no more rights than anybody.
class AsNobody {
 public:
  AsNobody() { TIERWALL_CHECK(seteuid(kNobody) == 0); }
  ~AsNobody() { TIERWALL_CHECK(seteuid(0) == 0); }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;
};

class ForeignFolder : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    chmod(scratch_.path().c_str(), 0755);
  }
  [[nodiscard]] StateOptions options() const {
    return {.path = scratch_.file("state.db"), .readers = {}, .limits = {}, .busy_timeout = 0ms};
  }

  ScratchDirectory scratch_;
};

TEST_F(ForeignFolder, NothingIsRememberedWhereOneMayNotWrite) {
  const AsNobody nobody;
  const OpenedState opened = open_state(options(), test::FakeClock());
  ASSERT_TRUE(opened.refusal);
  EXPECT_EQ(opened.refusal->kind, ErrorKind::Denied);
  EXPECT_EQ(opened.refusal->message, options().path + ".lock: Permission denied");
  EXPECT_EQ(message_of(opened.store->record(pod_change(1, "web"))), opened.refusal->message);
}

TEST_F(ForeignFolder, TheGroupReadsTheHistoryWhetherTheDaemonRunsOrNot) {
  StateOptions shared = options();
  shared.readers = getegid();
  auto daemon = open_cleanly(shared);
  ASSERT_EQ(message_of(daemon->record(pod_change(1, "web"))), "");
  for (const bool running : {true, false}) {
    if (!running) daemon.reset();
    const AsNobody nobody;  // of the same group
    const auto reader = value_of(open_state_for_reading(shared.path));
    ASSERT_NE(reader, nullptr) << running;
    EXPECT_EQ(numbers_of(value_of(reader->history(5))), std::vector<std::uint64_t>{1}) << running;
  }
}

TEST_F(ForeignFolder, AFileWithTheWrongRightsIsReportedNotReplaced) {
  { ASSERT_EQ(message_of(open_cleanly(options())->record(pod_change(1, "web"))), ""); }
  chmod(scratch_.path().c_str(), 0777);
  unlink((options().path + ".lock").c_str());
  const AsNobody nobody;
  const OpenedState opened = open_state(options(), test::FakeClock());
  ASSERT_TRUE(opened.refusal);
  EXPECT_EQ(opened.refusal->kind, ErrorKind::Denied);
  EXPECT_EQ(mode_of(options().path), 0600U);
}

}  // namespace
}  // namespace tierwall::daemon
