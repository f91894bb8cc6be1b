#include "daemon/metrics/node_metrics.h"

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <utility>

namespace tierwall::daemon {

namespace {

MetricFamily one_value(std::string name, MetricType type, std::string help, double value) {
  return {std::move(name), type, std::move(help), {{.value = value}}};
}

double to_seconds(std::int64_t milliseconds) {
  return static_cast<double>(milliseconds) / 1000;
}

void add_state(const StatusReport& report, std::vector<MetricFamily>& families) {
  families.push_back({"tierwall_build_info",
                      MetricType::Gauge,
                      "Always 1; the version is a label",
                      {{.labels = {{"version", report.version}}, .value = 1}}});
  families.push_back(one_value("tierwall_in_sync", MetricType::Gauge,
                               "1 if the kernel holds what every source asks for and nothing is degraded",
                               report.state == State::InSync ? 1 : 0));
  families.push_back(one_value("tierwall_degraded_reasons", MetricType::Gauge,
                               "Reasons for which tierwall status says degraded",
                               static_cast<double>(report.degraded.size())));
  const auto errors = std::ranges::count(report.problems, policy::Severity::Error, &policy::Diagnostic::severity);
  families.push_back(one_value("tierwall_errors", MetricType::Gauge,
                               "Errors in objects and in the configuration; the last good version stays in force",
                               static_cast<double>(errors)));
}

void add_sources(const StatusReport& report, std::vector<MetricFamily>& families) {
  MetricFamily in_sync{"tierwall_source_in_sync", MetricType::Gauge, "1 if the source was read and is followed"};
  MetricFamily read{"tierwall_source_last_read_timestamp_seconds", MetricType::Gauge,
                    "Unix time when the source last told something; absent before the first time"};
  MetricFamily objects{"tierwall_source_objects", MetricType::Gauge, "Objects the source has"};
  for (const SourceStatus& source : report.sources) {
    const MetricLabels labels = {{"source", source.name}};
    in_sync.samples.push_back({"", labels, source.in_sync && !source.failure ? 1.0 : 0.0});
    if (source.last_read_ms != 0) read.samples.push_back({"", labels, to_seconds(source.last_read_ms)});
    objects.samples.push_back({"", labels, static_cast<double>(source.objects)});
  }
  for (MetricFamily* family : {&in_sync, &read, &objects}) families.push_back(std::move(*family));
}

void add_applied(const AppliedStatus& applied, std::vector<MetricFamily>& families) {
  const auto add = [&](const char* name, const char* help, auto value) {
    families.push_back(one_value(name, MetricType::Gauge, help, static_cast<double>(value)));
  };
  add("tierwall_generation", "Commits that changed the table; goes on over restarts", applied.generation);
  families.push_back(one_value("tierwall_last_commit_timestamp_seconds", MetricType::Gauge,
                               "Unix time of the last commit that changed the table", to_seconds(applied.time_ms)));
  add("tierwall_endpoints", "Pods of this node", applied.endpoints);
  add("tierwall_host_endpoints", "Host endpoints that govern an interface of this node", applied.host_endpoints);
  add("tierwall_policies", "Policies that select an endpoint of this node", applied.policies);
  add("tierwall_tiers", "Tiers of these policies", applied.tiers);
  add("tierwall_table_chains", "Chains of the table", applied.chains);
  add("tierwall_table_rules", "Rules of the table", applied.rules);
  add("tierwall_table_sets", "Sets and maps of the table", applied.sets);
  add("tierwall_table_elements", "Elements of these sets and maps", applied.elements);
}

void add_api_server(const ApiServerCounts& counts, std::vector<MetricFamily>& families) {
  const auto add = [&](const char* name, const char* help, std::uint64_t value) {
    families.push_back(one_value(name, MetricType::Counter, help, static_cast<double>(value)));
  };
  add("tierwall_apiserver_full_reads_total", "Full reads of a kind of object since start", counts.full_reads);
  add("tierwall_apiserver_watches_total",
      "Watches begun since start; the server ends each within ten minutes, and the next goes on from there",
      counts.watches);
  add("tierwall_apiserver_failures_total", "Requests since start that were refused, broke off or fell silent",
      counts.failures);
}

struct Traffic {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;

  void operator+=(const Traffic& more) {
    packets += more.packets;
    bytes += more.bytes;
  }
};

/// What the counters of one policy share. All of it in the order of their labels.
using Counted = std::tuple<std::string, std::string, std::string, std::string, std::string, std::string>;

Counted counted_of(const HitRow& row) {
  if (!row.profile.empty()) return {row.direction, row.action, row.tier, "Profile", "", row.profile};
  return {row.direction, row.action, row.tier, row.kind, row.ns, row.name};
}

std::map<Counted, Traffic> by_policy(const std::vector<HitRow>& hits) {
  std::map<Counted, Traffic> counted;
  for (const HitRow& row : hits) counted[counted_of(row)] += {row.packets, row.bytes};
  return counted;
}

/// Ordered by policy again, whatever was cut off.
std::map<Counted, Traffic> bound(const std::map<Counted, Traffic>& all) {
  std::vector<std::pair<Counted, Traffic>> busiest(all.begin(), all.end());
  std::ranges::stable_sort(busiest, std::greater<>(), [](const auto& entry) { return entry.second.packets; });
  std::map<Counted, Traffic> bounded;
  for (std::size_t i = 0; i < busiest.size(); ++i) {
    const auto& [counted, traffic] = busiest[i];
    const bool alone = i < kMostCountedPolicies;
    bounded[alone ? counted : Counted{std::get<0>(counted), std::get<1>(counted), "", "", "", kOtherPolicies}] +=
        traffic;
  }
  return bounded;
}

void add_hits(const std::vector<HitRow>& hits, std::vector<MetricFamily>& families) {
  MetricFamily packets{"tierwall_policy_packets_total", MetricType::Counter,
                       "First packets of connections, and every packet that is denied, by what decided"};
  MetricFamily bytes{"tierwall_policy_bytes_total", MetricType::Counter, "Bytes of these packets"};
  for (const auto& [counted, traffic] : bound(by_policy(hits))) {
    const auto& [direction, action, tier, kind, ns, name] = counted;
    const MetricLabels labels = {{"direction", direction}, {"action", action}, {"tier", tier},
                                 {"kind", kind},           {"namespace", ns},  {"policy", name}};
    packets.samples.push_back({"", labels, static_cast<double>(traffic.packets)});
    bytes.samples.push_back({"", labels, static_cast<double>(traffic.bytes)});
  }
  families.push_back(std::move(packets));
  families.push_back(std::move(bytes));
}

}  // namespace

std::vector<MetricFamily> node_metrics(const StatusReport& report, const std::vector<HitRow>& hits,
                                       const DaemonCounts& counts) {
  std::vector<MetricFamily> families;
  add_state(report, families);
  add_sources(report, families);
  if (report.applied) add_applied(*report.applied, families);
  families.push_back(one_value("tierwall_transactions_total", MetricType::Counter,
                               "Transactions sent to the kernel since start, refused ones included",
                               static_cast<double>(report.transactions)));
  families.push_back(one_value("tierwall_table_repairs_total", MetricType::Counter,
                               "Repairs since start because somebody else changed the table",
                               static_cast<double>(counts.table_repairs)));
  if (counts.api_server) add_api_server(*counts.api_server, families);
  families.push_back({"tierwall_commit_duration_seconds", MetricType::Histogram,
                      "Commits since start: resolve, compile, diff, encode and commit together",
                      counts.commits.samples()});
  add_hits(hits, families);
  return families;
}

}  // namespace tierwall::daemon
