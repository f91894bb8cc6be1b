#pragma once
// Pods that hang on a bridge of the node talk to each other without leaving it: the netfilter hooks see that traffic
// only if br_netfilter is there and told to show it. Without it every policy between them is without effect, and
// nothing in the table can tell.

#include <optional>
#include <string>
#include <vector>

#include "policy/model.h"

namespace tierwall::daemon {

/// Why traffic of pods on one of these bridges is not judged, for people; absent if it is. A bridge is one of pods if
/// it has an address of the node's pod CIDRs. `proc`: where the kernel's settings are found.
std::optional<std::string> find_unseen_bridge(const std::vector<policy::NetworkInterface>& bridges,
                                              const std::vector<policy::Prefix>& pod_cidrs,
                                              const std::string& proc = "/proc");

}  // namespace tierwall::daemon
