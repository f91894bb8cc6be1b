#pragma once
// What the store remembers of the policy directory's files: their contents from one generation to the next, and a
// change that waits for its confirmation together with what stood there before it.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace tierwall::daemon {

/// Contents by name within the directory.
using FileContents = std::map<std::string, std::string>;
/// The same, where nothing means: there is no such file.
using FileChanges = std::map<std::string, std::optional<std::string>>;

/// Who had the files changed.
enum class FileCause {
  Edit,      ///< somebody wrote into the directory
  Apply,     ///< `tierwall apply`
  Rollback,  ///< `tierwall rollback`
  Expired,   ///< nobody confirmed in time
};

/// The files as they were from one generation on.
struct FileVersion {
  std::uint64_t number = 0;      ///< given by the store, from 1
  std::uint64_t generation = 0;  ///< in force with these files
  std::chrono::milliseconds time{0};
  FileCause cause = FileCause::Edit;
  std::optional<std::uint32_t> uid = {};  ///< of who asked for it; absent: nobody asked us
  bool kept = true;                       ///< false: the contents were too large to remember

  friend bool operator==(const FileVersion&, const FileVersion&) = default;
};

/// Until when somebody has to say that a change is good. Every clock by itself can be wrong, so there are two.
struct Deadline {
  std::chrono::milliseconds given{0};      ///< how long it was from the beginning
  std::chrono::milliseconds unix_time{0};  ///< when it is over, since 1970
  std::chrono::microseconds monotonic{0};  ///< when it is over, on the clock of that boot
  std::string boot_id = {};

  friend bool operator==(const Deadline&, const Deadline&) = default;
};

/// A change of files that is not final. At most one.
struct PendingChange {
  FileChanges former = {};             ///< of every file it touches
  std::optional<Deadline> wait = {};   ///< absent: it is being written, and was interrupted if it is found at a start
  std::uint64_t generation = 0;        ///< in force since it was written
  std::chrono::milliseconds since{0};  ///< Unix time
  std::uint32_t uid = 0;               ///< of who asked for it

  friend bool operator==(const PendingChange&, const PendingChange&) = default;
};

/// How much is kept. The newest version always is, if it is not too large by itself.
struct FileLimits {
  std::size_t versions = 200;
  std::chrono::milliseconds age = std::chrono::hours(24 * 90);  ///< since another version took its place
  std::size_t bytes = 16u << 20;                                ///< of all contents, each counted once

  friend bool operator==(const FileLimits&, const FileLimits&) = default;
};

}  // namespace tierwall::daemon
