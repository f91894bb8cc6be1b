// The memory in its file: what a restart, a death, a reader and another version meet.

#include "daemon/state/sqlite_store.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/daemon/sources/scratch_directory.h"
#include "tests/unit/daemon/state/sample_state.h"

namespace tierwall::daemon {
namespace {

using namespace std::chrono_literals;

class SqliteState : public testing::Test {
 protected:
  [[nodiscard]] std::string path() const { return scratch_.file("state.db"); }
  [[nodiscard]] StateOptions options() const {
    return {.path = path(), .readers = {}, .limits = {}, .busy_timeout = 0ms};
  }

  /// A closed file that remembers the pod "web" and one generation.
  void make_file() { ASSERT_EQ(message_of(open_cleanly(options())->record(pod_change(1, "web"))), ""); }
  /// Opens what is there and expects it to be moved aside for this reason.
  void expect_aside(const std::string& reason) {
    const OpenedState opened = open_state(options(), clock_);
    ASSERT_EQ(opened.remarks,
              std::vector{path() + ": " + reason + "; moved to " + path() + ".corrupt-1700001000, starting anew"});
    EXPECT_FALSE(opened.refusal);
    EXPECT_EQ(value_of(opened.store->load()), Remembered());
    EXPECT_EQ(message_of(opened.store->record(pod_change(1, "new"))), "");
    EXPECT_TRUE(std::filesystem::exists(path() + ".corrupt-1700001000"));
  }

  ScratchDirectory scratch_;
  test::FakeClock clock_;
};

TEST_F(SqliteState, AnotherLifeRemembersEverything) {
  Remembered before;
  {
    const auto store = open_cleanly(options());
    for (std::uint64_t number = 1; number <= 20; ++number)
      ASSERT_EQ(message_of(store->record(pod_change(number, "pod-" + std::to_string(number % 7)))), "");
    ASSERT_EQ(message_of(store->add_counters({{"a", {.packets = 1, .bytes = 2, .last_hit = 3ms}}})), "");
    before = value_of(store->load());
  }
  const auto store = open_cleanly(options());
  EXPECT_EQ(before.objects.size(), 7U);
  EXPECT_EQ(value_of(store->load()), before);
  EXPECT_EQ(value_of(store->history(100)).size(), 20U);
  EXPECT_EQ(value_of(store->generation(11)), make_generation(11));
}

TEST_F(SqliteState, TheFileSaysWhatItIs) {
  make_file();
  EXPECT_EQ(ask_sql(path(), "PRAGMA application_id"), std::to_string(0x5477616c));
  EXPECT_EQ(ask_sql(path(), "PRAGMA user_version"), "3");
  EXPECT_EQ(ask_sql(path(), "PRAGMA journal_mode"), "wal");
  EXPECT_EQ(ask_sql(path(), "PRAGMA auto_vacuum"), "2");  // incremental
  EXPECT_EQ(ask_sql(path(), "PRAGMA integrity_check"), "ok");
  EXPECT_EQ(ask_sql(path(), "SELECT document FROM objects"), pod("web", "1").document);
}

TEST_F(SqliteState, ItsFolderIsMadeAndNobodyElseMayLook) {
  StateOptions below = options();
  below.path = scratch_.file("lib/tierwall/state.db");
  const auto store = open_cleanly(below);
  ASSERT_EQ(message_of(store->record(pod_change(1, "web"))), "");
  EXPECT_EQ(mode_of(scratch_.file("lib/tierwall")), 0700U);
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) EXPECT_EQ(mode_of(below.path + suffix), 0600U) << suffix;
}

TEST_F(SqliteState, AGroupMayReadIfItIsGiven) {
  make_file();  // in an earlier life, without
  StateOptions shared = options();
  shared.readers = getegid();
  const auto store = open_cleanly(shared);
  ASSERT_EQ(message_of(store->record(pod_change(2, "web"))), "");
  for (const char* suffix : {"", "-wal", "-shm"}) EXPECT_EQ(mode_of(path() + suffix), 0640U) << suffix;
  shared.path = scratch_.file("lib/state.db");
  EXPECT_NE(open_cleanly(shared), nullptr);
  EXPECT_EQ(mode_of(scratch_.file("lib")), 0750U);
}

TEST_F(SqliteState, ReadersSeeWhatIsCommittedWhileTheDaemonWrites) {
  const auto daemon = open_cleanly(options());
  ASSERT_EQ(message_of(daemon->record(pod_change(1, "web"))), "");
  const auto reader = value_of(open_state_for_reading(path()));
  ASSERT_NE(reader, nullptr);
  for (std::uint64_t number = 2; number <= 50; ++number) {
    ASSERT_EQ(message_of(daemon->record(pod_change(number, "web"))), "");
    EXPECT_EQ(value_of(reader->history(1)), std::vector{make_generation(number)});
  }
}

TEST_F(SqliteState, AReaderInTheMiddleOfReadingDoesNotStopTheWriter) {
  const auto daemon = open_cleanly(options());
  ASSERT_EQ(message_of(daemon->record(pod_change(1, "web"))), "");
  sqlite3* reader = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &reader), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(reader, "BEGIN; SELECT * FROM objects", nullptr, nullptr, nullptr), SQLITE_OK);
  for (std::uint64_t number = 2; number <= 50; ++number)
    EXPECT_EQ(message_of(daemon->record(pod_change(number, "web"))), "");
  sqlite3_close(reader);
}

TEST_F(SqliteState, ReadersMayNotWrite) {
  make_file();
  const auto reader = value_of(open_state_for_reading(path()));
  ASSERT_NE(reader, nullptr);
  const std::string refusal = path() + ": opened for reading only";
  EXPECT_EQ(message_of(reader->record(pod_change(2, "web"))), refusal);
  EXPECT_EQ(message_of(reader->add_counters({})), refusal);
  EXPECT_EQ(message_of(reader->forget_boot(kThisBoot, {})), refusal);
  EXPECT_EQ(value_of(reader->load()).objects, std::vector{pod("web", "1")});
}

TEST_F(SqliteState, ReadersSayWhatTheyCannotRead) {
  EXPECT_EQ(message_of(open_state_for_reading(path())), path() + ": No such file or directory");
  scratch_.write("state.db",
                 "hello, this is no database, but it is long enough to be taken for one: " + std::string(600, '.'));
  EXPECT_EQ(message_of(open_state_for_reading(path())), path() + ": it is no database");
}

TEST_F(SqliteState, ThereIsOneWriterAndTheOtherOneMayRead) {
  const auto first = open_cleanly(options());
  ASSERT_EQ(message_of(first->record(pod_change(1, "web"))), "");
  const OpenedState second = open_state(options(), clock_);
  ASSERT_TRUE(second.refusal);
  EXPECT_EQ(second.refusal->kind, ErrorKind::Busy);
  EXPECT_EQ(second.refusal->message, path() + ": another process writes it");
  EXPECT_EQ(message_of(second.store->record(pod_change(2, "db"))), second.refusal->message);
  EXPECT_EQ(value_of(second.store->load()).objects, std::vector{pod("web", "1")});
}

TEST_F(SqliteState, TheWritersPlaceIsFreeAfterItsDeath) {
  const pid_t child = fork();
  if (child == 0) {
    const OpenedState opened = open_state(options(), clock_);
    _exit(opened.refusal || !opened.store->record(pod_change(1, "web")) ? 1 : 0);  // without closing anything
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_EQ(value_of(open_cleanly(options())->load()).latest, make_generation(1));
}

/// Tells each number it has recorded, until it is killed.
[[noreturn]] void record_for_ever(const StateOptions& options, int progress) {
  const OpenedState opened = open_state(options, test::FakeClock());
  const Result<Remembered> remembered = opened.store->load();
  if (!remembered) _exit(1);
  for (std::uint64_t number = remembered->latest ? remembered->latest->number + 1 : 1;; ++number) {
    StateChange change = pod_change(number, "a");
    change.upserts.push_back(pod("b", std::to_string(number)));
    if (!opened.store->record(change) || write(progress, &number, sizeof number) < 0) _exit(1);
  }
}

TEST_F(SqliteState, AProcessKilledWhileItRecordsLeavesOneWholeState) {
  for (int round = 1; round <= 15; ++round) {
    int progress[2];
    ASSERT_EQ(pipe(progress), 0);
    const pid_t child = fork();
    if (child == 0) record_for_ever(options(), progress[1]);
    close(progress[1]);
    std::uint64_t told = 0;
    for (int i = 0; i < round * 3; ++i) ASSERT_EQ(read(progress[0], &told, sizeof told), ssize_t{sizeof told});
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    while (read(progress[0], &told, sizeof told) == ssize_t{sizeof told}) continue;
    close(progress[0]);
    const Remembered left = value_of(open_cleanly(options())->load());
    ASSERT_TRUE(left.latest);
    const std::uint64_t number = left.latest->number;
    EXPECT_TRUE(number == told || number == told + 1) << number << " after " << told;
    EXPECT_EQ(left.objects, (std::vector{pod("a", std::to_string(number)), pod("b", std::to_string(number))}));
  }
}

TEST_F(SqliteState, ATransactionThatWasNeverCommittedNeverHappened) {
  make_file();
  const pid_t child = fork();
  if (child == 0) {  // spills half of a transaction into the log, then dies
    sqlite3* connection = nullptr;
    sqlite3_open(path().c_str(), &connection);
    const int code =
        sqlite3_exec(connection,
                     "PRAGMA cache_size = 1; BEGIN IMMEDIATE; DELETE FROM objects;"
                     "INSERT INTO facts SELECT value, hex(zeroblob(3000)), 0 FROM json_each('[1,2,3,4,5]')",
                     nullptr, nullptr, nullptr);
    _exit(code == SQLITE_OK ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_GT(std::filesystem::file_size(path() + "-wal"), 0U);
  const Remembered left = value_of(open_cleanly(options())->load());
  EXPECT_EQ(left.objects, std::vector{pod("web", "1")});
  EXPECT_EQ(left.facts.size(), 1U);
}

TEST_F(SqliteState, WhatIsNoDatabaseIsMovedAside) {
  scratch_.write("state.db", std::string(5000, 'x'));
  expect_aside("it is no database");
  EXPECT_EQ(std::filesystem::file_size(path() + ".corrupt-1700001000"), 5000U);
}

TEST_F(SqliteState, ADatabaseOfSomebodyElseIsMovedAsideAsItWas) {
  ASSERT_EQ(run_sql(path(), "CREATE TABLE letters (text); INSERT INTO letters VALUES ('dear')"), "");
  expect_aside("it is a database of another program");
  EXPECT_EQ(ask_sql(path() + ".corrupt-1700001000", "SELECT text FROM letters"), "dear");
  EXPECT_EQ(ask_sql(path() + ".corrupt-1700001000", "PRAGMA journal_mode"), "delete");
}

TEST_F(SqliteState, AFileOfTheFirstSchemaIsBroughtUpToDateWithAllItHolds) {
  Remembered before;
  {
    const auto store = open_cleanly(options());
    ASSERT_EQ(message_of(store->record(pod_change(1, "web"))), "");
    before = value_of(store->load());
  }
  // What later schemas added is taken away again; nothing else differs.
  ASSERT_EQ(run_sql(path(),
                    "DROP TABLE drops; DROP TABLE pending_files; DROP TABLE pending; DROP TABLE version_files; DROP "
                    "TABLE versions; "
                    "DROP TABLE contents; PRAGMA user_version = 1"),
            "");
  EXPECT_EQ(message_of(open_state_for_reading(path())),
            path() + ": it was written by an older version of Tierwall; its daemon brings it up to date");
  const auto store = open_cleanly(options());
  EXPECT_EQ(value_of(store->load()), before);
  EXPECT_EQ(value_of(store->file_versions()), std::vector<FileVersion>());
  EXPECT_EQ(value_of(store->pending()), std::nullopt);
  EXPECT_EQ(message_of(store->record_files({.generation = 1}, {{"a.yaml", "a"}})), "");
  EXPECT_EQ(message_of(store->put_drops({{1, "a"}})), "");
  EXPECT_EQ(ask_sql(path(), "PRAGMA user_version"), "3");
}

TEST_F(SqliteState, EqualContentsAreKeptOnce) {
  const auto store = open_cleanly(options());
  const std::string large(4000, 'x');
  ASSERT_EQ(message_of(store->record_files({.generation = 1}, {{"a.yaml", large}, {"b.yaml", large}})), "");
  ASSERT_EQ(message_of(store->record_files({.generation = 2}, {{"a.yaml", large}})), "");
  EXPECT_EQ(ask_sql(path(), "SELECT count(*) FROM contents"), "1");
}

TEST_F(SqliteState, AFileContentThatWasChangedBehindOurBackIsDamage) {
  {
    const auto store = open_cleanly(options());
    ASSERT_EQ(message_of(store->record_files({.generation = 1}, {{"a.yaml", "action: Deny"}})), "");
  }
  ASSERT_EQ(run_sql(path(), "UPDATE contents SET content = replace(content, 'Deny', 'Pass')"), "");
  EXPECT_EQ(message_of(value_of(open_state_for_reading(path()))->files_of(1)),
            path() + ": it is damaged: a row is not what was written");
}

TEST_F(SqliteState, AFileOfANewerVersionIsMovedAside) {
  make_file();
  ASSERT_EQ(run_sql(path(), "PRAGMA user_version = 7"), "");
  EXPECT_EQ(message_of(open_state_for_reading(path())),
            path() + ": it was written by a newer version of Tierwall (schema 7, this one knows 3)");
  expect_aside("it was written by a newer version of Tierwall (schema 7, this one knows 3)");
}

TEST_F(SqliteState, AFileWhoseTablesWereChangedIsMovedAside) {
  make_file();
  ASSERT_EQ(run_sql(path(), "ALTER TABLE objects ADD COLUMN colour TEXT"), "");
  expect_aside("it is damaged: its tables are not those of schema 3");
}

TEST_F(SqliteState, ARowThatWasChangedBehindOurBackIsDamage) {
  make_file();
  ASSERT_EQ(run_sql(path(), "UPDATE objects SET document = replace(document, 'Pod', 'Cod')"), "");
  EXPECT_EQ(message_of(value_of(open_state_for_reading(path()))->load()),
            path() + ": it is damaged: a row is not what was written");
  expect_aside("it is damaged: a row is not what was written");
}

TEST_F(SqliteState, AnEmptyFileIsFilled) {
  scratch_.write("state.db", "");
  const OpenedState opened = open_state(options(), clock_);
  EXPECT_EQ(opened.remarks, std::vector{path() + ": was empty"});
  EXPECT_FALSE(opened.refusal);
  EXPECT_EQ(message_of(opened.store->record(pod_change(1, "web"))), "");
}

TEST_F(SqliteState, ThreeFilesThatWereMovedAsideAreKept) {
  for (int i = 0; i < 5; ++i) {
    scratch_.write("state.db", std::string(2000, 'x'));
    scratch_.write("state.db-wal", "log");
    EXPECT_EQ(open_state(options(), clock_).remarks.size(), 1U);
    if (i != 1) clock_.advance(100s);  // twice in one second
  }
  std::vector<std::string> aside;
  for (const std::string& name : names_in(scratch_.path())) {
    if (name.find("corrupt") != std::string::npos) aside.push_back(name);
  }
  std::vector<std::string> expected;
  for (const char* time : {"1700001101", "1700001200", "1700001300"}) {
    for (const char* companion : {"", "-shm", "-wal"})
      expected.push_back(std::string("state.db.corrupt-") + time + companion);
  }
  EXPECT_EQ(aside, expected);
}

TEST_F(SqliteState, ObjectsOfUnknownKindsAreNamedAndStay) {
  make_file();
  {
    auto connected = Database::connect(path(), Access::Write, 0ms);
    ASSERT_TRUE(connected);
    Database& database = *connected;
    const auto insert =
        value_of(database.prepare("INSERT INTO objects (source, kind, namespace, name, boot, "
                                  "resource_version, file, line_number, column_number, document, checksum)"
                                  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    daemon::Run run(insert);
    run.text("kubernetes").text("ServiceEntry").text("shop").text("mail").text("").text("").text("");
    run.number(std::int64_t{0}).number(std::int64_t{0}).blob("{}").seal();
    ASSERT_EQ(message_of(run.finish(database)), "");
  }
  const auto store = open_cleanly(options());
  const Remembered remembered = value_of(store->load());
  EXPECT_EQ(remembered.objects, std::vector{pod("web", "1")});
  EXPECT_EQ(remembered.unknown, std::vector<std::string>{"ServiceEntry shop/mail"});
}

TEST_F(SqliteState, TheFileShrinksAgain) {
  const auto store = open_cleanly(options());
  StateChange all;
  StateChange none;
  for (int i = 0; i < 2000; ++i) {
    all.upserts.push_back(pod("pod-" + std::to_string(i)));
    all.upserts.back().document.resize(3000, ' ');
    none.removals.push_back(all.upserts.back().id);
  }
  ASSERT_EQ(message_of(store->record(all)), "");
  ASSERT_EQ(message_of(store->record(none)), "");
  const std::string pages = "SELECT page_count < 400 FROM pragma_page_count";
  EXPECT_EQ(ask_sql(path(), pages), "0");
  for (std::uint64_t number = 1; number <= 10; ++number)
    ASSERT_EQ(message_of(store->record(pod_change(number, "web"))), "");
  EXPECT_EQ(ask_sql(path(), pages), "1");
}

}  // namespace
}  // namespace tierwall::daemon
