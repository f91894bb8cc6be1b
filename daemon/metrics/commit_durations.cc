#include "daemon/metrics/commit_durations.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

namespace tierwall::daemon {

void CommitDurations::add(std::chrono::microseconds duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  const auto bound = std::ranges::lower_bound(kBounds, seconds);
  ++counts_[static_cast<std::size_t>(bound - kBounds.begin())];
  sum_ += duration;
}

std::vector<MetricSample> CommitDurations::samples() const {
  std::vector<MetricSample> samples;
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    count += counts_[i];
    const std::string bound = i < kBounds.size() ? fmt::format("{}", kBounds[i]) : "+Inf";
    samples.push_back({"_bucket", {{"le", bound}}, static_cast<double>(count)});
  }
  samples.push_back({"_sum", {}, std::chrono::duration<double>(sum_).count()});
  samples.push_back({"_count", {}, static_cast<double>(count)});
  return samples;
}

}  // namespace tierwall::daemon
