#pragma once
// The file the state lives in, seen from outside: its folder, its rights, who may write it, and where it goes when it
// is of no use any more. Knows nothing of its content.

#include <chrono>
#include <optional>
#include <string>

#include <sys/types.h>

#include "policy/result.h"
#include "systemd/unique_fd.h"

namespace tierwall::daemon {

/// SQLite keeps the write-ahead log and its index beside the file.
inline constexpr const char* kLogSuffix = "-wal";
inline constexpr const char* kIndexSuffix = "-shm";
inline constexpr const char* kLockSuffix = ".lock";
inline constexpr const char* kAsideSuffix = ".corrupt-";

/// How many files that were moved aside are kept.
inline constexpr std::size_t kKeptAside = 3;

/// "PATH: words of the errno", of the kind that fits it.
Error system_failure(const std::string& path, int errno_value);

/// Makes the folder of the file, and those above it, where they are missing: for the owner only, and for reading by
/// the group if one is given.
Result<void> make_folder_of(const std::string& file, std::optional<gid_t> readers);

/// Makes the file, empty, if it is missing, and sets its rights and those of its companions: 0600, with a group 0640.
Result<void> make_file(const std::string& file, std::optional<gid_t> readers);

/// The right to write, kept by whoever holds the descriptor and gone with him. Busy if another process has it. A file
/// of its own, because SQLite loses its locks when any descriptor of the database is closed.
Result<systemd::UniqueFd> lock_for_writing(const std::string& file);

/// Renames the file and its companions to FILE.corrupt-SECONDS (a later number if that is taken), and removes the
/// oldest such files beyond kKeptAside. The new name.
Result<std::string> move_aside(const std::string& file, std::chrono::seconds unix_time);

/// Has the write-ahead log anything in it?
bool has_log(const std::string& file);

}  // namespace tierwall::daemon
