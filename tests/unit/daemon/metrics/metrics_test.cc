// Metrics: what the daemon knows as families of samples, and these as text.

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/metrics/node_metrics.h"

namespace tierwall::daemon {
namespace {

using std::chrono::microseconds;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

TEST(PrintMetrics, WritesHelpTypeAndSamples) {
  const std::vector<MetricFamily> families = {
      {"a_total", MetricType::Counter, "How many", {{"", {{"x", "1"}, {"y", "2"}}, 3}, {"", {}, 0.25}}},
      {"nothing", MetricType::Gauge, "Without samples"}};
  EXPECT_EQ(print_metrics(families),
            "# HELP a_total How many\n# TYPE a_total counter\na_total{x=\"1\",y=\"2\"} 3\na_total 0.25\n");
}

TEST(PrintMetrics, EscapesWhatWouldEndALineOrAValue) {
  const std::vector<MetricFamily> families = {
      {"a", MetricType::Gauge, "back\\slash\n\"quoted\"", {{"", {{"x", "a\\b\"c\nd"}}, 1}}}};
  EXPECT_EQ(print_metrics(families),
            "# HELP a back\\\\slash\\n\"quoted\"\n# TYPE a gauge\na{x=\"a\\\\b\\\"c\\nd\"} 1\n");
}

TEST(PrintMetrics, LosesNothingOfAValue) {
  const auto text = [](double value) { return print_metrics({{"a", MetricType::Gauge, "h", {{"", {}, value}}}}); };
  EXPECT_THAT(text(1'700'000'000'123.0 / 1000), HasSubstr("\na 1700000000.123\n"));
  EXPECT_THAT(text(9'007'199'254'740'991.0), HasSubstr("\na 9007199254740991\n"));
}

TEST(CommitDurations, AreCumulativeAndABoundBelongsToItsBucket) {
  CommitDurations durations;
  durations.add(microseconds(100));
  durations.add(microseconds(101));
  durations.add(std::chrono::seconds(6));
  const std::vector<MetricSample> samples = durations.samples();
  ASSERT_EQ(samples.size(), CommitDurations::kBounds.size() + 3);
  EXPECT_EQ(samples[0], (MetricSample{"_bucket", {{"le", "0.0001"}}, 1}));
  EXPECT_EQ(samples[1], (MetricSample{"_bucket", {{"le", "0.0005"}}, 2}));
  EXPECT_EQ(samples[CommitDurations::kBounds.size()], (MetricSample{"_bucket", {{"le", "+Inf"}}, 3}));
  EXPECT_EQ(samples[samples.size() - 2], (MetricSample{"_sum", {}, 6.000201}));
  EXPECT_EQ(samples.back(), (MetricSample{"_count", {}, 3}));
}

HitRow hit(const std::string& name, std::uint32_t rule, std::uint64_t packets) {
  return {.direction = "ingress",
          .tier = "default",
          .kind = "NetworkPolicy",
          .ns = "shop",
          .name = name,
          .rule = rule,
          .action = "Allow",
          .packets = packets,
          .bytes = packets * 60};
}

const MetricFamily& family(const std::vector<MetricFamily>& families, const std::string& name) {
  return *std::ranges::find(families, name, &MetricFamily::name);
}

TEST(NodeMetrics, RulesOfAPolicyAreAddedUp) {
  const std::string text = print_metrics(node_metrics({}, {hit("web", 1, 2), hit("web", 2, 3)}, {}));
  EXPECT_THAT(text, HasSubstr("tierwall_policy_packets_total{direction=\"ingress\",action=\"Allow\",tier=\"default\","
                              "kind=\"NetworkPolicy\",namespace=\"shop\",policy=\"web\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("policy=\"web\"} 300\n"));
}

TEST(NodeMetrics, BeyondTheBusiestPoliciesTheOthersShareASample) {
  std::vector<HitRow> hits;
  for (std::size_t i = 0; i < kMostCountedPolicies; ++i) hits.push_back(hit("busy-" + std::to_string(i), 1, 100));
  hits.push_back(hit("a-quiet-one", 1, 2));
  hits.push_back(hit("another", 1, 3));
  const std::vector<MetricFamily> families = node_metrics({}, hits, {});
  const MetricFamily& packets = family(families, "tierwall_policy_packets_total");
  EXPECT_EQ(packets.samples.size(), kMostCountedPolicies + 1);
  EXPECT_THAT(print_metrics({packets}), HasSubstr("tier=\"\",kind=\"\",namespace=\"\",policy=\"other\"} 5\n"));
}

TEST(NodeMetrics, TellOfSourcesAndOfWhatIsInForce) {
  StatusReport report;
  report.state = State::InSync;
  report.sources = {{"directory", "/etc/tierwall/policy.d", true, 1'700'000'000'500, 4, 12, std::nullopt},
                    {"kubernetes", "https://192.0.2.1", false, 0, 0, 0, "away"}};
  report.applied = AppliedStatus{.generation = 3, .time_ms = 1'700'000'000'000, .endpoints = 6};
  const std::string text = print_metrics(node_metrics(report, {}, {.commits = {}, .table_repairs = 2}));
  for (const char* line :
       {"tierwall_in_sync 1\n", "tierwall_source_in_sync{source=\"directory\"} 1\n",
        "tierwall_source_in_sync{source=\"kubernetes\"} 0\n", "tierwall_generation 3\n", "tierwall_endpoints 6\n",
        "tierwall_source_last_read_timestamp_seconds{source=\"directory\"} 1700000000.5\n",
        "tierwall_table_repairs_total 2\n", "tierwall_last_commit_timestamp_seconds 1700000000\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("last_read_timestamp_seconds{source=\"kubernetes\"}")));
}

TEST(NodeMetrics, NamesFollowTheConventions) {
  StatusReport report;
  report.applied = AppliedStatus{};
  for (const MetricFamily& family : node_metrics(report, {}, {})) {
    EXPECT_THAT(family.name, MatchesRegex("tierwall_[a-z_]+"));
    EXPECT_EQ(family.name.ends_with("_total"), family.type == MetricType::Counter) << family.name;
    EXPECT_FALSE(family.help.empty() || family.help.ends_with(".")) << family.name;
  }
}

}  // namespace
}  // namespace tierwall::daemon
