#pragma once
// tierwall top: which policy rules see traffic, asked from the daemon.

#include <cstddef>
#include <string>
#include <vector>

#include "daemon/control/hit_list.h"
#include "daemon/ctl/context.h"

namespace tierwall::daemon::ctl {

struct TopOptions {
  std::string socket;
  Output output = Output::Text;
  std::size_t rows = 20;
  double interval = 2;  ///< seconds between two screens
  bool once = false;    ///< one answer with what was counted in all; also where the output is no terminal
  bool legend = true;
};

/// The busiest first; those that saw nothing come last, in the order of their names. With `before` (an earlier answer,
/// so many seconds older) the rates decide, else the totals.
std::string print_hits(const std::vector<HitRow>& now, const std::vector<HitRow>* before, double seconds,
                       const TopOptions& options);

/// On a terminal screen after screen until it is interrupted. Exit: kOk, kNotRunning, kDaemonUsage.
int top_command(const TopOptions& options, const Context& context);

}  // namespace tierwall::daemon::ctl
