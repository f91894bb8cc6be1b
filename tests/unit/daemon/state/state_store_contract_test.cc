// What every StateStore keeps to: the one in memory and the one in a file.

#include "daemon/state/state_store.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "daemon/state/kind_names.h"
#include "tests/fakes/fake_state_store.h"
#include "tests/unit/daemon/sources/scratch_directory.h"
#include "tests/unit/daemon/state/sample_state.h"

namespace tierwall::daemon {
namespace {

using namespace std::chrono_literals;
using policy::Kind;

class InMemory {
 public:
  explicit InMemory(const StateLimits& limits) : store_(limits) {}
  StateStore& store() { return store_; }
  /// The next change fails, whatever it is.
  void refuse_next() { store_.refuse(0, {ErrorKind::Busy, "another process holds it", 0}); }
  void allow_again() {}

 private:
  test::FakeStateStore store_;
};

class InFile {
 public:
  explicit InFile(const StateLimits& limits) {
    store_ = open_cleanly({.path = path(), .readers = {}, .limits = limits, .busy_timeout = 0ms});
  }
  ~InFile() { sqlite3_close(intruder_); }
  InFile(const InFile&) = delete;
  InFile& operator=(const InFile&) = delete;

  StateStore& store() { return *store_; }
  void refuse_next() {
    ASSERT_EQ(sqlite3_open(path().c_str(), &intruder_), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(intruder_, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  }
  void allow_again() { ASSERT_EQ(sqlite3_exec(intruder_, "ROLLBACK", nullptr, nullptr, nullptr), SQLITE_OK); }

 private:
  [[nodiscard]] std::string path() const { return scratch_.file("state.db"); }

  ScratchDirectory scratch_;
  std::unique_ptr<StateStore> store_;
  sqlite3* intruder_ = nullptr;
};

template <typename Subject>
class StateStoreContract : public testing::Test {
 protected:
  void start(const StateLimits& limits) { subject_ = std::make_unique<Subject>(limits); }
  Subject& subject() {
    if (!subject_) start({});
    return *subject_;
  }
  StateStore& store() { return subject().store(); }

  void record(const StateChange& change) { EXPECT_EQ(message_of(store().record(change)), ""); }
  Remembered load() { return value_of(store().load()); }
  std::vector<std::uint64_t> history() { return numbers_of(value_of(store().history(100))); }

 private:
  std::unique_ptr<Subject> subject_;
};

using Implementations = testing::Types<InMemory, InFile>;
TYPED_TEST_SUITE(StateStoreContract, Implementations);

StateChange upserts(std::vector<RememberedObject> objects) {
  return {.removals = {}, .upserts = std::move(objects), .facts = {}, .generation = {}};
}

StateChange only(const Generation& generation) {
  return {.removals = {}, .upserts = {}, .facts = {}, .generation = generation};
}

TYPED_TEST(StateStoreContract, NothingIsRememberedAtFirst) {
  EXPECT_EQ(this->load(), Remembered());
  EXPECT_EQ(this->history(), std::vector<std::uint64_t>());
}

TYPED_TEST(StateStoreContract, EverythingThatWasRecordedComesBack) {
  StateChange change = pod_change(1, "web");
  change.upserts.push_back(host_policy("host"));
  change.facts[kFactHostPolicy] = "yes";
  this->record(change);
  EXPECT_EQ(this->load(), (Remembered{.objects = {host_policy("host"), pod("web", "1")},
                                      .latest = make_generation(1),
                                      .facts = {{kFactBootId, kThisBoot}, {kFactHostPolicy, "yes"}},
                                      .counters = {},
                                      .unknown = {}}));
}

TYPED_TEST(StateStoreContract, ObjectsComeSortedAndAreReplacedByTheirId) {
  this->record(upserts({pod("b"), pod("a"), host_policy("z")}));
  this->record(upserts({pod("a", "2"), pod("c")}));
  EXPECT_EQ(this->load().objects, (std::vector{host_policy("z"), pod("a", "2"), pod("b"), pod("c")}));
}

TYPED_TEST(StateStoreContract, ObjectsAreReadInPagesAndWhatChangesMeanwhileComesAgain) {
  this->record(upserts({pod("c"), pod("b"), pod("a")}));
  const ObjectPage first = value_of(this->store().objects(0, 2));
  EXPECT_EQ(first.objects, (std::vector{pod("c"), pod("b")}));
  this->record(upserts({pod("c", "2")}));
  this->record({.removals = {pod_id("b")}, .upserts = {}, .facts = {}, .generation = {}});
  const ObjectPage last = value_of(this->store().objects(first.next, 2));
  EXPECT_EQ(last, (ObjectPage{.objects = {pod("a"), pod("c", "2")}, .next = 0}));
  EXPECT_EQ(value_of(this->store().objects(0, 99)), last);
}

TYPED_TEST(StateStoreContract, WithoutObjectsThereIsOneEmptyPage) {
  EXPECT_EQ(value_of(this->store().objects(0, 1)), ObjectPage());
}

TYPED_TEST(StateStoreContract, TheCopiesOfTwoSourcesAreTwoObjects) {
  RememberedObject written = pod("web");
  written.id.source = "directory";
  this->record(upserts({pod("web"), written}));
  EXPECT_EQ(this->load().objects, (std::vector{written, pod("web")}));
  this->record({.removals = {pod_id("web")}, .upserts = {}, .facts = {}, .generation = {}});
  EXPECT_EQ(this->load().objects, std::vector{written});
}

TYPED_TEST(StateStoreContract, AnyKindAndAnyBytesSurvive) {
  std::vector<RememberedObject> objects;
  for (int i = 0; i <= static_cast<int>(kLastKind); ++i) {
    RememberedObject object = pod("o");
    object.id.key.kind = static_cast<Kind>(i);
    object.document = std::string("\0\xff'\"\n", 5) + std::string(static_cast<std::size_t>(i) * 1000, 'x');
    objects.push_back(object);
  }
  objects[0].document.clear();
  objects[1].id.key.name = "it's; DROP TABLE objects --";
  this->record(upserts(objects));
  EXPECT_EQ(this->load().objects, objects);
}

TYPED_TEST(StateStoreContract, RemovalsComeBeforeUpsertsAndTheLastUpsertCounts) {
  this->record(upserts({pod("a"), pod("b")}));
  this->record({.removals = {pod_id("a"), pod_id("b"), pod_id("never-there")},
                .upserts = {pod("a", "2"), pod("a", "3")},
                .facts = {},
                .generation = {}});
  EXPECT_EQ(this->load().objects, std::vector{pod("a", "3")});
}

TYPED_TEST(StateStoreContract, FactsAreOverwrittenOneByOne) {
  this->record({.removals = {}, .upserts = {}, .facts = {{"a", "1"}, {"b", "1"}}, .generation = {}});
  this->record({.removals = {}, .upserts = {}, .facts = {{"b", ""}, {"c", "2"}}, .generation = {}});
  EXPECT_EQ(this->load().facts, (std::map<std::string, std::string>{{"a", "1"}, {"b", ""}, {"c", "2"}}));
}

TYPED_TEST(StateStoreContract, HistoryIsNewestFirst) {
  for (const std::uint64_t number : {1U, 2U, 5U}) this->record(only(make_generation(number)));
  EXPECT_EQ(value_of(this->store().history(2)), (std::vector{make_generation(5), make_generation(2)}));
  EXPECT_EQ(value_of(this->store().history(0)), std::vector<Generation>());
  EXPECT_EQ(value_of(this->store().history(std::numeric_limits<std::size_t>::max())).size(), 3U);
}

TYPED_TEST(StateStoreContract, AGenerationIsFoundByItsNumber) {
  Generation second = make_generation(2);
  second.changes.push_back({.id = pod_id("db"), .change = ObjectChange::Change::Gone, .resource_version = ""});
  this->record(only(make_generation(1)));
  this->record(only(second));
  EXPECT_EQ(value_of(this->store().generation(2)), second);
  for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{3}, std::numeric_limits<std::uint64_t>::max()}) {
    const auto missing = this->store().generation(number);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().kind, ErrorKind::NotFound);
    EXPECT_EQ(missing.error().message, "generation " + std::to_string(number) + " is not remembered");
  }
}

TYPED_TEST(StateStoreContract, RepeatingTheLatestRecordChangesNothing) {
  this->record(pod_change(4, "web"));
  const Remembered before = this->load();
  this->record(pod_change(4, "web"));
  EXPECT_EQ(this->load(), before);
}

TYPED_TEST(StateStoreContract, AGenerationThatDoesNotFollowIsRefusedWithEverythingAroundIt) {
  this->record(pod_change(4, "web"));
  const Remembered before = this->load();
  Generation other = make_generation(4);
  other.fingerprint = "another";
  for (const Generation& generation : {make_generation(3), other}) {
    StateChange change = pod_change(1, "late");
    change.removals = {pod_id("web")};
    change.generation = generation;
    const auto refused = this->store().record(change);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::Conflict);
    EXPECT_EQ(refused.error().message,
              "generation " + std::to_string(generation.number) + " cannot be recorded after generation 4");
    EXPECT_EQ(this->load(), before);
  }
}

TYPED_TEST(StateStoreContract, OldGenerationsGoByNumber) {
  this->start({.generations = 3, .age = 1h, .changes = 10, .counters = 10});
  for (std::uint64_t number = 1; number <= 5; ++number) this->record(only(make_generation(number)));
  EXPECT_EQ(this->history(), (std::vector<std::uint64_t>{5, 4, 3}));
}

TYPED_TEST(StateStoreContract, OldGenerationsGoByAgeButTheNewestStays) {
  this->start({.generations = 100, .age = 10s, .changes = 10, .counters = 10});
  for (std::uint64_t number = 1; number <= 5; ++number) this->record(only(make_generation(number)));
  Generation later = make_generation(6);
  later.time = make_generation(3).time + 10s;
  this->record(only(later));
  EXPECT_EQ(this->history(), (std::vector<std::uint64_t>{6, 5, 4, 3}));
  later = make_generation(7);
  later.time += 24h;
  this->record(only(later));
  EXPECT_EQ(this->history(), std::vector<std::uint64_t>{7});
  this->record(only(make_generation(8)));  // the clock was set back
  EXPECT_EQ(this->history(), (std::vector<std::uint64_t>{8, 7}));
}

TYPED_TEST(StateStoreContract, LongListsOfChangesAreCut) {
  this->start({.generations = 10, .age = 1h, .changes = 2, .counters = 10});
  Generation large = make_generation(1);
  large.changes.assign(5, large.changes[0]);
  this->record(only(large));
  this->record(only(large));  // still the same
  Generation kept = make_generation(1);
  kept.changes.assign(2, kept.changes[0]);
  kept.changes_left_out = 3;
  EXPECT_EQ(value_of(this->store().generation(1)), kept);
}

TYPED_TEST(StateStoreContract, CountersAddUp) {
  EXPECT_EQ(message_of(this->store().add_counters({{"a", {.packets = 1, .bytes = 60, .last_hit = 5ms}}})), "");
  EXPECT_EQ(message_of(this->store().add_counters({{"a", {.packets = 2, .bytes = 40, .last_hit = 3ms}},
                                                   {"b", {.packets = 1, .bytes = 1, .last_hit = 9ms}}})),
            "");
  EXPECT_EQ(this->load().counters, (Counters{{"a", {.packets = 3, .bytes = 100, .last_hit = 5ms}},
                                             {"b", {.packets = 1, .bytes = 1, .last_hit = 9ms}}}));
}

TYPED_TEST(StateStoreContract, CountersStopAtTheLargestNumber) {
  const std::uint64_t largest = std::numeric_limits<std::int64_t>::max();
  const std::uint64_t beyond = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(message_of(this->store().add_counters({{"a", {.packets = largest, .bytes = beyond, .last_hit = 1ms}}})),
            "");
  EXPECT_EQ(message_of(this->store().add_counters({{"a", {.packets = 1, .bytes = beyond, .last_hit = 2ms}}})), "");
  EXPECT_EQ(this->load().counters, (Counters{{"a", {.packets = largest, .bytes = largest, .last_hit = 2ms}}}));
}

TYPED_TEST(StateStoreContract, CountersHitLongestAgoGo) {
  this->start({.generations = 10, .age = 1h, .changes = 10, .counters = 2});
  const Counters counters = {{"a", {.packets = 1, .bytes = 1, .last_hit = 1ms}},
                             {"b", {.packets = 1, .bytes = 1, .last_hit = 9ms}},
                             {"c", {.packets = 1, .bytes = 1, .last_hit = 1ms}},
                             {"d", {.packets = 1, .bytes = 1, .last_hit = 1ms}}};
  EXPECT_EQ(message_of(this->store().add_counters(counters)), "");
  EXPECT_EQ(this->load().counters, (Counters{*counters.find("a"), *counters.find("b")}));
}

TYPED_TEST(StateStoreContract, DropsAreARing) {
  this->start({.generations = 10, .age = 1h, .changes = 10, .counters = 10, .drops = 3});
  EXPECT_EQ(value_of(this->store().drops()), ToldDrops{});
  EXPECT_EQ(message_of(this->store().put_drops({{1, "a"}, {2, "b"}})), "");
  EXPECT_EQ(message_of(this->store().put_drops({{2, "b again"}, {3, "c"}})), "");
  EXPECT_EQ(value_of(this->store().drops()), (ToldDrops{{1, "a"}, {2, "b again"}, {3, "c"}}));
  EXPECT_EQ(message_of(this->store().put_drops({{9, "d"}, {10, "e"}})), "");
  EXPECT_EQ(value_of(this->store().drops()), (ToldDrops{{3, "c"}, {9, "d"}, {10, "e"}}));
  this->subject().refuse_next();
  EXPECT_FALSE(this->store().put_drops({{11, "f"}}));
  this->subject().allow_again();
  EXPECT_EQ(value_of(this->store().drops()), (ToldDrops{{3, "c"}, {9, "d"}, {10, "e"}}));
}

TYPED_TEST(StateStoreContract, PodsOfAnEarlierBootAreForgottenByKind) {
  RememberedObject old_pod = pod("old");
  old_pod.boot_id = kFormerBoot;
  RememberedObject old_policy = host_policy("host");
  old_policy.boot_id = kFormerBoot;
  this->record(upserts({old_pod, old_policy, pod("new")}));
  EXPECT_EQ(value_of(this->store().forget_boot(kThisBoot, {Kind::Pod, Kind::EndpointSlice})), 1U);
  EXPECT_EQ(this->load().objects, (std::vector{old_policy, pod("new")}));
  EXPECT_EQ(value_of(this->store().forget_boot(kThisBoot, {Kind::Pod})), 0U);
  EXPECT_EQ(value_of(this->store().forget_boot(kThisBoot, {})), 0U);
}

TYPED_TEST(StateStoreContract, AChangeThatFailsChangesNothingAndMayBeRepeated) {
  this->record(pod_change(1, "web"));
  const Remembered before = this->load();
  this->subject().refuse_next();
  const auto refused = this->store().record(pod_change(2, "db"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::Busy);
  EXPECT_EQ(this->load(), before);
  this->subject().allow_again();
  this->record(pod_change(2, "db"));
  EXPECT_EQ(this->load().objects, (std::vector{pod("db", "2"), pod("web", "1")}));
}

TEST(FakeStateStore, RefusesTheCallItIsToldTo) {
  test::FakeStateStore store;
  store.refuse(1, {ErrorKind::Exhausted, "the disk is full", ENOSPC});
  EXPECT_EQ(message_of(store.record(pod_change(1, "web"))), "");
  EXPECT_EQ(message_of(store.record(pod_change(2, "web"))), "the disk is full");
  EXPECT_EQ(message_of(store.load()), "");
  EXPECT_EQ(store.records(), std::vector{pod_change(1, "web")});
  EXPECT_EQ(store.calls(), 3U);
}

// ---- the files of the policy directory -----------------------------------------------------------------------

FileVersion version_at(std::uint64_t generation) {
  return {.number = 0,
          .generation = generation,
          .time = 1000ms * static_cast<int>(generation),
          .cause = FileCause::Apply,
          .uid = 1000,
          .kept = true};
}

std::vector<std::uint64_t> generations_of(const std::vector<FileVersion>& versions) {
  std::vector<std::uint64_t> generations;
  for (const FileVersion& version : versions) generations.push_back(version.generation);
  return generations;
}

TYPED_TEST(StateStoreContract, EveryVersionOfTheFilesIsGivenBackAsItWas) {
  const FileContents first = {{"a.yaml", "a: 1\n"}, {"b.yaml", std::string("b\0b", 3)}};
  const FileContents second = {{"a.yaml", "a: 2\n"}, {"empty.yaml", ""}};
  EXPECT_EQ(message_of(this->store().record_files(version_at(3), first)), "");
  FileVersion edit = version_at(5);
  edit.cause = FileCause::Edit;
  edit.uid.reset();
  EXPECT_EQ(message_of(this->store().record_files(edit, second)), "");
  FileVersion newest = edit;
  newest.number = 2;
  FileVersion oldest = version_at(3);
  oldest.number = 1;
  EXPECT_EQ(value_of(this->store().file_versions()), (std::vector{newest, oldest}));
  EXPECT_EQ(value_of(this->store().files_of(1)), first);
  EXPECT_EQ(value_of(this->store().files_of(2)), second);
  EXPECT_EQ(message_of(this->store().files_of(3)), "the files of version 3 are not remembered");
}

TYPED_TEST(StateStoreContract, TheSameFilesAreNoNewVersion) {
  for (const std::uint64_t generation : {1U, 2U})
    EXPECT_EQ(message_of(this->store().record_files(version_at(generation), {{"a.yaml", "a"}})), "");
  EXPECT_EQ(generations_of(value_of(this->store().file_versions())), (std::vector<std::uint64_t>{1}));
  EXPECT_EQ(message_of(this->store().record_files(version_at(3), {})), "");
  EXPECT_EQ(message_of(this->store().record_files(version_at(4), {{"a.yaml", "a"}})), "");
  EXPECT_EQ(generations_of(value_of(this->store().file_versions())), (std::vector<std::uint64_t>{4, 3, 1}));
}

struct FileLimitsRow {
  const char* what;
  FileLimits limits;
  std::vector<std::uint64_t> kept;  ///< of the generations 1 to 5, a second and ten bytes each
};

TYPED_TEST(StateStoreContract, OldVersionsOfTheFilesAreForgotten) {
  const FileLimitsRow rows[] = {
      {"all", {}, {5, 4, 3, 2, 1}},
      {"number", {.versions = 2}, {5, 4}},
      {"age, from when the next one took its place", {.age = 2s}, {5, 4, 3, 2}},
      {"bytes", {.bytes = 35}, {5, 4, 3}},
      {"the newest is kept in any case", {.versions = 1, .age = 0ms, .bytes = 10}, {5}},
  };
  for (const FileLimitsRow& row : rows) {
    StateLimits limits;
    limits.files = row.limits;
    this->start(limits);
    for (std::uint64_t number = 1; number <= 5; ++number) {
      const FileContents files = {{"a.yaml", std::string(10, static_cast<char>('0' + number))}};
      EXPECT_EQ(message_of(this->store().record_files(version_at(number), files)), "");
    }
    EXPECT_EQ(generations_of(value_of(this->store().file_versions())), row.kept) << row.what;
    EXPECT_EQ(value_of(this->store().files_of(5)).at("a.yaml"), "5555555555") << row.what;
  }
}

TYPED_TEST(StateStoreContract, FilesThatAreTooLargeLeaveAVersionWithoutContents) {
  StateLimits limits;
  limits.files.bytes = 9;
  this->start(limits);
  EXPECT_EQ(message_of(this->store().record_files(version_at(1), {{"a.yaml", std::string(10, 'x')}})), "");
  EXPECT_FALSE(value_of(this->store().file_versions()).at(0).kept);
  EXPECT_EQ(message_of(this->store().files_of(1)), "the files of version 1 are not remembered");
}

PendingChange sample_pending() {
  return {.former = {{"new.yaml", std::nullopt}, {"old.yaml", "old"}, {"empty.yaml", ""}},
          .wait = Deadline{.given = 60s, .unix_time = 1'700'000'060s, .monotonic = 77us, .boot_id = kThisBoot},
          .generation = 9,
          .since = 1'700'000'000s,
          .uid = 1000};
}

TYPED_TEST(StateStoreContract, AChangeThatWaitsIsRememberedUntilItIsTakenBack) {
  EXPECT_EQ(value_of(this->store().pending()), std::nullopt);
  EXPECT_EQ(message_of(this->store().put_pending(sample_pending())), "");
  EXPECT_EQ(value_of(this->store().pending()), sample_pending());
  PendingChange unfinished = sample_pending();
  unfinished.wait.reset();
  unfinished.former.erase("old.yaml");
  EXPECT_EQ(message_of(this->store().put_pending(unfinished)), "");
  EXPECT_EQ(value_of(this->store().pending()), unfinished);
  EXPECT_EQ(message_of(this->store().put_pending(std::nullopt)), "");
  EXPECT_EQ(value_of(this->store().pending()), std::nullopt);
}

TYPED_TEST(StateStoreContract, WhatIsRefusedLeavesTheFilesAsTheyWere) {
  EXPECT_EQ(message_of(this->store().put_pending(sample_pending())), "");
  this->subject().refuse_next();
  EXPECT_NE(message_of(this->store().put_pending(std::nullopt)), "");
  this->subject().allow_again();
  EXPECT_EQ(value_of(this->store().pending()), sample_pending());
}

}  // namespace
}  // namespace tierwall::daemon
