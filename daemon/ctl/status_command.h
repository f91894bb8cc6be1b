#pragma once
// tierwall status, and bare tierwall: the daemon on one screen.

#include <string>

#include "daemon/control/status.h"
#include "daemon/ctl/context.h"
#include "daemon/ctl/watch.h"
#include "policy/result.h"

namespace tierwall::daemon::ctl {

struct StatusOptions {
  std::string socket;
  Output output = Output::Text;
  WatchOptions watch = {};
};

/// Exit: kOk in sync, kDegraded degraded or starting, kNotRunning, kDaemonUsage without permission.
int status_command(const StatusOptions& options, const Context& context);

/// The screen, ended by a newline.
std::string print_status(const StatusReport& report, bool color);

/// The exit code of a call that failed, its reason told on the error stream.
int report_call_failure(const Error& error, const std::string& socket, std::string_view verb, const Context& context);

}  // namespace tierwall::daemon::ctl
