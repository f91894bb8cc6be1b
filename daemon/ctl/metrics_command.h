#pragma once
// tierwall metrics: what the daemon counts, as Prometheus reads it.

#include <string>

#include "daemon/ctl/context.h"

namespace tierwall::daemon::ctl {

struct MetricsOptions {
  std::string socket;
  Output output = Output::Text;
};

/// Exit: kOk, kNotRunning, kDaemonUsage, kDegraded (an answer that cannot be read).
int metrics_command(const MetricsOptions& options, const Context& context);

}  // namespace tierwall::daemon::ctl
