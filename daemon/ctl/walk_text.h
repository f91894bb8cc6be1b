#pragma once
// A walk through the tiers as indented lines.

#include <string>

#include "daemon/ctl/terminal.h"
#include "daemon/ctl/walk.h"

namespace tierwall::daemon::ctl {

/// How the line that decides is painted.
struct Shade {
  Color color = Color::Bold;
  bool enabled = false;
};

/// The line that decides begins with "=>".
std::string print_walk(const Walk& walk, const policy::NodePolicy& resolved, const policy::Flow& flow, Shade shade);

}  // namespace tierwall::daemon::ctl
