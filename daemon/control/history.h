#pragma once
// The generations that were in force, told for people: read from the store by the daemon, or by the CLI itself where no
// daemon runs.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/control/status.h"
#include "daemon/state/state_store.h"
#include "policy/result.h"

namespace tierwall::daemon {

struct HistoryChange {
  std::string change;  ///< "put", "removed"
  std::string source;  ///< "directory", "kubernetes"
  std::string object;  ///< "Pod shop/web-1"

  friend bool operator==(const HistoryChange&, const HistoryChange&) = default;
};

struct HistoryRow {
  std::uint64_t generation = 0;
  std::int64_t time_ms = 0;  ///< Unix time
  std::string cause;         ///< of a change of the policy directory: "edit", "apply", "rollback", "expired"; or empty
  std::optional<std::int64_t> uid;  ///< who asked for it
  std::vector<std::string> files;   ///< of the policy directory that differ from before
  std::vector<HistoryChange> changes;
  std::uint64_t changes_left_out = 0;
  std::uint64_t endpoints = 0;
  std::uint64_t policies = 0;
  std::uint64_t sets = 0;
  std::uint64_t rules = 0;
  std::uint64_t chains = 0;

  friend bool operator==(const HistoryRow&, const HistoryRow&) = default;
};

/// At most `limit`, the newest first. Fails as the store does.
Result<std::vector<HistoryRow>> read_history(StateStore& store, std::size_t limit);
/// NotFound, with the words since when generations are remembered.
Result<HistoryRow> read_generation(StateStore& store, std::uint64_t number);

/// What the policy directory held in that generation. NotFound if that is not remembered.
Result<FileContents> read_files_at(StateStore& store, std::uint64_t generation);

Json to_json(const HistoryRow& row);
Result<HistoryRow> history_row_from_json(const Json& json);
Result<std::vector<HistoryRow>> history_from_json(const Json& json);
/// As an array of {"name", "content"}; bytes that are no UTF-8 are replaced on the way.
Json to_json(const FileContents& files);
Result<FileContents> files_from_json(const Json& json);
/// One of them.
Result<std::pair<std::string, std::string>> file_from_json(const Json& json);

}  // namespace tierwall::daemon
