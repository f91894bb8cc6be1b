#pragma once
// The memory in an SQLite file. open_state.h makes it; nothing here opens, repairs or migrates.

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/state/database.h"
#include "daemon/state/state_store.h"
#include "systemd/unique_fd.h"

namespace tierwall::daemon {

/// May the store write, and with what?
struct Writing {
  std::optional<Error> refusal = {};  ///< given: every change fails with it, and nothing below counts
  StateLimits limits = {};
};

class SqliteStore final : public StateStore {
 public:
  /// Pre: the database has the schema of this version.
  static Result<std::unique_ptr<SqliteStore>> make(Database database, Writing writing);

  /// Keeps the right to write as long as the store lives.
  void hold(systemd::UniqueFd lock) { lock_ = std::move(lock); }
  /// Malformed if any row is not what was written.
  Result<void> verify();

  Result<void> record(const StateChange& change) override;
  Result<Remembered> load() override;
  Result<ObjectPage> objects(std::uint64_t from, std::size_t limit) override;
  Result<std::vector<Generation>> history(std::size_t limit) override;
  Result<Generation> generation(std::uint64_t number) override;
  Result<void> add_counters(const Counters& counters) override;
  Result<void> put_drops(const ToldDrops& drops) override;
  Result<ToldDrops> drops() override;
  Result<std::size_t> forget_boot(const std::string& boot_id, const std::vector<policy::Kind>& kinds) override;
  Result<void> record_files(const FileVersion& version, const FileContents& files) override;
  Result<std::vector<FileVersion>> file_versions() override;
  Result<FileContents> files_of(std::uint64_t version) override;
  Result<void> put_pending(const std::optional<PendingChange>& change) override;
  Result<std::optional<PendingChange>> pending() override;

 private:
  enum Statement : std::size_t {
    kRemoveObject,
    kPutObject,
    kPutFact,
    kLatestNumber,
    kPutGeneration,
    kPutChange,
    kPruneByNumber,
    kPruneByTime,
    kObjects,
    kObjectsFrom,
    kObjectIdsFrom,
    kFacts,
    kGenerations,
    kAllGenerations,
    kChangesOf,
    kAllChanges,
    kCounters,
    kCounter,
    kPutCounter,
    kCountCounters,
    kPruneCounters,
    kForgetBoot,
    kPutDrop,
    kPruneDrops,
    kDrops,
    kFreePages,
    kFindContent,
    kPutContent,
    kDropContents,
    kContents,
    kPutVersion,
    kVersions,
    kPutVersionFile,
    kVersionFiles,
    kAllVersionFiles,
    kFilesOfVersion,
    kPruneVersions,
    kSizeOfContents,
    kPutPending,
    kPending,
    kRemovePending,
    kPutPendingFile,
    kPendingFiles,
    kRemovePendingFiles,
    kStatementCount,
  };

  SqliteStore(Database database, Writing writing) : writing_(std::move(writing)), database_(std::move(database)) {}

  static std::string sql_of(Statement statement);
  static std::string sql_about_files(Statement statement);
  Result<void> prepare();
  Result<Transaction> begin_change();

  Result<void> remove_objects(const std::vector<ObjectId>& ids);
  Result<void> put_objects(const std::vector<RememberedObject>& objects);
  Result<void> put_facts(const std::map<std::string, std::string>& facts);
  Result<void> put_generation(const Generation& given);
  Result<void> write_generation(const Generation& generation);
  Result<void> prune(const Generation& newest);
  Result<void> put_counter(const std::string& name, const Counter& added);
  Result<void> prune_counters();
  void give_back_space();

  // The files of the policy directory: sqlite_files.cc.
  Result<std::vector<FileVersion>> read_versions();
  Result<FileContents> read_files(std::uint64_t version);
  Result<bool> is_newest(const std::vector<FileVersion>& versions, const FileContents& files);
  Result<std::int64_t> put_content(const std::string& content);
  Result<void> write_version(const FileVersion& version, const FileContents& files);
  Result<void> prune_versions(const FileVersion& newest);
  Result<void> forget_versions_up_to(std::uint64_t number);
  Result<std::size_t> size_of_contents();
  Result<void> write_pending(const std::optional<PendingChange>& change);
  Result<void> read_pending_files(PendingChange& change);
  Result<void> run_alone(Statement statement);

  Result<void> read_objects(Remembered& remembered);
  Result<void> read_facts(Remembered& remembered);
  Result<void> read_counters(Remembered& remembered);
  Result<void> read_changes(Generation& generation);
  /// The newest first, from this number down.
  Result<std::vector<Generation>> read_generations(std::uint64_t from, std::size_t limit);
  /// The next row, whole and untampered; false at the end.
  Result<bool> next_row(Run& run);

  Writing writing_;
  systemd::UniqueFd lock_;  // goes after the database: closing that still writes
  Database database_;
  std::array<StatementPtr, kStatementCount> statements_;  // go before the connection they belong to
};

}  // namespace tierwall::daemon
