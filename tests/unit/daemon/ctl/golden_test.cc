// Whole command lines on a small fixed world, against files that show what an operator sees. The verbs that ask the
// daemon talk to a server that gives a fixed answer.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "daemon/control/change_report.h"
#include "daemon/control/drop_list.h"
#include "daemon/control/history.h"
#include "daemon/control/hit_list.h"
#include "daemon/control/status.h"
#include "daemon/ctl/command_line.h"

namespace tierwall::daemon::ctl {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = TIERWALL_SOURCE_DIR "/tests/golden/cli";

struct Golden {
  const char* name;
  std::vector<std::string> args;
  bool terminal = false;
};

void PrintTo(const Golden& golden, std::ostream* out) {
  *out << golden.name;
}

std::string read_text(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string transcribe(const Golden& golden, const std::vector<std::string>& extra = {}) {
  std::istringstream in;
  std::ostringstream out, err;
  std::vector<std::string> args = golden.args;
  args.insert(args.end(), extra.begin(), extra.end());
  const int exit = run(args, in, out, err, {"laptop", golden.terminal, true});
  std::string text = "$ tierwall";
  for (const std::string& arg : golden.args) text += " " + arg;
  return text + "\nexit " + std::to_string(exit) + "\n--- stdout\n" + out.str() + "--- stderr\n" + err.str();
}

void expect_golden(const Golden& golden, const std::string& transcript) {
  const fs::path path = kGolden / "expected" / (std::string(golden.name) + ".txt");
  if (std::getenv("TIERWALL_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << transcript;
  EXPECT_EQ(read_text(path), transcript) << path;
}

/// Paths in the answers are those of the command line, so the tests run where the world lies.
class GoldenTest : public ::testing::TestWithParam<Golden> {
 protected:
  GoldenTest() : before_(fs::current_path()) { fs::current_path(kGolden); }
  ~GoldenTest() override { fs::current_path(before_); }

 private:
  fs::path before_;
};

TEST_P(GoldenTest, SaysWhatItSaidBefore) {
  expect_golden(GetParam(), transcribe(GetParam()));
}

std::vector<std::string> explain_hosts(const char* from, const char* to, std::vector<std::string> more) {
  std::vector<std::string> args = {"explain", "-f", "hosts", "--node", "node-1", "--from", from, "--to", to};
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

std::vector<std::string> explain(const char* from, const char* to, std::vector<std::string> more) {
  std::vector<std::string> args = {"explain", "-f", "world", "--node", "node-1", "--from", from, "--to", to};
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

const Golden kOnManifests[] = {
    {"check-clean", {"check", "-f", "world"}},
    {"check-broken", {"check", "-f", "world", "-f", "broken"}},
    {"check-broken-json", {"check", "-f", "broken", "-o", "json"}},
    {"check-unreadable-document", {"check", "-f", "unreadable.yaml", "-f", "world"}},
    {"explain-allowed", explain("pod:shop/frontend-1", "pod:shop/backend-1", {"--dport", "8080"})},
    {"explain-allowed-json", explain("pod:shop/frontend-1", "pod:shop/backend-1", {"--dport", "8080", "-o", "json"})},
    {"explain-denied-by-both", explain("pod:shop/frontend-1", "pod:shop/database-1", {"--dport", "3306"})},
    {"explain-quarantine", explain("pod:shop/frontend-1", "pod:shop/frontend-2", {"--dport", "80"})},
    {"explain-quarantine-json", explain("pod:shop/frontend-1", "pod:shop/frontend-2", {"--dport", "80", "-o", "json"})},
    {"explain-address-of-pod", explain("ip:203.0.113.1", "ip:10.1.1.9", {"--icmp", "8"})},
    {"explain-no-policy-point", explain("ip:203.0.113.1", "host:eth0", {"--dport", "22", "-o", "json"})},
    {"explain-host-to-own-pod", explain("host", "pod:shop/frontend-1", {"--dport", "9999"})},
    {"explain-host-to-own-pod-json", explain("host", "pod:shop/frontend-1", {"--dport", "9999", "-o", "json"})},
    {"explain-host-to-other-pod", explain("host", "pod:shop/backend-1", {"--dport", "8080"})},
    {"explain-pod-to-host", explain("pod:ops/agent", "host", {"--dport", "22"})},
    {"explain-itself", explain("pod:shop/backend-1", "pod:shop/backend-1", {"--dport", "8080"})},
    {"explain-ipv6", explain("pod:shop/frontend-1", "pod:shop/backend-1", {"--proto", "icmpv6"})},
    {"explain-finished-pod", explain("pod:shop/migration", "host", {"--dport", "22"})},
    {"explain-host-network-pod", explain("pod:ops/proxy", "host", {"--dport", "22"})},
    {"explain-unknown-pod", explain("pod:shop/frontend-3", "host", {"--dport", "22"})},
    {"explain-broken-manifests",
     {"explain", "-f", "world", "-f", "broken", "--from", "ip:203.0.113.1", "--to", "pod:ops/agent", "--dport", "22"}},
    {"explain-unreadable-document",
     {"explain", "-f", "world", "-f", "unreadable.yaml", "--from", "host", "--to", "host", "--dport", "22"}},
    {"explain-flows", {"explain", "-f", "world", "--node", "node-1", "--flows", "flows.jsonl", "-o", "jsonl"}},
    {"explain-staged",
     {"explain", "-f", "staged", "--from", "pod:shop/web-1", "--to", "pod:shop/db-1", "--dport", "22"}},
    {"explain-staged-json",
     {"explain", "-f", "staged", "--from", "pod:shop/web-1", "--to", "pod:shop/db-1", "--dport", "22", "-o", "json"}},
    {"explain-staged-unchanged",
     {"explain", "-f", "staged", "--from", "pod:shop/db-1", "--to", "pod:shop/web-1", "--dport", "80"}},
    {"explain-staged-flows", {"explain", "-f", "staged", "--flows", "staged-flows.jsonl", "--verify"}},
    {"explain-many-rules",
     {"explain", "-f", "many-rules.yaml", "--from", "ip:203.0.113.1", "--to", "pod:shop/web-1", "--dport", "9999"}},
    {"check-hosts", {"check", "-f", "hosts"}},
    {"explain-host-ssh", explain_hosts("host:eth0:203.0.113.9", "host", {"--dport", "2222"})},
    {"explain-host-ssh-json", explain_hosts("host:eth0:203.0.113.9", "host", {"--dport", "2222", "-o", "json"})},
    {"explain-host-failsafe", explain_hosts("host:eth0:203.0.113.9", "host", {"--dport", "22"})},
    {"explain-host-node-port", explain_hosts("host:eth0:203.0.113.9", "host", {"--dport", "30080"})},
    {"explain-host-node-port-json", explain_hosts("host:eth0:203.0.113.9", "host", {"--dport", "30080", "-o", "json"})},
    {"explain-host-crossing", explain_hosts("pod:shop/web-1", "ip:203.0.113.25", {"--dport", "25"})},
    {"explain-host-crossing-json", explain_hosts("pod:shop/web-1", "ip:203.0.113.25", {"--dport", "25", "-o", "json"})},
    {"explain-host-closed", explain_hosts("host", "host:eth1:172.16.0.1", {"--dport", "80"})},
    {"matrix", {"matrix", "-f", "world", "--dport", "8080"}},
    {"matrix-dot", {"matrix", "-f", "world", "-n", "shop", "--dport", "8080", "-o", "dot"}},
    {"matrix-svg", {"matrix", "-f", "world", "-n", "shop", "--dport", "8080", "-o", "svg"}},
    {"matrix-json", {"matrix", "-f", "world", "-n", "shop", "--proto", "icmp", "-o", "json"}},
    {"matrix-unknown-namespace", {"matrix", "-f", "world", "-n", "shpo", "--dport", "80"}},
    {"matrix-too-many", {"matrix", "-f", "world", "--most", "2", "--dport", "80"}},
    {"compile", {"compile", "-f", "world", "--node", "node-1", "--pod-cidr", "10.1.1.0/24"}},
    {"compile-json", {"compile", "-f", "world", "--node", "node-2", "-o", "json"}},
    {"compile-unknown-node", {"compile", "-f", "world", "--node", "node-9"}},
    {"test-pass", {"test", "-f", "world", "tests-pass.yaml"}},
    {"test-fail", {"test", "-f", "world", "tests-fail.yaml"}},
    {"test-fail-json", {"test", "-f", "world", "tests-fail.yaml", "-o", "json"}},
    {"test-staged-fail", {"test", "-f", "staged", "tests-staged.yaml"}},
    {"test-staged-fail-json", {"test", "-f", "staged", "tests-staged.yaml", "-o", "json"}},
    {"test-bad", {"test", "-f", "world", "tests-bad.yaml"}},
    {"test-unknown-pod", {"test", "-f", "world", "tests-unknown-pod.yaml"}},
    {"diff-manifests", {"diff", "--base", "world", "-f", "world/00-cluster.yaml", "-f", "later"}},
    {"diff-manifests-json", {"diff", "--base", "world", "-f", "world/00-cluster.yaml", "-f", "later", "-o", "json"}},
    {"diff-nothing", {"diff", "--base", "world", "-f", "world", "--node", "node-1"}},
    {"diff-not-running",
     {"diff", "-f", "later", "--socket", "missing.sock", "--config", "missing.toml", "--state", "missing.db"}},
    {"diff-usage", {"diff", "5"}},
    {"diff-base-prune", {"diff", "--base", "world", "-f", "later", "--prune", "x.yaml"}},
    {"simulate-not-running",
     {"simulate", "-f", "later", "--socket", "missing.sock", "--config", "missing.toml", "--state", "missing.db"}},
    {"status-not-running", {"status", "--socket", "missing.sock"}},
    {"status-not-running-json", {"status", "--socket", "missing.sock", "-o", "json"}},
    {"apply-broken", {"apply", "-f", "broken", "--socket", "missing.sock"}},
    {"apply-not-running", {"apply", "-f", "world", "--socket", "missing.sock"}},
    {"explain-not-running",
     {"explain", "--from", "host", "--to", "ip:192.0.2.1", "--dport", "80", "--socket", "missing.sock", "--config",
      "missing.toml", "--state", "missing.db"}},
    {"history-not-running", {"history", "--socket", "missing.sock", "--state", "missing.db"}},
    {"get-not-running", {"get", "tiers", "--socket", "missing.sock"}},
};

std::string case_name(const ::testing::TestParamInfo<Golden>& golden) {
  std::string name = golden.param.name;
  std::ranges::replace(name, '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(OnManifests, GoldenTest, ::testing::ValuesIn(kOnManifests), case_name);

// ---- the verbs that ask the daemon ---------------------------------------------------------------------------

StatusReport report_of(State state) {
  StatusReport report;
  report.version = "0.1.0";
  report.node = "node-1";
  report.state = state;
  report.now_ms = 1'700'000'300'000;
  report.transactions = 7;
  report.ownership = "ours: no other process can flush or edit it";
  report.sources = {{"directory", "/etc/tierwall/policy.d", true, 1'700'000'297'000, 4, 12, std::nullopt}};
  if (state == State::Starting) return report;
  report.applied = AppliedStatus{5, 1'700'000'000'000, 3'240, 12, 6, 1, 4, 2, 11, 42, 7, 40};
  report.warnings = {
      {{"dns.yaml", 3, 1}, policy::Severity::Warning, "GlobalNetworkPolicy dns", "", "cuts name servers off"}};
  report.remarks = {"group 'tierwall' does not exist: only root reaches the control socket"};
  report.denied = {{"ingress, tier default, NetworkPolicy shop/web, rule 1", 12},
                   {"ingress, tier default: no rule matched", 1}};
  if (state == State::InSync) {
    report.waiting = WaitingStatus{1'700'000'342'000, 42'000, 5, 0, {"10-shop.yaml"}};
    return report;
  }
  report.sources.front().failure = "Permission denied";
  report.degraded = {"the kernel refused the last change: set src-1: No space left; generation 5 stays in force"};
  report.problems = {
      {{"web.yaml", 7, 3}, policy::Severity::Error, "NetworkPolicy shop/web", "spec.ingress", "not a list"}};
  return report;
}

HistoryRow generation_row(std::uint64_t number) {
  HistoryRow row;
  row.generation = number;
  row.time_ms = 1'700'000'000'000;
  row.endpoints = 6;
  row.policies = 4;
  row.changes = {{"put", "kubernetes", "Pod shop/frontend-1"}};
  if (number == 5) return row;
  row.cause = "apply";
  row.uid = 0;
  row.files = {"10-shop.yaml"};
  row.changes = {{"put", "directory", "KubernetesNetworkPolicy shop/frontend"},
                 {"removed", "directory", "Tier old"},
                 {"put", "kubernetes", "Pod shop/frontend-1"}};
  return row;
}

Json answer_to(const std::string& method, State state) {
  if (method == "ListTiers") {
    return {{"tiers",
             {to_json(TierRow{"security", 100, "Deny", false, 2}),
              to_json(TierRow{"lost", std::nullopt, "Deny", true, 1})}}};
  }
  if (method == "ListPolicies") {
    return {{"policies",
             {to_json(PolicyRow{"security",
                                "GlobalNetworkPolicy",
                                "",
                                "quarantine",
                                10.5,
                                {"Ingress", "Egress"},
                                "quarantine == 'true'",
                                1,
                                "20-security.yaml:8"}),
              to_json(PolicyRow{"default",
                                "KubernetesNetworkPolicy",
                                "shop",
                                "frontend",
                                1000,
                                {"Ingress"},
                                "pods of shop with app == 'frontend'",
                                2,
                                "10-shop.yaml:10"})}}};
  }
  if (method == "ListEndpoints") {
    return {{"endpoints",
             {to_json(EndpointRow{
                 "shop",
                 "frontend-1",
                 {"10.1.1.1", "fd00:1::1"},
                 {"security/GlobalNetworkPolicy pass-rest", "default/KubernetesNetworkPolicy shop/frontend"},
                 {}})}}};
  }
  if (method == "Apply" || method == "Rollback" || method == "Confirm") {
    ChangeReport report{.generation = 6, .files = {"10-shop.yaml"}, .changes = {{"changed", "NetworkPolicy shop/web"}}};
    if (method == "Apply") report.deadline_ms = 1'700'000'060'000;
    return {{"report", to_json(report)}};
  }
  if (method == "ListGenerations") return {{"generations", {to_json(generation_row(6)), to_json(generation_row(5))}}};
  if (method == "GetGeneration") return {{"generation", to_json(generation_row(6))}};
  if (method == "ListHostEndpoints") {
    const HostEndpointRow uplink{.name = "node-1-uplink",
                                 .node = "node-1",
                                 .interface_name = "eth0",
                                 .expected_addresses = {"192.0.2.1"},
                                 .governed = {"eth0"},
                                 .labels = {"role=edge"},
                                 .profiles = {"site"},
                                 .classes = {{"normal", "egress", {}},
                                             {"normal", "ingress", {"default/GlobalNetworkPolicy edge"}},
                                             {"preDNAT", "ingress", {"default/GlobalNetworkPolicy nodeports"}}},
                                 .without_policy = "profile site, then deny"};
    const HostEndpointRow other{.name = "node-2-all",
                                .node = "node-2",
                                .interface_name = "*",
                                .why_none = "it is of another node",
                                .without_policy = "deny"};
    return {{"hostendpoints", {to_json(uplink), to_json(other)}}};
  }
  if (method == "ListFailsafes") {
    return {{"failsafes",
             {to_json(FailsafeRow{"inbound", "tcp", 22, "fd00::/8", "eth0"}),
              to_json(FailsafeRow{"outbound", "udp", 53, std::nullopt})}}};
  }
  if (method == "ListSets") return {{"sets", {to_json(SetRow{"src-3f9a", "pods of shop with app == 'frontend'", 2})}}};
  if (method == "ListDrops") {
    LoggedDrop entry;
    entry.number = 7;
    entry.first = entry.last = std::chrono::seconds(1'700'000'000);
    entry.packets = 3;
    entry.drop = {.source = {"10.1.1.1", "shop/frontend-1"}, .destination = {"10.1.1.9", "shop/database-1"}};
    entry.drop.protocol = "tcp";
    entry.drop.source_port = 40'000;
    entry.drop.destination_port = 3306;
    entry.drop.hook = "forward";
    entry.drop.by = "tier-default";
    entry.drop.direction = "egress";
    entry.drop.tier = "default";
    entry.drop.words = "tier default: no rule matched";
    entry.drop.counter = "egress/default/END-Deny";
    entry.drop.generation = 5;
    DropPage page;
    page.last = 8;
    page.drops.push_back(entry);
    entry.number = 8;
    entry.drop = {.source = {"203.0.113.9", ""}, .destination = {"192.0.2.1", ""}};
    entry.drop.protocol = "icmp";
    entry.drop.icmp = "8/0";
    entry.drop.by = "rule";
    entry.drop.direction = "ingress";
    entry.drop.endpoint = "uplink";
    entry.drop.words = "tier security, GlobalNetworkPolicy quiet, rule 1";
    page.drops.push_back(entry);
    return {{"page", to_json(page)}};
  }
  if (method == "ListHits") {
    const HitRow web{.counter = "ingress/default/NetworkPolicy/shop/web/1",
                     .direction = "ingress",
                     .tier = "default",
                     .kind = "NetworkPolicy",
                     .ns = "shop",
                     .name = "web",
                     .rule = 1,
                     .action = "Allow",
                     .words = "tier default, NetworkPolicy shop/web, rule 1",
                     .packets = 3,
                     .bytes = 180,
                     .last_hit_ms = 1'700'000'000'000};
    const HitRow end{.counter = "ingress/default/END-Deny",
                     .direction = "ingress",
                     .tier = "default",
                     .action = "Deny",
                     .words = "tier default: no rule matched",
                     .packets = 12,
                     .bytes = 720,
                     .last_hit_ms = 1'700'000'000'000};
    return {{"hits", {to_json(end), to_json(web)}}};
  }
  if (method == "GetMetrics") return {{"metrics", "# HELP a What\n# TYPE a gauge\na{b=\"c\"} 1\n"}};
  return {{"status", to_json(report_of(state))}};
}

/// Answers one call on a socket of its own and ends.
class OneAnswer {
 public:
  explicit OneAnswer(State state) : directory_(fs::temp_directory_path() / ("ctl-golden-" + std::to_string(getpid()))) {
    fs::create_directories(directory_);
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
    thread_ = std::thread([this, state] { serve(state); });
  }
  ~OneAnswer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
    fs::remove_all(directory_);
  }
  OneAnswer(const OneAnswer&) = delete;
  OneAnswer& operator=(const OneAnswer&) = delete;

  [[nodiscard]] std::string path() const { return (directory_ / "control.sock").string(); }

 private:
  void serve(State state) const {
    const int client = accept(listener_, nullptr, nullptr);
    if (client < 0) return;
    std::string request;
    for (char byte = 1; recv(client, &byte, 1, 0) == 1 && byte != '\0';) request += byte;
    const std::string method = Json::parse(request).at("method").get<std::string>();
    const std::string interface = "io.tierwall.Control.";
    const Json reply = {{"parameters", answer_to(method.substr(interface.size()), state)}};
    const std::string bytes = reply.dump() + '\0';
    send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    close(client);
  }

  fs::path directory_;
  int listener_ = -1;
  std::thread thread_;
};

struct DaemonGolden {
  Golden golden;
  State state = State::InSync;
};

TEST(DaemonGoldens, SayWhatTheySaidBefore) {
  const DaemonGolden rows[] = {
      {{"status", {"status"}}},
      {{"status-bare", {}, true}},
      {{"status-degraded", {"status"}}, State::Degraded},
      {{"status-degraded-json", {"status", "-o", "json"}}, State::Degraded},
      {{"status-starting", {"status"}}, State::Starting},
      {{"get-tiers", {"get", "tiers"}, true}},
      {{"get-tiers-piped", {"get", "tiers"}}},
      {{"get-tiers-no-legend", {"get", "tiers", "--no-legend"}, true}},
      {{"get-tiers-json", {"get", "tiers", "-o", "json"}}},
      {{"get-policies", {"get", "policies"}, true}},
      {{"get-policies-wide", {"get", "policies", "-o", "wide"}, true}},
      {{"get-policies-name", {"get", "policies", "-o", "name"}, true}},
      {{"get-endpoints", {"get", "endpoints"}, true}},
      {{"get-endpoints-wide", {"get", "endpoints", "-o", "wide"}, true}},
      {{"get-hostendpoints", {"get", "hostendpoints"}, true}},
      {{"get-hostendpoints-wide", {"get", "hostendpoints", "-o", "wide"}, true}},
      {{"get-hostendpoints-json", {"get", "hostendpoints", "-o", "json"}}},
      {{"get-failsafes", {"get", "failsafes"}, true}},
      {{"get-failsafes-json", {"get", "failsafes", "-o", "json"}}},
      {{"get-failsafes-name", {"get", "failsafes", "-o", "name"}}},
      {{"get-sets", {"get", "sets"}, true}},
      {{"top-once", {"top", "--once"}, true}},
      {{"top-first", {"top", "-n", "1"}}},
      {{"top-json", {"top", "-o", "json"}}},
      {{"drops", {"drops"}, true}},
      {{"drops-filtered", {"drops", "--to-pod", "shop/", "--to-port", "3306", "-o", "jsonl"}}},
      {{"drops-json", {"drops", "-o", "json"}}},
      {{"drops-none", {"drops", "--from-ip", "192.0.2.77"}}},
      {{"metrics", {"metrics"}}},
      {{"metrics-json", {"metrics", "-o", "json"}}},
      {{"apply-confirm", {"apply", "-f", "world/10-shop.yaml", "--confirm", "60s"}}},
      {{"apply-json", {"apply", "-f", "world/10-shop.yaml", "-o", "json"}}},
      {{"confirm", {"confirm"}}},
      {{"rollback", {"rollback", "5"}}},
      {{"history", {"history"}}},
      {{"history-json", {"history", "-n", "2", "-o", "json"}}},
      {{"history-show", {"history", "show", "6"}}},
  };
  const fs::path before = fs::current_path();
  fs::current_path(kGolden);
  for (const DaemonGolden& row : rows) {
    const OneAnswer daemon(row.state);
    expect_golden(row.golden, transcribe(row.golden, {"--socket", daemon.path()}));
  }
  fs::current_path(before);
}

}  // namespace
}  // namespace tierwall::daemon::ctl
