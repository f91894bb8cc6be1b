#pragma once
// What a node remembers of its past: the daemon's answers, or what the state file says where none runs.

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/control/control_client.h"
#include "daemon/control/history.h"
#include "policy/result.h"

namespace tierwall::daemon::ctl {

inline constexpr const char* kDefaultStateFile = "/var/lib/tierwall/state.db";

struct HistoryDoor {
  std::string socket = kDefaultControlSocket;
  std::string state = kDefaultStateFile;
};

/// Malformed if it is no number.
Result<std::uint64_t> parse_generation(const std::string& text);

// All three: Unavailable if neither answers, otherwise what went wrong; NotFound for what is not remembered.

/// At most `limit`, the newest first.
Result<std::vector<HistoryRow>> list_generations(const HistoryDoor& door, std::uint64_t limit);
Result<HistoryRow> read_generation(const HistoryDoor& door, std::uint64_t number);
/// What the policy directory held in that generation.
Result<FileContents> read_files_at(const HistoryDoor& door, std::uint64_t generation);

}  // namespace tierwall::daemon::ctl
