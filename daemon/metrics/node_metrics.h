#pragma once
// The metrics of this node, made of what the daemon knows. Pure.

#include <cstdint>
#include <optional>
#include <vector>

#include "daemon/control/hit_list.h"
#include "daemon/control/status.h"
#include "daemon/metrics/commit_durations.h"
#include "daemon/metrics/metric.h"

namespace tierwall::daemon {

/// So many policies (of one direction and action) have a sample of their own, those that saw most packets. The others
/// are added up in one sample per direction and action, whose policy is kOtherPolicies.
inline constexpr std::size_t kMostCountedPolicies = 1'000;
inline constexpr const char* kOtherPolicies = "other";

/// Of the API server, where one is followed.
struct ApiServerCounts {
  std::uint64_t full_reads = 0;
  std::uint64_t watches = 0;
  std::uint64_t failures = 0;
};

/// What else the daemon counts from its start.
struct DaemonCounts {
  CommitDurations commits = {};
  std::uint64_t table_repairs = 0;
  std::optional<ApiServerCounts> api_server = {};
};

std::vector<MetricFamily> node_metrics(const StatusReport& report, const std::vector<HitRow>& hits,
                                       const DaemonCounts& counts);

}  // namespace tierwall::daemon
