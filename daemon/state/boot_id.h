#pragma once
// Which boot of the machine this is. Pods of an earlier boot are gone, whatever is remembered of them.

#include <string>

#include "policy/result.h"

namespace tierwall::daemon {

inline constexpr const char* kBootIdFile = "/proc/sys/kernel/random/boot_id";

/// 36 characters, lower case: "62b09ea3-de7a-4626-839f-503181e1b6b1". NotFound, Denied or Unavailable if the file
/// cannot be read, Malformed if it holds something else.
Result<std::string> read_boot_id(const std::string& file = kBootIdFile);

}  // namespace tierwall::daemon
