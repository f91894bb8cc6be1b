#pragma once
// Answers for programs.

#include <string>

#include "daemon/control/status.h"
#include "daemon/ctl/context.h"

namespace tierwall::daemon::ctl {

/// An answer of the daemon as it is asked for: JSON or YAML with the same keys; ended by a newline.
std::string print_structured(const Json& answer, Output output);

}  // namespace tierwall::daemon::ctl
