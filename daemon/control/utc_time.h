#pragma once
// Points in time for people: in UTC, because a node's operators and its clock often live in different places.

#include <chrono>
#include <string>

namespace tierwall::daemon {

/// "2026-11-23 01:31:07 UTC" of a Unix time.
std::string print_utc(std::chrono::milliseconds unix_time);

}  // namespace tierwall::daemon
