#include "daemon/control/status.h"

#include <gtest/gtest.h>

namespace tierwall::daemon {
namespace {

StatusReport full_report() {
  return {.version = "0.1.0",
          .node = "node-1",
          .state = State::Degraded,
          .now_ms = 1'700'000'000'500,
          .transactions = 4,
          .ownership = "ours",
          .degraded = {"the kernel refused"},
          .sources = {{.name = "directory",
                       .location = "/etc/tierwall/policy.d",
                       .in_sync = true,
                       .last_read_ms = 1'700'000'000'000,
                       .files = 3,
                       .objects = 12,
                       .failure = std::nullopt}},
          .applied = AppliedStatus{.generation = 3,
                                   .time_ms = 5,
                                   .duration_us = 120,
                                   .changes = 9,
                                   .endpoints = 2,
                                   .host_endpoints = 1,
                                   .policies = 4,
                                   .tiers = 1,
                                   .chains = 6,
                                   .rules = 14,
                                   .sets = 5,
                                   .elements = 11},
          .problems = {{.where = {"a.yaml", 3, 5},
                        .severity = policy::Severity::Error,
                        .object = "NetworkPolicy dev/web",
                        .field = "spec",
                        .message = "bad"}},
          .warnings = {{.where = {}, .severity = policy::Severity::Warning, .object = "", .field = "", .message = "w"}},
          .remarks = {"a remark"},
          .denied = {{.by = "ingress, tier default: no rule matched", .packets = 3}}};
}

TEST(Status, SurvivesTheWayThroughJson) {
  const StatusReport report = full_report();
  const Result<StatusReport> back = status_from_json(Json::parse(to_json(report).dump()));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, report);
}

TEST(Status, AnEmptyReportSurvivesToo) {
  const Result<StatusReport> back = status_from_json(to_json(StatusReport{}));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, StatusReport{});
}

TEST(Status, StatesHaveVarlinkNames) {
  EXPECT_EQ(to_json(StatusReport{})["state"], "starting");
  EXPECT_EQ(to_json(full_report())["state"], "degraded");
}

TEST(Status, AMissingFieldIsNamed) {
  Json json = to_json(full_report());
  json["sources"][0].erase("files");
  const Result<StatusReport> back = status_from_json(json);
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().kind, ErrorKind::Malformed);
  EXPECT_EQ(back.error().message, "status: sources: source: field 'files' is missing");
}

TEST(Status, AFieldOfAnotherTypeIsNamed) {
  Json json = to_json(full_report());
  json["transactions"] = "many";
  const Result<StatusReport> back = status_from_json(json);
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().message, "status: field 'transactions' has an unexpected type (string)");
}

TEST(Status, AnUnknownWordIsNoState) {
  Json json = to_json(full_report());
  json["state"] = "fine";
  EXPECT_FALSE(status_from_json(json));
}

TEST(Rows, SurviveTheWayThroughJson) {
  const TierRow tier{.name = "security", .order = 100, .default_action = "Pass", .missing = false, .policies = 2};
  const PolicyRow policy{.tier = "default",
                         .kind = "KubernetesNetworkPolicy",
                         .ns = "dev",
                         .name = "web",
                         .order = std::nullopt,
                         .types = {"Ingress"},
                         .selector = "app is web",
                         .endpoints = 2,
                         .file = "a.yaml:1"};
  const EndpointRow endpoint{
      .ns = "dev", .name = "web-1", .addresses = {"10.0.0.1"}, .ingress = {"default/x"}, .egress = {}};
  const HostEndpointRow host_endpoint{.name = "uplink",
                                      .node = "node-1",
                                      .interface_name = "eth0",
                                      .expected_addresses = {"192.0.2.1"},
                                      .governed = {"eth0"},
                                      .why_none = "",
                                      .labels = {"role=edge"},
                                      .profiles = {"site"},
                                      .classes = {{"normal", "ingress", {"default/x"}}},
                                      .without_policy = "deny"};
  const FailsafeRow failsafe{
      .direction = "inbound", .protocol = "tcp", .port = 22, .nets = "10.0.0.0/8", .interface = "eth0"};
  const SetRow set{.name = "src-1", .meaning = "pods", .members = 4};
  EXPECT_EQ(*tiers_from_json(Json::array({to_json(tier)})), std::vector<TierRow>{tier});
  EXPECT_EQ(*policies_from_json(Json::array({to_json(policy)})), std::vector<PolicyRow>{policy});
  EXPECT_EQ(*endpoints_from_json(Json::array({to_json(endpoint)})), std::vector<EndpointRow>{endpoint});
  EXPECT_EQ(*host_endpoints_from_json(Json::array({to_json(host_endpoint)})),
            std::vector<HostEndpointRow>{host_endpoint});
  EXPECT_EQ(*failsafes_from_json(Json::array({to_json(failsafe)})), std::vector<FailsafeRow>{failsafe});
  EXPECT_EQ(*sets_from_json(Json::array({to_json(set)})), std::vector<SetRow>{set});
}

TEST(Rows, AListIsAnArrayOfObjects) {
  EXPECT_FALSE(tiers_from_json(Json::object()));
  EXPECT_FALSE(sets_from_json(Json::array({1})));
}

}  // namespace
}  // namespace tierwall::daemon
