#pragma once
// Which boot of the machine this is. Pods of an earlier boot are gone, whatever is remembered of them.

#include <string>

#include "policy/result.h"

namespace tierwall::daemon {

inline constexpr const char* kBootIdFile = "/proc/sys/kernel/random/boot_id";

/// 36 characters, lower case: "0b9c7e52-5d0e-4c39-9b0e-3f6b3c1d2a40". NotFound, Denied or Unavailable if the file
/// cannot be read, Malformed if it holds something else.
Result<std::string> read_boot_id(const std::string& file = kBootIdFile);

}  // namespace tierwall::daemon
