#pragma once
// The rows of `tierwall get hostendpoints` and `tierwall get failsafes`. Pure.

#include <string>
#include <vector>

#include "daemon/control/status.h"
#include "policy/failsafe.h"
#include "policy/inventory.h"
#include "policy/node_policy.h"

namespace tierwall::daemon {

/// All of the cluster that are known, by name: those of `node` with what they govern, the others as not governing here.
std::vector<HostEndpointRow> list_host_endpoints(const policy::Snapshot& snapshot, const policy::NodePolicy& applied,
                                                 const std::string& node);
/// Inbound first, each as configured.
std::vector<FailsafeRow> list_failsafes(const std::vector<policy::Failsafe>& inbound,
                                        const std::vector<policy::Failsafe>& outbound);

}  // namespace tierwall::daemon
