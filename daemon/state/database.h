#pragma once
// SQLite with owners: a connection, its prepared statements, one run of a statement, a transaction. The only place
// that reads SQLite's answers; everything above sees Results.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <sqlite3.h>

#include "daemon/state/checksum.h"
#include "policy/result.h"

namespace tierwall::daemon {

struct CloseDatabase {
  void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using ConnectionPtr = std::unique_ptr<sqlite3, CloseDatabase>;
using StatementPtr = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

enum class Access {
  Write,  ///< the file must exist
  Read,
  Frozen,  ///< reads a file that nobody changes and that has no write-ahead log; needs no writable folder
};

class Database {
 public:
  /// Sets what every connection needs; touches neither the journal mode nor the content, also not at its close: what
  /// turns out to be of no use keeps its write-ahead log as it was found.
  static Result<Database> connect(const std::string& path, Access access, std::chrono::milliseconds busy_timeout);

  /// Gone with its owner.
  static Result<Database> in_memory();

  /// Statements that give no rows anyone wants to see; several may stand in a row.
  Result<void> execute(const std::string& sql);
  Result<StatementPtr> prepare(std::string_view sql);
  /// The first column of the first row; 0 without rows.
  Result<std::int64_t> number(std::string_view sql);
  Result<std::string> text(std::string_view sql);

  /// What SQLite says about the call that just answered `code`, as "PATH: words".
  [[nodiscard]] Error failure(int code) const;
  [[nodiscard]] sqlite3* raw() const { return connection_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  Database(ConnectionPtr connection, std::string path) : connection_(std::move(connection)), path_(std::move(path)) {}

  static Result<Database> open(const std::string& path, const std::string& uri, Access access,
                               std::chrono::milliseconds busy_timeout);

  ConnectionPtr connection_;
  std::string path_;
};

/// Is the file to blame, rather than the disk, its rights or its load? Then it is no use as it is.
bool is_damage(const Error& error);

/// One run of a prepared statement: bound, stepped, and reset at the end, because a statement that is not reset keeps
/// its transaction open. Texts that are bound must live as long as the run; texts it gives live until the next step.
class Run {
 public:
  explicit Run(const StatementPtr& statement) : statement_(statement.get()) {}
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  Run& text(std::string_view value);
  Run& blob(std::string_view value);
  Run& number(std::int64_t value);
  Run& number(std::uint64_t value) { return number(static_cast<std::int64_t>(value)); }
  /// Binds the checksum of everything that was bound so far: the last column of every row.
  Run& seal();

  /// True: there is a row.
  Result<bool> step(const Database& database);
  /// Steps to the end.
  Result<void> finish(const Database& database);

  [[nodiscard]] std::string_view bytes_at(int column) const;
  [[nodiscard]] std::string text_at(int column) const { return std::string(bytes_at(column)); }
  [[nodiscard]] std::int64_t number_at(int column) const { return sqlite3_column_int64(statement_, column); }
  /// Is the row what was written? Pre: its columns are those that were sealed, in their order, and the seal.
  [[nodiscard]] bool is_sealed() const;

 private:
  sqlite3_stmt* statement_;  // not owned
  int next_ = 1;             // parameter to bind
  Checksum bound_;
};

/// Undone at its end unless it was committed.
class Transaction {
 public:
  /// Write takes the writer's place at once, so that it cannot fail half way for want of it.
  static Result<Transaction> begin(Database& database, Access access);
  ~Transaction();
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;

  Result<void> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}

  Database* database_;  // null: nothing to undo
};

}  // namespace tierwall::daemon
