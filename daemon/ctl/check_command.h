#pragma once
// tierwall check: everything that is wrong or doubtful in a tree of manifests, in one run.

#include <string>
#include <vector>

#include "daemon/ctl/context.h"
#include "policy/ordering.h"

namespace tierwall::daemon::ctl {

struct CheckOptions {
  std::vector<std::string> paths;
  policy::TieBreak tie_break = policy::TieBreak::Calico332;
  Output output = Output::Text;
};

/// Exit: kOk without errors (warnings alone are clean), kErrorsFound, kBadInput if a path cannot be read.
int check_command(const CheckOptions& options, const Context& context);

}  // namespace tierwall::daemon::ctl
