#pragma once
// Metrics as values, and their text: the Prometheus exposition format 0.0.4. Pure.

#include <string>
#include <utility>
#include <vector>

namespace tierwall::daemon {

using MetricLabels = std::vector<std::pair<std::string, std::string>>;  ///< name and value, as they are printed

struct MetricSample {
  std::string suffix = {};  ///< behind the name of the family: "_bucket"; most often empty
  MetricLabels labels = {};
  double value = 0;

  friend bool operator==(const MetricSample&, const MetricSample&) = default;
};

enum class MetricType { Counter, Gauge, Histogram };

struct MetricFamily {
  std::string name;
  MetricType type = MetricType::Gauge;
  std::string help;  ///< one sentence without a full stop
  std::vector<MetricSample> samples = {};

  friend bool operator==(const MetricFamily&, const MetricFamily&) = default;
};

/// Values of labels and help may hold any bytes; what is no UTF-8 is printed as it is. A family without samples prints
/// nothing.
std::string print_metrics(const std::vector<MetricFamily>& families);

}  // namespace tierwall::daemon
