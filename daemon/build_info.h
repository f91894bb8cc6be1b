#pragma once
// What this build is, for `--version` and for reports of errors.

#include <string>

namespace tierwall::daemon {

/// Several lines, the first is "PROGRAM VERSION"; then what built it from which commit, and the versions of what it
/// keeps and speaks: the state file's schema and the control socket's interface. No line end behind the last.
std::string version_text(const std::string& program);

}  // namespace tierwall::daemon
