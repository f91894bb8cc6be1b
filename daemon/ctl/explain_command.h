#pragma once
// tierwall explain: may this connection be made, and why; or the same for a stream of flows.

#include <optional>
#include <string>
#include <vector>

#include "daemon/ctl/context.h"
#include "daemon/ctl/flow_text.h"
#include "daemon/ctl/node_world.h"
#include "policy/ordering.h"

namespace tierwall::daemon::ctl {

struct ExplainOptions {
  std::vector<std::string> paths;    ///< manifests; none: what this node knows
  FlowWords flow;                    ///< one flow ...
  std::string line = {};             ///< ... as a line of a log has it (words_from_line)
  std::optional<std::string> flows;  ///< ... or a file of them, "-" for standard input
  std::optional<std::string> node;   ///< whose processes `host` means
  policy::TieBreak tie_break = policy::TieBreak::Calico332;
  bool verify = false;           ///< flows: judge each by the compiled tables too
  bool pending = false;          ///< of this node: the exit is that of what is asked for, not of what is in force
  std::optional<Output> output;  ///< absent: Text for one flow, JsonLines for many
  NodeDoors doors = {};
};

/// Exit: kOk (allowed), kDenied, kBadInput; without manifests kNotRunning if neither daemon nor state is there. For
/// many flows: kOk, or kBadInput if any line was bad.
int explain_command(const ExplainOptions& options, const Context& context);

}  // namespace tierwall::daemon::ctl
