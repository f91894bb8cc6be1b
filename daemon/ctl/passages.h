#pragma once
// The way of a connection's first packet through the nodes it crosses: where it meets host endpoints.

#include <string>
#include <string_view>
#include <vector>

#include "daemon/ctl/connection.h"
#include "policy/evaluate_host.h"

namespace tierwall::daemon::ctl {

/// Stands for an interface nobody knows: only a host endpoint of all interfaces governs it.
inline constexpr std::string_view kUnknownInterface = "(unknown)";

/// One passage per node, from source to destination; none where neither end is on a node, or nothing leaves a pod.
/// Where the interface is not known (towards an address or another node) the host endpoint of all interfaces stands for
/// it, or towards an address the only one of a named interface; `notes` say which was taken where there was a choice.
std::vector<policy::Passage> find_passages(const PolicyView& view, const Connection& connection,
                                           std::vector<std::string>& notes);

}  // namespace tierwall::daemon::ctl
