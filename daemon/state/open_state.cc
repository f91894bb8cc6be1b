#include "daemon/state/open_state.h"

#include <cerrno>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "daemon/state/database.h"
#include "daemon/state/schema.h"
#include "daemon/state/sqlite_store.h"
#include "daemon/state/state_file.h"

namespace tierwall::daemon {

namespace {

constexpr std::chrono::milliseconds kReaderTimeout{1000};

/// The log is emptied into the file when it has 500 pages; it shrinks to this after a large change.
constexpr const char* kLogSettings =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA wal_autocheckpoint = 500;"
    "PRAGMA journal_size_limit = 4194304;";

/// Has nothing and takes nothing.
class AbsentStore final : public StateStore {
 public:
  explicit AbsentStore(Error refusal) : refusal_(std::move(refusal)) {}

  Result<void> record(const StateChange&) override { return refusal_; }
  Result<Remembered> load() override { return refusal_; }
  Result<ObjectPage> objects(std::uint64_t, std::size_t) override { return refusal_; }
  Result<std::vector<Generation>> history(std::size_t) override { return refusal_; }
  Result<Generation> generation(std::uint64_t) override { return refusal_; }
  Result<void> add_counters(const Counters&) override { return refusal_; }
  Result<void> put_drops(const ToldDrops&) override { return refusal_; }
  Result<ToldDrops> drops() override { return refusal_; }
  Result<std::size_t> forget_boot(const std::string&, const std::vector<policy::Kind>&) override { return refusal_; }
  Result<void> record_files(const FileVersion&, const FileContents&) override { return refusal_; }
  Result<std::vector<FileVersion>> file_versions() override { return refusal_; }
  Result<FileContents> files_of(std::uint64_t) override { return refusal_; }
  Result<void> put_pending(const std::optional<PendingChange>&) override { return refusal_; }
  Result<std::optional<PendingChange>> pending() override { return refusal_; }

 private:
  Error refusal_;
};

Result<void> fill_blank(Database& database) {
  // Both take effect only while there is nothing in the file. A page holds a few objects, so that a start reads few.
  return database.execute("PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL;");
}

/// What was found to be sound is emptied into the file at its close. The log itself stays, empty: without it, who may
/// only read cannot open the file.
void tidy_at_close(Database& database) {
  sqlite3_db_config(database.raw(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  int on = 1;
  sqlite3_file_control(database.raw(), "main", SQLITE_FCNTL_PERSIST_WAL, &on);
}

Result<void> bring_up_to_date(Database& database) {
  const auto blank = is_blank(database);
  if (!blank) return blank.error();
  if (auto checked = *blank ? fill_blank(database) : check_file(database); !checked) return checked;
  if (auto set = database.execute(kLogSettings); !set) return set;
  if (auto migrated = migrate(database, state_migrations()); !migrated) return migrated;
  return check_tables(database);
}

Result<std::unique_ptr<SqliteStore>> make_verified(Database database, Writing writing) {
  auto store = SqliteStore::make(std::move(database), std::move(writing));
  if (!store) return store;
  if (const auto verified = (*store)->verify(); !verified) return verified.error();
  return store;
}

Result<Database> open_writable(const StateOptions& options) {
  if (const auto made = make_file(options.path, options.readers); !made) return made.error();
  auto database = Database::connect(options.path, Access::Write, options.busy_timeout);
  if (!database) return database;
  // SQLite also takes a file for read-only whose header names a form of writing it does not know.
  const bool read_only = sqlite3_db_readonly(database->raw(), "main") == 1;
  if (read_only && access(options.path.c_str(), W_OK) == 0)
    return malformed(fmt::format("{}: it is damaged: its header forbids writing", options.path));
  if (read_only) return Error{ErrorKind::Denied, fmt::format("{}: it may not be written", options.path), EACCES};
  if (const auto ready = bring_up_to_date(*database); !ready) return ready.error();
  tidy_at_close(*database);
  // The log was made with the rights of the file; the file may have had others before.
  if (const auto set = make_file(options.path, options.readers); !set) return set.error();
  return database;
}

/// Reads are possible where nothing can be written: with the log and its index if they are there, as they are after
/// every life of the daemon; else as a file that nobody changes, if no log is lost by that.
Result<Database> open_readable(const std::string& path, std::chrono::milliseconds busy_timeout) {
  const Access ways[] = {Access::Read, Access::Frozen};
  std::optional<Error> failure;
  for (const Access access : ways) {
    if (access == Access::Frozen && has_log(path)) break;
    auto database = Database::connect(path, access, busy_timeout);
    const auto ours = database ? check_identity(*database) : Result<void>(database.error());
    if (ours) return database;
    if (!failure) failure = ours.error();
    if (is_damage(ours.error())) break;
  }
  return *failure;
}

Error other_version(const Database& database) {
  return malformed(fmt::format("{}: it was written by an older version of Tierwall; its daemon brings it up to date",
                               database.path()));
}

Result<std::unique_ptr<SqliteStore>> make_reading(Result<Database> database, Error refusal) {
  if (!database) return database.error();
  const auto version = database->number("PRAGMA user_version");
  if (!version) return version.error();
  if (*version != schema_version()) return other_version(*database);
  return SqliteStore::make(*std::move(database), {.refusal = std::move(refusal), .limits = {}});
}

bool is_there(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0;
}

/// What can be had when nothing can be written.
OpenedState without_writing(const StateOptions& options, Error refusal, std::vector<std::string> remarks) {
  OpenedState opened{.store = {}, .remarks = std::move(remarks), .refusal = refusal};
  if (is_there(options.path)) {
    auto reading = make_reading(open_readable(options.path, options.busy_timeout), refusal);
    const auto verified = reading ? (*reading)->verify() : Result<void>(reading.error());
    if (verified)
      opened.store = *std::move(reading);
    else
      opened.remarks.push_back(fmt::format("what was remembered cannot be read: {}", verified.error().message));
  }
  if (!opened.store) opened.store = std::make_unique<AbsentStore>(std::move(refusal));
  return opened;
}

/// An empty file that was there before says that something emptied it, or stopped us while making it. One byte is
/// nothing to SQLite.
bool is_empty_file(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && status.st_size <= 1;
}

class Opening {
 public:
  Opening(const StateOptions& options, const Clock& clock) : options_(options), clock_(clock) {}

  OpenedState run() {
    if (const auto made = make_folder_of(options_.path, options_.readers); !made) return give_up(made.error());
    auto lock = lock_for_writing(options_.path);
    if (!lock) return give_up(lock.error());
    if (is_empty_file(options_.path)) remarks_.push_back(fmt::format("{}: was empty", options_.path));
    auto store = open_or_replace();
    if (!store) return give_up(store.error());
    (*store)->hold(*std::move(lock));
    return {.store = *std::move(store), .remarks = std::move(remarks_), .refusal = {}};
  }

 private:
  OpenedState give_up(const Error& error) { return without_writing(options_, error, std::move(remarks_)); }

  Result<std::unique_ptr<SqliteStore>> open_or_replace() {
    auto store = open_checked();
    if (store || !is_damage(store.error())) return store;
    const auto aside = move_aside(options_.path, std::chrono::duration_cast<std::chrono::seconds>(clock_.unix_time()));
    if (!aside) return aside.error();
    remarks_.push_back(fmt::format("{}; moved to {}, starting anew", store.error().message, *aside));
    return open_checked();
  }

  Result<std::unique_ptr<SqliteStore>> open_checked() {
    auto database = open_writable(options_);
    if (!database) return database.error();
    return make_verified(*std::move(database), {.refusal = {}, .limits = options_.limits});
  }

  const StateOptions& options_;
  const Clock& clock_;
  std::vector<std::string> remarks_;
};

}  // namespace

OpenedState open_state(const StateOptions& options, const Clock& clock) {
  return Opening(options, clock).run();
}

Result<std::unique_ptr<StateStore>> open_state_for_reading(const std::string& path) {
  if (!is_there(path)) return system_failure(path, errno);
  const Error refusal{ErrorKind::Denied, fmt::format("{}: opened for reading only", path)};
  auto reading = make_reading(open_readable(path, kReaderTimeout), refusal);
  if (!reading) return reading.error();
  return std::unique_ptr<StateStore>(*std::move(reading));
}

}  // namespace tierwall::daemon
