#pragma once
// tierwall flows: the connections of this node with pods, verdict and deciding policy; those that are there, or with
// --follow those that begin.

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/ctl/context.h"
#include "daemon/ctl/node_world.h"
#include "daemon/ctl/seen_flow.h"
#include "daemon/ctl/traffic_filter.h"

namespace tierwall::daemon::ctl {

struct FlowFilter {
  TrafficFilter traffic = {};
  std::string verdict = {};  ///< "allow", "deny"
  std::string policy = {};   ///< a part of what decided: "app/web"

  [[nodiscard]] bool matches(const SeenFlow& flow) const;
};

struct FlowsOptions {
  FlowFilter filter = {};
  std::uint64_t last = 0;  ///< so many at most; 0: all
  bool follow = false;
  std::string duration = {};  ///< "30s": of following; empty: until it is interrupted
  bool legend = true;
  NodeDoors doors = {};
  Output output = Output::Text;
};

/// Exit: kOk, kNotRunning (neither a daemon nor its state), kDaemonUsage (no permission: the kernel tells root only).
/// Follows until it is interrupted, or its reader goes.
int flows_command(const FlowsOptions& options, const Context& context);

/// Aligned; the time only where it is known.
std::string print_flows(const std::vector<SeenFlow>& flows, bool legend);

}  // namespace tierwall::daemon::ctl
