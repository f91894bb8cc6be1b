#pragma once
// Texts in one compressed archive (tar, gzip).

#include <string>
#include <vector>

#include "policy/result.h"

namespace tierwall::daemon::ctl {

struct ArchivedText {
  std::string name;
  std::string content;

  friend bool operator==(const ArchivedText&, const ArchivedText&) = default;
};

/// Writes them below a folder of this name into a new file that only its owner may read. Conflict if there is such a
/// file; Denied, Exhausted or Unavailable if it cannot be written, and then there is none.
Result<void> write_archive(const std::string& path, const std::string& folder, const std::vector<ArchivedText>& texts);

}  // namespace tierwall::daemon::ctl
