#pragma once
// tierwall diff: what a change of manifests would come to, or what changed between two generations of this node.

#include <optional>
#include <string>
#include <vector>

#include "daemon/ctl/changed_world.h"
#include "daemon/ctl/context.h"
#include "daemon/ctl/node_world.h"
#include "policy/ordering.h"

namespace tierwall::daemon::ctl {

struct DiffOptions {
  WorldChange change;
  std::vector<std::string> base;         ///< instead of a node: the manifests as they were
  std::vector<std::string> generations;  ///< instead of manifests: two of them
  std::optional<std::string> node;       ///< whose endpoints; absent: this node's, with `base` the whole cluster's
  NodeDoors doors;
  policy::TieBreak tie_break = policy::TieBreak::Calico332;  ///< with `base`
  Output output = Output::Text;
};

/// Exit: kOk no difference, kDiffers, kBadInput, kNotRunning (neither a daemon nor its state).
int diff_command(const DiffOptions& options, const Context& context);

}  // namespace tierwall::daemon::ctl
