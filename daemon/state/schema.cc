#include "daemon/state/schema.h"

#include <fmt/format.h>

namespace tierwall::daemon {

namespace {

/// Every table ends with the checksum of its row. Rows of `objects` are large, so they are an ordinary table; the
/// others have their key as their only tree.
constexpr const char* kInitial = R"sql(
CREATE TABLE objects (
  id INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  kind TEXT NOT NULL,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  boot TEXT NOT NULL,
  resource_version TEXT NOT NULL,
  file TEXT NOT NULL,
  line_number INTEGER NOT NULL,
  column_number INTEGER NOT NULL,
  document BLOB NOT NULL,
  checksum INTEGER NOT NULL,
  UNIQUE (source, kind, namespace, name)
);
CREATE TABLE generations (
  number INTEGER PRIMARY KEY,
  time_ms INTEGER NOT NULL,
  endpoints INTEGER NOT NULL,
  policies INTEGER NOT NULL,
  sets INTEGER NOT NULL,
  rules INTEGER NOT NULL,
  chains INTEGER NOT NULL,
  fingerprint TEXT NOT NULL,
  changes_left_out INTEGER NOT NULL,
  checksum INTEGER NOT NULL
);
CREATE INDEX generations_by_time ON generations (time_ms);
CREATE TABLE changes (
  generation INTEGER NOT NULL REFERENCES generations (number) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  source TEXT NOT NULL,
  kind TEXT NOT NULL,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  gone INTEGER NOT NULL,
  resource_version TEXT NOT NULL,
  checksum INTEGER NOT NULL,
  PRIMARY KEY (generation, position)
) WITHOUT ROWID;
CREATE TABLE facts (
  name TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL,
  checksum INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE counters (
  name TEXT NOT NULL PRIMARY KEY,
  packets INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  last_hit_ms INTEGER NOT NULL,
  checksum INTEGER NOT NULL
) WITHOUT ROWID;
)sql";

/// The policy directory: contents are kept once however many versions have them.
constexpr const char* kFileHistory = R"sql(
CREATE TABLE contents (
  id INTEGER PRIMARY KEY,
  hash INTEGER NOT NULL,
  content BLOB NOT NULL,
  checksum INTEGER NOT NULL
);
CREATE INDEX contents_by_hash ON contents (hash);
CREATE TABLE versions (
  number INTEGER PRIMARY KEY,
  generation INTEGER NOT NULL,
  time_ms INTEGER NOT NULL,
  cause TEXT NOT NULL,
  uid INTEGER NOT NULL,
  kept INTEGER NOT NULL,
  checksum INTEGER NOT NULL
);
CREATE TABLE version_files (
  version INTEGER NOT NULL REFERENCES versions (number) ON DELETE CASCADE,
  name TEXT NOT NULL,
  content INTEGER NOT NULL REFERENCES contents (id),
  checksum INTEGER NOT NULL,
  PRIMARY KEY (version, name)
) WITHOUT ROWID;
CREATE TABLE pending (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  waits INTEGER NOT NULL,
  given_ms INTEGER NOT NULL,
  deadline_ms INTEGER NOT NULL,
  deadline_us INTEGER NOT NULL,
  boot TEXT NOT NULL,
  generation INTEGER NOT NULL,
  since_ms INTEGER NOT NULL,
  uid INTEGER NOT NULL,
  checksum INTEGER NOT NULL
);
CREATE TABLE pending_files (
  name TEXT NOT NULL PRIMARY KEY,
  present INTEGER NOT NULL,
  content BLOB NOT NULL,
  checksum INTEGER NOT NULL
) WITHOUT ROWID;
)sql";

/// A ring: the lowest numbers go.
constexpr const char* kToldDrops = R"sql(
CREATE TABLE drops (
  number INTEGER PRIMARY KEY,
  document TEXT NOT NULL,
  checksum INTEGER NOT NULL
);
)sql";

Result<void> take_step(Database& database, const std::string& step, std::size_t version) {
  auto transaction = Transaction::begin(database, Access::Write);
  if (!transaction) return transaction.error();
  if (auto done = database.execute(step); !done) return done;
  const auto marked =
      database.execute(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {};", kApplicationId, version));
  return marked ? transaction->commit() : marked;
}

Result<std::string> describe_tables(Database& database) {
  return database.text(
      "SELECT group_concat(name || ':' || coalesce(sql, '')) FROM (SELECT * FROM sqlite_schema ORDER BY name)");
}

}  // namespace

const Migrations& state_migrations() {
  static const Migrations migrations{kInitial, kFileHistory, kToldDrops};
  return migrations;
}

std::int64_t schema_version() {
  return static_cast<std::int64_t>(state_migrations().size());
}

Result<void> migrate(Database& database, const Migrations& migrations) {
  const auto version = database.number("PRAGMA user_version");
  if (!version) return version.error();
  for (std::size_t done = static_cast<std::size_t>(*version); done < migrations.size(); ++done) {
    if (const auto step = take_step(database, migrations[done], done + 1); !step)
      return step.error().in(fmt::format("from schema {} to {}", done, done + 1));
  }
  return {};
}

Result<void> check_tables(Database& database) {
  auto pattern = Database::in_memory();
  if (!pattern) return pattern.error();
  if (auto made = migrate(*pattern, state_migrations()); !made) return made;
  const auto expected = describe_tables(*pattern);
  if (!expected) return expected.error();
  const auto found = describe_tables(database);
  if (!found) return found.error();
  if (*found == *expected) return {};
  return malformed(
      fmt::format("{}: it is damaged: its tables are not those of schema {}", database.path(), schema_version()));
}

Result<bool> is_blank(Database& database) {
  for (const char* question : {"PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_schema"}) {
    const auto answer = database.number(question);
    if (!answer) return answer.error();
    if (*answer != 0) return false;
  }
  return true;
}

Result<void> check_identity(Database& database) {
  const auto application = database.number("PRAGMA application_id");
  if (!application) return application.error();
  if (*application != kApplicationId)
    return malformed(fmt::format("{}: it is a database of another program", database.path()));
  const auto version = database.number("PRAGMA user_version");
  if (!version) return version.error();
  if (*version < 0 || *version > schema_version())
    return malformed(fmt::format("{}: it was written by a newer version of Tierwall (schema {}, this one knows {})",
                                 database.path(), *version, schema_version()));
  return {};
}

Result<void> check_file(Database& database) {
  if (auto ours = check_identity(database); !ours) return ours;
  // Not quick_check: that leaves out the indexes, and a row that its index does not lead to cannot be replaced.
  const auto checked = database.text("PRAGMA integrity_check(1)");
  if (!checked) return checked.error();
  if (*checked != "ok") return malformed(fmt::format("{}: it is damaged: {}", database.path(), *checked));
  return {};
}

}  // namespace tierwall::daemon
