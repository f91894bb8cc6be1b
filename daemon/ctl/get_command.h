#pragma once
// tierwall get: lists of what is in force, asked from the daemon.

#include <string>
#include <vector>

#include "daemon/ctl/context.h"
#include "daemon/ctl/watch.h"

namespace tierwall::daemon::ctl {

struct GetOptions {
  std::string what;  ///< one of get_subjects()
  std::string socket;
  Output output = Output::Text;
  bool legend = true;  ///< the header line, which only terminals get
  WatchOptions watch = {};
};

std::vector<std::string> get_subjects();  ///< "tiers", "policies", "endpoints", "hostendpoints", "failsafes", "sets"

/// Exit: kOk, kNotRunning, kDaemonUsage.
int get_command(const GetOptions& options, const Context& context);

}  // namespace tierwall::daemon::ctl
