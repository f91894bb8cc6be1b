#pragma once
// tierwall test: do the manifests allow and deny what their author expects?

#include <optional>
#include <string>
#include <vector>

#include "daemon/ctl/context.h"
#include "policy/ordering.h"

namespace tierwall::daemon::ctl {

struct TestOptions {
  std::vector<std::string> paths;
  std::string tests;                ///< the file of expectations
  std::optional<std::string> node;  ///< whose processes `host` means
  policy::TieBreak tie_break = policy::TieBreak::Calico332;
  Output output = Output::Text;
};

/// Exit: kOk if every flow is as expected, kTestsFailed, or kBadInput (nothing was run).
int test_command(const TestOptions& options, const Context& context);

}  // namespace tierwall::daemon::ctl
