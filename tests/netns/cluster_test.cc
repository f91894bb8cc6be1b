// The daemon fed by an API server over TLS: from objects to verdicts on the wire, and what stays in force when the
// server, the daemon or the whole machine goes away.

#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include "tests/lab/flows.h"
#include "tests/netns/cluster.h"

namespace tierwall::lab {
namespace {

TEST_F(ClusterTest, ObjectsOfTheServerBecomeVerdicts) {
  daemon.start();
  wait_in_sync();
  expect_protected();

  std::uint64_t before = daemon.generation();
  server.store().put_manifest(policy_manifest("open", "podSelector: {matchLabels: {app: web}}, ingress: [{}]"));
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
  server.store().put_manifest(policy_manifest("also-deny-api", "podSelector: {matchLabels: {app: api}}"));
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
  wait_without_policy();
  expect({{probe("app/api", "app/web"), Outcome::Allowed}});
}

TEST_F(ClusterTest, AStormOfAccidentsChangesNoVerdict) {
  daemon.start();
  wait_in_sync();
  const UdpStream denied(lab.host("app/api"), lab.host("app/web"), 9999);
  fake_api::Script& script = server.script();
  script.cut_inside_next_event(fake_api::Cut::Reset);
  server.store().put_manifest(pod_manifest("web", "node-1", {"10.1.0.1", "fd00:1::1"}) + "---\n" +
                              policy_manifest("again", kOnlyFar));
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
  wait_without_policy();
  expect({{probe("app/api", "app/web"), Outcome::Allowed}});
}

/// The node's network before it is up, as far as pods can tell. (Taking links down would take their routes along.)
void set_forwarding(const Host& node, const char* on) {
  node.network.write_sysctl("net.ipv4.ip_forward", on);
  node.network.write_sysctl("net.ipv6.conf.all.forwarding", on);
}

TEST_F(ClusterTest, AReboot) {
  daemon.start();
  wait_in_sync();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  server.refuse_connections(true);
  server.cut_connections(fake_api::Cut::Reset);
  daemon.kill();
  set_forwarding(lab.node(), "0");
  require_command({.argv = {"nft", "flush", "ruleset"}, .inside = &lab.node().network});
  pretend_reboot();

  EXPECT_EQ(daemon.restore(), 0) << daemon.log();
  set_forwarding(lab.node(), "1");
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
  server.store().put_manifest(policy_manifest("late",
                                              "podSelector: {matchLabels: {app: late}}, ingress: [{from: "
                                              "[{podSelector: {matchLabels: {app: web}}}]}]"));
  daemon.start();
  wait_in_sync();
  expect({{probe("app/web", "app/late"), Outcome::Dropped}});  // nobody knows whose address this is

  std::uint64_t before = daemon.generation();
  server.store().put_manifest(pod_manifest("late", "node-1", {}));
  std::ofstream(daemon.cni_results() / "cbr0-1f-eth0")
      << R"({"kind":"cniCacheV1","containerId":"1f","ifName":"eth0","networkName":"cbr0","cniArgs":[["K8S_POD_NAMESPACE",)"
         R"("app"],["K8S_POD_NAME","late"]],"result":{"ips":[{"address":"10.1.0.9/24"}]}})";
  wait_generation_after(before);
  expect({{probe("app/web", "app/late"), Outcome::Allowed}, {probe("app/api", "app/late"), Outcome::Dropped}});
}

}  // namespace
}  // namespace tierwall::lab
