// The policy directory's files in the SQLite file: the second half of daemon/state/sqlite_store.h.

#include <fmt/format.h>

#include "daemon/state/sqlite_rows.h"
#include "daemon/state/sqlite_store.h"

namespace tierwall::daemon {

namespace {

std::int64_t hash_of(const std::string& content) {
  return Checksum().add(content).value();
}

/// Commits reach the disk before they return, as long as this lives.
class WritesThrough {
 public:
  explicit WritesThrough(Database& database) : database_(database), set_(database.execute(setting("FULL"))) {}
  ~WritesThrough() { static_cast<void>(database_.execute(setting("NORMAL"))); }
  WritesThrough(const WritesThrough&) = delete;
  WritesThrough& operator=(const WritesThrough&) = delete;

  [[nodiscard]] const Result<void>& set() const { return set_; }

 private:
  static std::string setting(const char* level) { return fmt::format("PRAGMA synchronous = {};", level); }

  Database& database_;
  Result<void> set_;
};

}  // namespace

std::string SqliteStore::sql_about_files(Statement statement) {
  switch (statement) {
    case kFindContent:
      return "SELECT id FROM contents WHERE hash = ? AND content = ?";
    case kPutContent:
      return insert("contents", kContentColumns, "");
    case kDropContents:
      return "DELETE FROM contents WHERE id NOT IN (SELECT content FROM version_files)";
    case kContents:
      return select(kContentColumns, "contents");
    case kPutVersion:
      return insert("versions", kVersionColumns, "");
    case kVersions:
      return select(kVersionColumns, "versions ORDER BY number DESC");
    case kPutVersionFile:
      return insert("version_files", kVersionFileColumns, "");
    case kVersionFiles:
      return select(kVersionFileColumns, "version_files WHERE version = ?");
    case kAllVersionFiles:
      return select(kVersionFileColumns, "version_files");
    case kFilesOfVersion:
      return select(kContentColumns, "contents WHERE id = ?");
    case kPruneVersions:
      return "DELETE FROM versions WHERE number <= ?";
    case kSizeOfContents:
      return "SELECT coalesce(sum(length(content)), 0) FROM contents";
    case kPutPending:
      return insert("pending", kPendingColumns, "");
    case kPending:
      return select(kPendingColumns, "pending");
    case kRemovePending:
      return "DELETE FROM pending";
    case kPutPendingFile:
      return insert("pending_files", kPendingFileColumns, "");
    case kPendingFiles:
      return select(kPendingFileColumns, "pending_files");
    case kRemovePendingFiles:
      return "DELETE FROM pending_files";
    default:
      return {};
  }
}

Result<void> SqliteStore::run_alone(Statement statement) {
  Run run(statements_[statement]);
  return run.finish(database_);
}

// --- versions ---

Result<void> SqliteStore::record_files(const FileVersion& version, const FileContents& files) {
  auto transaction = begin_change();
  if (!transaction) return transaction.error();
  const auto versions = read_versions();
  if (!versions) return versions.error();
  const auto known = is_newest(*versions, files);
  if (!known) return known.error();
  if (*known) return {};
  FileVersion written = version;
  written.number = versions->empty() ? 1 : versions->front().number + 1;
  written.kept = size_of(files) <= writing_.limits.files.bytes;
  if (auto done = write_version(written, files); !done) return done;
  if (auto done = prune_versions(written); !done) return done;
  auto committed = transaction->commit();
  if (committed) give_back_space();
  return committed;
}

Result<bool> SqliteStore::is_newest(const std::vector<FileVersion>& versions, const FileContents& files) {
  if (versions.empty() || !versions.front().kept) return false;
  const auto newest = read_files(versions.front().number);
  if (!newest) return newest.error();
  return *newest == files;
}

Result<void> SqliteStore::write_version(const FileVersion& version, const FileContents& files) {
  Run run(statements_[kPutVersion]);
  bind_version(run, version);
  if (auto done = run.finish(database_); !done) return done;
  if (!version.kept) return {};
  for (const auto& [name, content] : files) {
    const auto id = put_content(content);
    if (!id) return id.error();
    Run file(statements_[kPutVersionFile]);
    if (auto done = file.number(version.number).text(name).number(*id).seal().finish(database_); !done) return done;
  }
  return {};
}

Result<std::int64_t> SqliteStore::put_content(const std::string& content) {
  const std::int64_t hash = hash_of(content);
  {
    Run known(statements_[kFindContent]);
    const auto row = known.number(hash).blob(content).step(database_);
    if (!row) return row.error();
    if (*row) return known.number_at(0);
  }
  Run run(statements_[kPutContent]);
  if (auto done = run.number(hash).blob(content).seal().finish(database_); !done) return done.error();
  return std::int64_t{sqlite3_last_insert_rowid(database_.raw())};
}

Result<void> SqliteStore::prune_versions(const FileVersion& newest) {
  const FileLimits& limits = writing_.limits.files;
  const auto versions = read_versions();
  if (!versions) return versions.error();
  // A version ages from the time another one took its place.
  for (std::size_t i = 1; i < versions->size(); ++i) {
    const bool too_old = (*versions)[i - 1].time < newest.time - limits.age;
    if (i < limits.versions && !too_old) continue;
    if (auto done = forget_versions_up_to((*versions)[i].number); !done) return done;
    break;
  }
  // Oldest first, until the rest is small enough.
  for (std::size_t i = versions->size(); i > 1; --i) {
    const auto size = size_of_contents();
    if (!size) return size.error();
    if (*size <= limits.bytes) return {};
    if (auto done = forget_versions_up_to((*versions)[i - 1].number); !done) return done;
  }
  return {};
}

Result<void> SqliteStore::forget_versions_up_to(std::uint64_t number) {
  Run run(statements_[kPruneVersions]);
  if (auto done = run.number(number).finish(database_); !done) return done;
  return run_alone(kDropContents);
}

Result<std::size_t> SqliteStore::size_of_contents() {
  Run run(statements_[kSizeOfContents]);
  const auto row = run.step(database_);
  if (!row) return row.error();
  return static_cast<std::size_t>(run.number_at(0));
}

Result<std::vector<FileVersion>> SqliteStore::file_versions() {
  auto transaction = Transaction::begin(database_, Access::Read);
  if (!transaction) return transaction.error();
  return read_versions();
}

Result<std::vector<FileVersion>> SqliteStore::read_versions() {
  std::vector<FileVersion> versions;
  Run run(statements_[kVersions]);
  for (;;) {
    const auto row = next_row(run);
    if (!row) return row.error();
    if (!*row) return versions;
    versions.push_back(read_version(run));
  }
}

Result<FileContents> SqliteStore::files_of(std::uint64_t version) {
  auto transaction = Transaction::begin(database_, Access::Read);
  if (!transaction) return transaction.error();
  const auto versions = read_versions();
  if (!versions) return versions.error();
  for (const FileVersion& known : *versions) {
    if (known.number == version && known.kept) return read_files(version);
  }
  return no_such_version(version);
}

Result<FileContents> SqliteStore::read_files(std::uint64_t version) {
  FileContents files;
  Run run(statements_[kVersionFiles]);
  run.number(version);
  for (;;) {
    const auto row = next_row(run);
    if (!row) return row.error();
    if (!*row) return files;
    Run content(statements_[kFilesOfVersion]);
    const auto found = next_row(content.number(run.number_at(2)));
    if (!found) return found.error();
    if (!*found) return malformed(fmt::format("{}: it is damaged: a file's content is missing", database_.path()));
    files.emplace(run.text_at(1), content.text_at(1));
  }
}

// --- the change that waits ---

Result<void> SqliteStore::put_pending(const std::optional<PendingChange>& change) {
  const WritesThrough through(database_);
  if (!through.set()) return through.set();
  auto transaction = begin_change();
  if (!transaction) return transaction.error();
  if (auto written = write_pending(change); !written) return written;
  return transaction->commit();
}

Result<void> SqliteStore::write_pending(const std::optional<PendingChange>& change) {
  for (const Statement removal : {kRemovePending, kRemovePendingFiles}) {
    if (auto done = run_alone(removal); !done) return done;
  }
  if (!change) return {};
  Run run(statements_[kPutPending]);
  bind_pending(run, *change);
  if (auto done = run.finish(database_); !done) return done;
  for (const auto& [name, content] : change->former) {
    Run file(statements_[kPutPendingFile]);
    bind_pending_file(file, name, content);
    if (auto done = file.finish(database_); !done) return done;
  }
  return {};
}

Result<std::optional<PendingChange>> SqliteStore::pending() {
  auto transaction = Transaction::begin(database_, Access::Read);
  if (!transaction) return transaction.error();
  Run run(statements_[kPending]);
  const auto row = next_row(run);
  if (!row) return row.error();
  if (!*row) return std::optional<PendingChange>();
  PendingChange change = read_pending(run);
  if (const auto read = read_pending_files(change); !read) return read.error();
  return std::optional(std::move(change));
}

Result<void> SqliteStore::read_pending_files(PendingChange& change) {
  Run run(statements_[kPendingFiles]);
  for (;;) {
    const auto row = next_row(run);
    if (!row) return row.error();
    if (!*row) return {};
    const bool present = run.number_at(1) != 0;
    change.former.emplace(run.text_at(0), present ? std::optional(run.text_at(2)) : std::nullopt);
  }
}

}  // namespace tierwall::daemon
