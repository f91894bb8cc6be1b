// A file that was cut short or altered: opening it never crashes and never gives a state that never was.

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/daemon/sources/scratch_directory.h"
#include "tests/unit/daemon/state/sample_state.h"

namespace tierwall::daemon {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPage = 8192;

std::string read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// One step of the life that is damaged afterwards: documents of all sizes come, change and go.
StateChange step(std::uint64_t number) {
  StateChange change = pod_change(number, "pod-" + std::to_string(number % 11));
  change.upserts[0].document.resize(50 + number * 397 % 9000, 'x');
  change.upserts.push_back(host_policy("policy-" + std::to_string(number)));
  if (number % 5 == 0) change.removals = {pod_id("pod-" + std::to_string((number + 3) % 11))};
  return change;
}

/// Hundreds of files are made and synced here, so they are made in memory where that is possible.
void make_scratch_in_memory() {
  if (access("/dev/shm", W_OK) == 0) setenv("TEST_TMPDIR", "/dev/shm", 0);
}

class Damaged : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (const char* given = getenv("TEST_TMPDIR")) given_folder_ = given;
    make_scratch_in_memory();
  }
  static void TearDownTestSuite() {
    if (!given_folder_) unsetenv("TEST_TMPDIR");
  }

  /// Lives through it and keeps the bytes: of the closed file, and of the file and its log in the middle of a life.
  Damaged() {
    former_.emplace_back();
    const std::string path = scratch_.file("whole.db");
    {
      const auto store = open_cleanly({.path = path, .readers = {}, .limits = {}, .busy_timeout = 0ms});
      for (std::uint64_t number = 1; number <= 24; ++number) {
        record(*store, number);
        if (number == 12) checkpoint(path);
      }
      live_file_ = read_all(path);
      live_log_ = read_all(path + "-wal");
    }
    closed_file_ = read_all(path);
  }

  void record(StateStore& store, std::uint64_t number) {
    EXPECT_EQ(message_of(store.record(step(number))), "");
    EXPECT_EQ(message_of(store.put_drops({{number, std::string(300, 'd')}})), "");
    former_.push_back(value_of(store.load()));
  }

  static void checkpoint(const std::string& path) { EXPECT_EQ(ask_sql(path, "PRAGMA wal_checkpoint(TRUNCATE)"), "0"); }

  /// Opens these bytes in a folder of their own. True if they were taken for a state, false if they were moved aside.
  bool survives(const std::string& file, const std::string& log) {
    const ScratchDirectory folder;
    folder.write("state.db", file);
    if (!log.empty()) folder.write("state.db-wal", log);
    const StateOptions options{.path = folder.file("state.db"), .readers = {}, .limits = {}, .busy_timeout = 0ms};
    bool kept = false;
    {
      const OpenedState opened = open_state(options, test::FakeClock());
      EXPECT_EQ(opened.refusal ? opened.refusal->message : "", "");
      kept = opened.remarks.empty();
      const Remembered found = value_of(opened.store->load());
      EXPECT_TRUE(kept ? is_former(found) : found == Remembered()) << "a state that never was";
      EXPECT_EQ(message_of(opened.store->record(all_anew())), "");
      EXPECT_TRUE(value_of(opened.store->load()).objects == all_anew().upserts) << "damage that shows later";
    }
    open_cleanly(options);
    return kept;
  }

  [[nodiscard]] bool is_former(const Remembered& found) const {
    return std::ranges::find(former_, found) != former_.end();
  }

  /// Removes or replaces every object there ever was, so that every path to them is used.
  static StateChange all_anew() {
    StateChange change;
    for (std::uint64_t number = 1; number <= 24; ++number) {
      const StateChange former = step(number);
      change.removals.push_back(former.upserts[0].id);
      change.upserts.push_back(former.upserts[1]);
      change.upserts.back().resource_version = "anew";
    }
    change.generation = make_generation(1000);
    std::ranges::sort(change.upserts, {}, &RememberedObject::id);
    return change;
  }

  inline static std::optional<std::string> given_folder_;
  ScratchDirectory scratch_;
  std::vector<Remembered> former_;
  std::string closed_file_;
  std::string live_file_;
  std::string live_log_;
};

TEST_F(Damaged, TheWholeBytesAreTheLastState) {
  EXPECT_TRUE(survives(closed_file_, ""));
  EXPECT_TRUE(survives(live_file_, live_log_));
  EXPECT_GT(closed_file_.size(), 15 * kPage);
  EXPECT_GT(live_log_.size(), 15 * kPage);
}

TEST_F(Damaged, AFileCutAtAnyPageIsMovedAside) {
  for (std::size_t length = kPage; length < closed_file_.size(); length += kPage)
    EXPECT_FALSE(survives(closed_file_.substr(0, length), "")) << length;
}

TEST_F(Damaged, AFileCutAtOddLengthsIsMovedAside) {
  std::vector<std::size_t> lengths = {1, 15, 16, 99, 100, 101, 511, 512, 1024, 4095, 4097};
  for (std::size_t i = 2; i * kPage < closed_file_.size(); i += 3) lengths.push_back(i * kPage - 1 - i * 31 % kPage);
  lengths.push_back(closed_file_.size() - 1);
  for (const std::size_t length : lengths) EXPECT_FALSE(survives(closed_file_.substr(0, length), "")) << length;
}

TEST_F(Damaged, ALogCutAnywhereLeavesAFormerState) {
  for (std::size_t length = 0; length < live_log_.size(); length += kPage / 4 + 77)
    EXPECT_TRUE(survives(live_file_, live_log_.substr(0, length))) << length;
}

TEST_F(Damaged, FlippedBitsInTheFileAreHarmlessOrNoticed) {
  std::mt19937 random(7);
  int noticed = 0;
  for (int i = 0; i < 300; ++i) {
    std::string bytes = closed_file_;
    // Half of them where the structure is: headers of pages and their first cells.
    const std::size_t page = random() % (bytes.size() / kPage);
    const std::size_t at = page * kPage + (i % 2 == 0 ? random() % kPage : random() % 120);
    const char bit = static_cast<char>(1 << random() % 8);
    bytes[at] = static_cast<char>(bytes[at] ^ bit);
    const testing::ScopedTrace trace(__FILE__, __LINE__, "byte " + std::to_string(at) + ", bit " + std::to_string(bit));
    if (!survives(bytes, "")) ++noticed;
  }
  EXPECT_GT(noticed, 100);  // the others are in free space
}

TEST_F(Damaged, FlippedBitsInTheLogLeaveAFormerState) {
  std::mt19937 random(11);
  for (int i = 0; i < 100; ++i) {
    std::string bytes = live_log_;
    const std::size_t at = random() % bytes.size();
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
    EXPECT_TRUE(survives(live_file_, bytes)) << at;
  }
}

TEST_F(Damaged, NoiseIsMovedAside) {
  std::mt19937 random(13);
  for (int i = 0; i < 50; ++i) {
    std::string bytes = closed_file_;
    const std::size_t length = 1 + random() % 3000;
    const std::size_t at = 100 + random() % (bytes.size() - length - 100);
    std::generate_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), length,
                    [&] { return static_cast<char>(random()); });
    const testing::ScopedTrace trace(__FILE__, __LINE__, std::to_string(length) + " bytes at " + std::to_string(at));
    survives(bytes, "");
  }
}

}  // namespace
}  // namespace tierwall::daemon
