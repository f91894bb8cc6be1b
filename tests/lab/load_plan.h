#pragma once
// Manifests -> the lab they describe: pods of the node under test beside the node, pods of any other node behind the
// second one. Pods that are no endpoints (host network, finished, without address) are left out.

#include <string>
#include <vector>

#include "tests/lab/topology.h"

namespace tierwall::lab {

/// Throws std::runtime_error if the manifests cannot be read.
LabPlan load_plan(const std::vector<std::string>& manifests, const std::string& node);

}  // namespace tierwall::lab
