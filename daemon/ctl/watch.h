#pragma once
// A verb again and again, for whoever wants to look on.

#include <functional>

#include "daemon/ctl/context.h"

namespace tierwall::daemon::ctl {

struct WatchOptions {
  bool wanted = false;
  double interval = 2;  ///< seconds
};

/// Runs the verb until its output cannot be written any more: on a terminal screen over screen, elsewhere only what is
/// other than before. Without a wish to watch: once. The exit code is that of the last run.
int watch(const WatchOptions& options, const Context& context, const std::function<int(const Context&)>& verb);

}  // namespace tierwall::daemon::ctl
