#pragma once
// tierwall describe: one tier, policy, endpoint or set of this node in full.

#include <string>

#include "daemon/ctl/context.h"
#include "daemon/ctl/node_world.h"

namespace tierwall::daemon::ctl {

struct DescribeOptions {
  std::string kind;
  std::string name;
  NodeDoors doors = {};
  Output output = Output::Text;
};

/// Exit: kOk, kNotRunning if neither a daemon nor a state file is there, kDaemonUsage.
int describe_command(const DescribeOptions& options, const Context& context);

}  // namespace tierwall::daemon::ctl
