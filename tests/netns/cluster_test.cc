// The daemon fed by an API server over TLS: from objects to verdicts on the wire, and what stays in force when the
// server, the daemon or the whole machine goes away.

#include <chrono>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/lab/daemon_process.h"
#include "tests/lab/flows.h"
#include "tests/lab/probe.h"
#include "tests/lab/topology.h"
#include "tests/netns/api_server_on_node.h"

namespace tierwall::lab {
namespace {

constexpr const char* kToken = "secret-token";

LabPlan make_plan() {
  return {
      .pods = {make_machine("app/web", {"10.1.0.1", "fd00:1::1"}), make_machine("app/api", {"10.1.0.2", "fd00:1::2"}),
               make_machine("app/late", {"10.1.0.9", "fd00:1::9"})},
      .remote_pods = {make_machine("app/far", {"10.2.0.1", "fd00:2::1"})}};
}

std::string pod(const std::string& name, const std::string& node, const std::vector<std::string>& addresses) {
  std::string text = "apiVersion: v1\nkind: Pod\nmetadata: {name: " + name + ", namespace: app, labels: {app: " + name +
                     "}}\nspec: {nodeName: " + node + ", containers: [{name: c, image: none}]}\nstatus: {phase: ";
  text += addresses.empty() ? "Pending" : "Running, podIPs: [";
  for (const std::string& address : addresses) text += "{ip: '" + address + "'}, ";
  return text + (addresses.empty() ? "}\n" : "]}\n");
}

std::string policy(const std::string& name, const std::string& spec) {
  return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: " + name +
         ", namespace: app}\nspec: {" + spec + "}\n";
}

const char* const kOnlyFar =
    "podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: far}}}]}]";

struct ClusterTest : ::testing::Test {
  ClusterTest()
      : lab(make_plan()),
        api(lab.node()),
        daemon(lab.node(), {.tierwalld = TIERWALL_DAEMON_PATH, .tierwall = TIERWALL_CLI_PATH},
               {.kubeconfig = api.kubeconfig("token: secret-token")}) {
    server.script().accept_token(kToken);
    server.store().put_manifest(
        "{apiVersion: v1, kind: Namespace, metadata: {name: app, labels: {kubernetes.io/metadata.name: app}}}");
    server.store().put_manifest(
        "{apiVersion: v1, kind: Node, metadata: {name: node-1}, spec: {podCIDRs: [10.1.0.0/24, 'fd00:1::/64']}, "
        "status: {addresses: [{type: InternalIP, address: 192.0.2.1}]}}");
    server.store().put_manifest(pod("web", "node-1", {"10.1.0.1", "fd00:1::1"}));
    server.store().put_manifest(pod("api", "node-1", {"10.1.0.2", "fd00:1::2"}));
    server.store().put_manifest(pod("far", "node-2", {"10.2.0.1", "fd00:2::1"}));
    server.store().put_manifest(policy("only-far", kOnlyFar));
  }

  [[nodiscard]] Probe probe(const std::string& from, const std::string& to,
                            policy::Family family = policy::Family::V4) const {
    return {&lab.host(from), &lab.host(to), policy::kTcp, 80, family, true};
  }
  void expect(const std::vector<std::pair<Probe, Outcome>>& expectations) const {
    std::vector<Probe> probes;
    std::vector<Outcome> expected;
    for (const auto& [one, outcome] : expectations) {
      probes.push_back(one);
      expected.push_back(outcome);
    }
    const std::vector<Outcome> seen = run_expecting(probes, expected);
    for (std::size_t i = 0; i < probes.size(); ++i) {
      EXPECT_EQ(seen[i], expected[i]) << describe(probes[i]) << ": " << print_outcome(seen[i]);
    }
  }
  /// Both families: web takes from far, and from nobody else.
  void expect_protected() const {
    expect({{probe("app/api", "app/web"), Outcome::Dropped},
            {probe("app/api", "app/web", policy::Family::V6), Outcome::Dropped},
            {probe("app/far", "app/web"), Outcome::Allowed},
            {probe("app/far", "app/web", policy::Family::V6), Outcome::Allowed},
            {probe("app/web", "app/api"), Outcome::Allowed}});
  }
  void wait_in_sync() const {
    daemon.wait_until([](const daemon::StatusReport& report) { return report.state == daemon::State::InSync; });
  }
  void wait_degraded() const {
    daemon.wait_until([](const daemon::StatusReport& report) { return report.state == daemon::State::Degraded; });
  }
  void wait_generation_after(std::uint64_t before) const {
    daemon.wait_until(
        [before](const daemon::StatusReport& report) { return report.applied && report.applied->generation > before; });
  }
  /// The node's network before it is up, as far as pods can tell. (Taking links down would take their routes along.)
  void set_forwarding(const char* on) const {
    lab.node().network.write_sysctl("net.ipv4.ip_forward", on);
    lab.node().network.write_sysctl("net.ipv6.conf.all.forwarding", on);
  }
  void nft(std::vector<std::string> words) const {
    words.insert(words.begin(), "nft");
    require_command({.argv = std::move(words), .inside = &lab.node().network});
  }

  Lab lab;
  ApiServerOnNode api;
  fake_api::FakeApiServer& server = api.server;
  Daemon daemon;
};

TEST_F(ClusterTest, ObjectsOfTheServerBecomeVerdicts) {
  daemon.start();
  wait_in_sync();
  expect_protected();

  std::uint64_t before = daemon.generation();
  server.store().put_manifest(policy("open", "podSelector: {matchLabels: {app: web}}, ingress: [{}]"));
  wait_generation_after(before);
  expect({{probe("app/api", "app/web"), Outcome::Allowed}});

  before = daemon.generation();
  server.store().remove("NetworkPolicy/app/open");
  wait_generation_after(before);
  expect_protected();
  for (const fake_api::SeenRequest& request : server.script().requests()) {
    EXPECT_EQ(request.request.target.find("secret"), std::string::npos);
  }
}

TEST_F(ClusterTest, TheServerGoesAwayAndTheLastStateStays) {
  daemon.start();
  wait_in_sync();
  const UdpStream denied(lab.host("app/api"), lab.host("app/web"), 9999);
  server.refuse_connections(true);
  server.cut_connections(fake_api::Cut::Reset);
  wait_degraded();
  expect_protected();

  const std::uint64_t before = daemon.generation();
  server.store().put_manifest(policy("also-deny-api", "podSelector: {matchLabels: {app: api}}"));
  server.store().compact();  // what the daemon saw last is too old now
  server.refuse_connections(false);
  wait_in_sync();
  wait_generation_after(before);
  expect({{probe("app/web", "app/api"), Outcome::Dropped}});
  EXPECT_EQ(denied.arrived(), 0U);
}

TEST_F(ClusterTest, KilledWhileTheServerIsAway) {
  daemon.start();
  wait_in_sync();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));  // what is remembered is written a moment later
  const UdpStream denied(lab.host("app/api"), lab.host("app/web"), 9999);
  server.refuse_connections(true);
  server.cut_connections(fake_api::Cut::Reset);
  daemon.kill();
  expect_protected();
  daemon.start();
  wait_degraded();
  expect_protected();
  EXPECT_EQ(denied.arrived(), 0U);

  server.store().remove("NetworkPolicy/app/only-far");
  server.refuse_connections(false);
  wait_in_sync();
  expect({{probe("app/api", "app/web"), Outcome::Allowed}});
}

TEST_F(ClusterTest, AStormOfAccidentsChangesNoVerdict) {
  daemon.start();
  wait_in_sync();
  const UdpStream denied(lab.host("app/api"), lab.host("app/web"), 9999);
  fake_api::Script& script = server.script();
  script.cut_inside_next_event(fake_api::Cut::Reset);
  server.store().put_manifest(pod("web", "node-1", {"10.1.0.1", "fd00:1::1"}) + "---\n" + policy("again", kOnlyFar));
  script.fail_next(5, {.status = 429, .retry_after_seconds = 1});
  server.cut_connections(fake_api::Cut::Reset);
  script.repeat_events(10);
  script.end_watches();
  server.go_away();
  server.store().compact();
  wait_in_sync();
  expect_protected();
  EXPECT_GT(denied.sent(), 20U);
  EXPECT_EQ(denied.arrived(), 0U);
}

TEST_F(ClusterTest, WhatMayNotBeReadIsNotEmpty) {
  daemon.start();
  wait_in_sync();
  server.script().forbid("/apis/networking.k8s.io/v1/networkpolicies");
  server.store().compact();
  server.cut_connections(fake_api::Cut::Reset);
  wait_degraded();
  expect_protected();
  server.script().permit("/apis/networking.k8s.io/v1/networkpolicies");
}

TEST_F(ClusterTest, ATokenThatExpiresIsReplacedByAReload) {
  daemon.start();
  wait_in_sync();
  server.script().revoke_token(kToken);
  server.cut_connections(fake_api::Cut::Reset);
  wait_degraded();
  expect_protected();

  server.store().remove("NetworkPolicy/app/only-far");
  server.script().accept_token("fresh-token");
  daemon.write_kubeconfig(api.kubeconfig("token: fresh-token"));
  daemon.reload();
  wait_in_sync();
  expect({{probe("app/api", "app/web"), Outcome::Allowed}});
}

TEST_F(ClusterTest, AReboot) {
  daemon.start();
  wait_in_sync();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  server.refuse_connections(true);
  server.cut_connections(fake_api::Cut::Reset);
  daemon.kill();
  set_forwarding("0");
  nft({"flush", "ruleset"});
  pretend_reboot();

  EXPECT_EQ(daemon.restore(), 0) << daemon.log();
  set_forwarding("1");
  const UdpStream denied(lab.host("app/api"), lab.host("app/web"), 9999);
  expect({{probe("app/api", "app/web"), Outcome::Dropped}, {probe("outside", "app/web"), Outcome::Dropped}});
  daemon.start();
  expect({{probe("app/api", "app/web"), Outcome::Dropped}, {probe("outside", "app/web"), Outcome::Dropped}});
  server.refuse_connections(false);
  wait_in_sync();
  expect_protected();
  EXPECT_EQ(denied.arrived(), 0U);
}

TEST_F(ClusterTest, APodIsKnownByItsSandboxBeforeTheServerSaysItsAddress) {
  server.store().put_manifest(policy("late",
                                     "podSelector: {matchLabels: {app: late}}, ingress: [{from: "
                                     "[{podSelector: {matchLabels: {app: web}}}]}]"));
  daemon.start();
  wait_in_sync();
  expect({{probe("app/web", "app/late"), Outcome::Dropped}});  // nobody knows whose address this is

  std::uint64_t before = daemon.generation();
  server.store().put_manifest(pod("late", "node-1", {}));
  std::ofstream(daemon.cni_results() / "cbr0-1f-eth0")
      << R"({"kind":"cniCacheV1","containerId":"1f","ifName":"eth0","networkName":"cbr0","cniArgs":[["K8S_POD_NAMESPACE",)"
         R"("app"],["K8S_POD_NAME","late"]],"result":{"ips":[{"address":"10.1.0.9/24"}]}})";
  wait_generation_after(before);
  expect({{probe("app/web", "app/late"), Outcome::Allowed}, {probe("app/api", "app/late"), Outcome::Dropped}});
}

}  // namespace
}  // namespace tierwall::lab
