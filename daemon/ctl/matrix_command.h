#pragma once
// tierwall matrix: who may reach whom between the pods of some namespaces.

#include <optional>
#include <string>
#include <vector>

#include "daemon/ctl/context.h"
#include "daemon/ctl/flow_text.h"
#include "daemon/ctl/node_world.h"
#include "policy/ordering.h"

namespace tierwall::daemon::ctl {

struct MatrixOptions {
  std::vector<std::string> paths;       ///< manifests; none: what this node knows
  std::vector<std::string> namespaces;  ///< none: all
  FlowWords service = {};               ///< without its ends
  std::size_t most = 60;                ///< pods
  policy::TieBreak tie_break = policy::TieBreak::Calico332;
  Output output = Output::Text;
  NodeDoors doors = {};
};

/// Exit: kOk, kBadInput; without manifests kNotRunning if neither daemon nor state is there.
int matrix_command(const MatrixOptions& options, const Context& context);

}  // namespace tierwall::daemon::ctl
