#include "daemon/state/database.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "daemon/state/state_file.h"

namespace tierwall::daemon {

namespace {

// More than any source gives. What claims to be larger is damage, and is not worth the memory.
constexpr int kLargestRow = 128 << 20;

std::string uri_of(const std::string& path, Access access) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '?' || c == '#' || c == '%')
      uri += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    else
      uri += c;
  }
  if (access == Access::Write) return uri + "?mode=rw";
  return uri + (access == Access::Frozen ? "?immutable=1" : "?mode=ro");
}

/// synchronous=NORMAL: with a write-ahead log a loss of power may cost the last transactions but never damages the
/// file, and after it the kernel has no rules and every pod is new anyway; a death of the process alone costs nothing.
/// FULL would wait for the disk at every change of a pod. trusted_schema, cell_size_check: a damaged file does no harm.
constexpr const char* kSettings =
    "PRAGMA foreign_keys = ON;"
    "PRAGMA synchronous = NORMAL;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA cache_size = -2048;"
    "PRAGMA trusted_schema = OFF;"
    "PRAGMA cell_size_check = ON;";

ErrorKind kind_of_errno(int number, ErrorKind otherwise) {
  return number == 0 ? otherwise : system_failure("", number).kind;
}

/// By the primary code; `number` is the errno where a system call failed.
ErrorKind kind_of(int code, int number) {
  switch (code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return ErrorKind::Exhausted;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorKind::Busy;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return ErrorKind::Denied;
    case SQLITE_CANTOPEN:
      return kind_of_errno(number, ErrorKind::Unavailable);
    case SQLITE_IOERR:
      if (code == SQLITE_IOERR_CORRUPTFS) return ErrorKind::Malformed;
      return code == SQLITE_IOERR_NOMEM ? ErrorKind::Exhausted : kind_of_errno(number, ErrorKind::Unavailable);
    case SQLITE_CONSTRAINT:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR:  // a statement of ours that this file's schema does not fit
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
    case SQLITE_FORMAT:
      return ErrorKind::Malformed;
    default:
      return ErrorKind::Internal;
  }
}

std::string_view words_for(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return "the disk is full";
    case SQLITE_NOMEM:
      return "not enough memory";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "another process holds it";
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return "it may not be written";
    case SQLITE_CANTOPEN:
      return "it cannot be opened";
    case SQLITE_IOERR:
      return "reading or writing it failed";
    case SQLITE_CORRUPT:
      return "it is damaged";
    case SQLITE_NOTADB:
      return "it is no database";
    default:
      return {};
  }
}

bool is_system_failure(int code) {
  return (code & 0xff) == SQLITE_CANTOPEN || (code & 0xff) == SQLITE_IOERR;
}

Error describe(sqlite3* connection, const std::string& path, int code) {
  const int number = connection != nullptr && is_system_failure(code) ? sqlite3_system_errno(connection) : 0;
  std::string words(words_for(code));
  if (words.empty()) words = connection != nullptr ? sqlite3_errmsg(connection) : sqlite3_errstr(code);
  if (number != 0) words += fmt::format(": {}", std::strerror(number));
  return {kind_of(code, number), fmt::format("{}: {}", path, words), number};
}

}  // namespace

Result<Database> Database::connect(const std::string& path, Access access, std::chrono::milliseconds busy_timeout) {
  return open(path, uri_of(path, access), access, busy_timeout);
}

Result<Database> Database::in_memory() {
  return open("memory", "file::memory:", Access::Write, {});
}

Result<Database> Database::open(const std::string& path, const std::string& uri, Access access,
                                std::chrono::milliseconds busy_timeout) {
  const int mode = access == Access::Write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(uri.c_str(), &raw, mode | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  Database database(ConnectionPtr(raw), path);
  if (code != SQLITE_OK) return describe(raw, path, code);
  sqlite3_busy_timeout(raw, static_cast<int>(busy_timeout.count()));
  sqlite3_limit(raw, SQLITE_LIMIT_LENGTH, kLargestRow);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  if (const auto set = database.execute(kSettings); !set) return set.error();
  return database;
}

Result<void> Database::execute(const std::string& sql) {
  const int code = sqlite3_exec(raw(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return failure(code);
  return {};
}

Result<StatementPtr> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(raw(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                      &statement, nullptr);
  if (code != SQLITE_OK) return failure(code);
  return StatementPtr(statement);
}

Result<std::int64_t> Database::number(std::string_view sql) {
  const auto statement = prepare(sql);
  if (!statement) return statement.error();
  Run run(*statement);
  const auto row = run.step(*this);
  if (!row) return row.error();
  return *row ? run.number_at(0) : 0;
}

Result<std::string> Database::text(std::string_view sql) {
  const auto statement = prepare(sql);
  if (!statement) return statement.error();
  Run run(*statement);
  const auto row = run.step(*this);
  if (!row) return row.error();
  return *row ? run.text_at(0) : std::string();
}

Error Database::failure(int code) const {
  return describe(raw(), path_, code);
}

bool is_damage(const Error& error) {
  return error.kind == ErrorKind::Malformed;
}

Run::~Run() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

// A binding fails for a wrong number or for want of memory only, and then the step fails on a NULL that no column
// takes.
Run& Run::text(std::string_view value) {
  const char* data = value.data() == nullptr ? "" : value.data();
  sqlite3_bind_text64(statement_, next_++, data, value.size(), SQLITE_STATIC, SQLITE_UTF8);
  bound_.add(value);
  return *this;
}

Run& Run::blob(std::string_view value) {
  const char* data = value.data() == nullptr ? "" : value.data();
  sqlite3_bind_blob64(statement_, next_++, data, value.size(), SQLITE_STATIC);
  bound_.add(value);
  return *this;
}

Run& Run::number(std::int64_t value) {
  sqlite3_bind_int64(statement_, next_++, value);
  bound_.add(value);
  return *this;
}

Run& Run::seal() {
  return number(bound_.value());
}

Result<bool> Run::step(const Database& database) {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return database.failure(code);
}

Result<void> Run::finish(const Database& database) {
  for (;;) {
    const auto row = step(database);
    if (!row) return row.error();
    if (!*row) return {};
  }
}

std::string_view Run::bytes_at(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  if (data == nullptr) return {};
  return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

bool Run::is_sealed() const {
  const int seal = sqlite3_column_count(statement_) - 1;
  Checksum found;
  for (int column = 0; column < seal; ++column) {
    if (sqlite3_column_type(statement_, column) == SQLITE_INTEGER)
      found.add(number_at(column));
    else
      found.add(bytes_at(column));
  }
  return sqlite3_column_type(statement_, seal) == SQLITE_INTEGER && number_at(seal) == found.value();
}

Result<Transaction> Transaction::begin(Database& database, Access access) {
  const auto begun = database.execute(access == Access::Write ? "BEGIN IMMEDIATE" : "BEGIN");
  if (!begun) return begun.error();
  return Transaction(database);
}

Transaction::~Transaction() {
  // SQLite undoes some failed transactions by itself.
  if (database_ != nullptr && sqlite3_get_autocommit(database_->raw()) == 0)
    static_cast<void>(database_->execute("ROLLBACK"));
}

Result<void> Transaction::commit() {
  if (const auto committed = database_->execute("COMMIT"); !committed) return committed.error();
  database_ = nullptr;
  return {};
}

}  // namespace tierwall::daemon
