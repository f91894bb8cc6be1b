#pragma once
// tierwall simulate: which connections and listening sockets of this node a change of manifests would cut or open.

#include "daemon/ctl/changed_world.h"
#include "daemon/ctl/context.h"
#include "daemon/ctl/node_world.h"

namespace tierwall::daemon::ctl {

struct SimulateOptions {
  WorldChange change;
  NodeDoors doors;
  Output output = Output::Text;
};

/// Exit: kOk nothing is cut or closed, kWouldCut, kBadInput, kNotRunning (neither a daemon nor its state). Asks the
/// kernel for its connections, which takes root.
int simulate_command(const SimulateOptions& options, const Context& context);

}  // namespace tierwall::daemon::ctl
