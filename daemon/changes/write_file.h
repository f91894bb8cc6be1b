#pragma once
// Files that are there whole or not at all.

#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "policy/result.h"

namespace tierwall::daemon {

struct FileRights {
  mode_t mode = 0600;
  std::optional<gid_t> group = {};  ///< absent: the process's own
};

/// Complete and on the disk, or an error, which names the path. A link at `path` is not followed.
Result<void> write_file(const std::string& path, std::string_view content, const FileRights& rights);

/// The same beside `path` and then in its place: a reader sees the former file or this one. A link there is replaced.
Result<void> replace_file(const std::string& path, std::string_view content, const FileRights& rights);

}  // namespace tierwall::daemon
