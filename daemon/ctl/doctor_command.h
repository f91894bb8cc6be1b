#pragma once
// tierwall doctor: the node looked over, each finding with a remedy.

#include <string>
#include <vector>

#include "daemon/ctl/context.h"
#include "daemon/ctl/findings.h"
#include "daemon/ctl/node_world.h"

namespace tierwall::daemon::ctl {

struct DoctorOptions {
  NodeDoors doors = {};
  std::string root = {};  ///< put before the paths of the machine; for tests
  bool all = false;       ///< what is fine too
  Output output = Output::Text;
};

/// Exit: kOk if nothing is a warning or worse, kDegraded otherwise, kNotRunning without a daemon.
int doctor_command(const DoctorOptions& options, const Context& context);

std::string print_findings(const std::vector<Finding>& findings, bool all, bool color);

}  // namespace tierwall::daemon::ctl
