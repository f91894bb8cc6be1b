#pragma once
// tierwall compile: the table a node would hold, without a node.

#include <optional>
#include <string>
#include <vector>

#include "daemon/ctl/context.h"
#include "policy/ordering.h"

namespace tierwall::daemon::ctl {

struct CompileCommandOptions {
  std::vector<std::string> paths;
  std::optional<std::string> node;     ///< absent: this machine
  std::vector<std::string> pod_cidrs;  ///< the node's, as written
  policy::TieBreak tie_break = policy::TieBreak::Calico332;
  Output output = Output::Nft;
};

/// Exit: kOk, or kBadInput.
int compile_command(const CompileCommandOptions& options, const Context& context);

}  // namespace tierwall::daemon::ctl
