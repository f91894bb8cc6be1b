#pragma once
// How long commits took, in buckets that never change, so that nodes and versions can be added up.

#include <array>
#include <chrono>
#include <cstdint>

#include "daemon/metrics/metric.h"

namespace tierwall::daemon {

class CommitDurations {
 public:
  /// Upper bounds in seconds, the bound itself included; beyond the last one is +Inf.
  static constexpr std::array<double, 12> kBounds = {0.0001, 0.0005, 0.001, 0.002, 0.005, 0.01,
                                                     0.02,   0.05,   0.1,   0.5,   1,     5};

  void add(std::chrono::microseconds duration);
  /// The samples of a histogram: cumulative buckets, sum in seconds, count.
  [[nodiscard]] std::vector<MetricSample> samples() const;

 private:
  std::array<std::uint64_t, kBounds.size() + 1> counts_{};
  std::chrono::microseconds sum_{0};
};

}  // namespace tierwall::daemon
