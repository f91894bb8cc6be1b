#include "daemon/metrics/metric.h"

#include <cmath>
#include <string_view>

#include <fmt/format.h>

namespace tierwall::daemon {

namespace {

/// In a label's value a quotation mark would end it, in a help text it would not.
std::string escape(std::string_view text, bool quoted) {
  std::string escaped;
  for (const char character : text) {
    if (character == '\\') {
      escaped += "\\\\";
    } else if (character == '\n') {
      escaped += "\\n";
    } else if (character == '"' && quoted) {
      escaped += "\\\"";
    } else {
      escaped += character;
    }
  }
  return escaped;
}

std::string_view print_type(MetricType type) {
  switch (type) {
    case MetricType::Counter:
      return "counter";
    case MetricType::Gauge:
      return "gauge";
    case MetricType::Histogram:
      return "histogram";
  }
  return "untyped";
}

/// As exactly as a double is; what is whole without exponent up to where doubles skip numbers.
std::string print_value(double value) {
  constexpr double kLastWhole = 9'007'199'254'740'992.0;
  if (std::trunc(value) == value && std::abs(value) <= kLastWhole) return fmt::format("{:.0f}", value);
  return fmt::format("{}", value);
}

std::string print_labels(const MetricLabels& labels) {
  std::string text;
  for (const auto& [name, value] : labels) {
    text += fmt::format("{}{}=\"{}\"", text.empty() ? "" : ",", name, escape(value, true));
  }
  return text.empty() ? text : "{" + text + "}";
}

}  // namespace

std::string print_metrics(const std::vector<MetricFamily>& families) {
  std::string text;
  for (const MetricFamily& family : families) {
    if (family.samples.empty()) continue;
    text += fmt::format("# HELP {} {}\n# TYPE {} {}\n", family.name, escape(family.help, false), family.name,
                        print_type(family.type));
    for (const MetricSample& sample : family.samples) {
      text += fmt::format("{}{}{} {}\n", family.name, sample.suffix, print_labels(sample.labels),
                          print_value(sample.value));
    }
  }
  return text;
}

}  // namespace tierwall::daemon
