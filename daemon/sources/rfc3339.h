#pragma once
// Points in time as the Kubernetes APIs write them.

#include <chrono>
#include <optional>
#include <string_view>

namespace tierwall::daemon {

/// "2026-01-31T12:00:00.5+01:00" -> since 1970.
std::optional<std::chrono::milliseconds> parse_rfc3339(std::string_view text);

}  // namespace tierwall::daemon
