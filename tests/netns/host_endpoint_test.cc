// The node itself behind its firewall: host endpoints on the real daemon and the real kernel, every class of policy,
// and the ways an operator could lock himself out.
//
// eth0 leads to "outside" and "node-2"; the pods hang on interfaces of their own. No port is a failsafe here, so that
// policy alone decides; the guard watches port 22 all the same.

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "tests/lab/flows.h"
#include "tests/netns/firewall.h"
#include "tests/netns/host_manifests.h"

namespace tierwall::lab {
namespace {

using ::testing::HasSubstr;

struct HostEndpointTest : FirewallTest {
  HostEndpointTest() : FirewallTest({.extra_config = host_config()}) { daemon.start(); }
};

TEST_F(HostEndpointTest, ClosesTheNodeButNotWhatCrossesItAndNotItsPods) {
  expect_all({allowed(probe("outside", "node")), allowed(probe("node", "outside"))});
  apply("hosts.yaml", host_endpoint("eth0-ep", "eth0"));
  for (const policy::Family family : policy::kFamilies) {
    expect_all({dropped(probe("outside", "node", policy::kTcp, 80, family)),
                dropped(probe("node", "outside", policy::kTcp, 80, family)),
                dropped(probe("outside", "node", policy::kIcmp, 0, family)),
                allowed(probe("outside", "node", policy::kTcp, 4001, family)),
                allowed(probe("outside", "node", policy::kTcp, 4002, family)),
                dropped(probe("outside", "node", policy::kTcp, 4003, family)),
                allowed(probe("node", "outside", policy::kUdp, 53, family)),
                allowed(probe("outside", "app/web", policy::kTcp, 80, family)),
                allowed(probe("app/web", "outside", policy::kTcp, 80, family)),
                allowed(probe("app/web", "node", policy::kTcp, 80, family)),
                allowed(probe("node", "app/web", policy::kTcp, 80, family))});
  }
  remove("hosts.yaml");
  expect_allowed(probe("outside", "node"));
}

TEST_F(HostEndpointTest, NormalPolicyOpensWhatItNames) {
  apply("hosts.yaml",
        host_endpoint("eth0-ep", "eth0") +
            host_policy("web",
                        "types: [Ingress, Egress], ingress: [{action: Allow, protocol: TCP, destination: {ports: "
                        "[80]}}], egress: [{action: Allow, protocol: TCP, destination: {ports: [443]}}]"));
  for (const policy::Family family : policy::kFamilies) {
    expect_all({allowed(probe("outside", "node", policy::kTcp, 80, family)),
                dropped(probe("outside", "node", policy::kTcp, 81, family)),
                allowed(probe("node", "outside", policy::kTcp, 443, family)),
                dropped(probe("node", "outside", policy::kTcp, 80, family))});
  }
}

TEST_F(HostEndpointTest, UntrackedPolicyNeedsBothDirectionsAndIsFinal) {
  apply("hosts.yaml", host_endpoint("eth0-ep", "eth0") +
                          host_policy("raw",
                                      "doNotTrack: true, applyOnForward: true, types: [Ingress, Egress], ingress: "
                                      "[{action: Allow, protocol: UDP, destination: {ports: [7, 8]}}, {action: "
                                      "Deny, protocol: TCP, destination: {ports: [9]}}], egress: [{action: Allow, "
                                      "protocol: UDP, source: {ports: [7]}}]"));
  expect_all({allowed(probe("outside", "node", policy::kUdp, 7)),     // both ways are open, without connection tracking
              dropped(probe("outside", "node", policy::kUdp, 8)),     // its answer is not
              dropped(probe("outside", "app/web", policy::kTcp, 9)),  // forwarded traffic too
              allowed(probe("outside", "app/web", policy::kTcp, 80))});
}

TEST_F(HostEndpointTest, OfAllInterfacesPolicesBothBoundariesOfWhatCrosses) {
  apply("hosts.yaml", host_endpoint("all", "*", kAllowProfile) +
                          host_policy("crossing",
                                      "applyOnForward: true, types: [Ingress], ingress: [{action: Allow, "
                                      "source: {nets: [10.1.0.1/32]}}]"));
  expect_all({allowed(probe("app/web", "outside")), dropped(probe("app/api", "outside")),
              dropped(probe("outside", "app/web")), dropped(probe("outside", "node")),
              allowed(probe("node", "outside")), allowed(probe("node", "app/web")), allowed(probe("app/api", "node"))});
}

TEST_F(HostEndpointTest, AnInterfaceIsGovernedFromTheMomentItHasAnExpectedAddress) {
  daemon.write_manifest("hosts.yaml",
                        "apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata: {name: ep}\nspec: {node: "
                        "node-1, expectedIPs: [192.0.2.77]}\n");
  daemon.wait_until([](const daemon::StatusReport& report) {
    return std::ranges::count(report.remarks,
                              "HostEndpoint ep: no interface of this node has an address of its expectedIPs") == 1;
  });
  expect_allowed(probe("outside", "node"));
  const std::uint64_t before = daemon.generation();
  require_command({.argv = {"ip", "address", "add", "192.0.2.77/24", "dev", "eth0"}, .inside = &lab.node().network});
  daemon.wait_until(
      [&](const daemon::StatusReport& report) { return report.applied && report.applied->generation > before; });
  expect_dropped(probe("outside", "node"));
}

TEST_F(HostEndpointTest, RestoredBeforeTheNetworkComesUpNothingPasses) {
  apply("hosts.yaml", host_endpoint("eth0-ep", "eth0"));
  EXPECT_EQ(daemon.stop(), 0);
  require_command({.argv = {"ip", "link", "set", "eth0", "down"}, .inside = &lab.node().network});
  nft({"flush", "ruleset"});
  pretend_reboot();
  EXPECT_EQ(daemon.restore(), 0);
  require_command({.argv = {"ip", "link", "set", "eth0", "up"}, .inside = &lab.node().network});
  expect_all({dropped(probe("outside", "node")), allowed(probe("outside", "node", policy::kTcp, 4001))});
}

// ---- pod to its own host -------------------------------------------------------------------------------------

/// The table of calico.md 4.3. Where another table drops, nothing of ours opens: an nftables accept speaks for its own
/// table only, so that Accept and Return are one here.
struct EndpointToHostTest : FirewallTest, ::testing::WithParamInterface<const char*> {
  EndpointToHostTest() : FirewallTest({.extra_config = host_config(GetParam())}) { daemon.start(); }
};

TEST_P(EndpointToHostTest, FollowsTheTable) {
  const bool passes = std::string(GetParam()) != "drop";
  const Outcome as_configured = passes ? Outcome::Allowed : Outcome::Dropped;
  const std::string deny = "ingress: [{action: Deny}]", allow = "ingress: [{action: Allow}]";
  const std::string before_dnat = "preDNAT: true, applyOnForward: true, ";
  const struct {
    const char* what;
    std::string manifests;
    Outcome outcome;
  } rows[] = {
      {"eth0 Deny", host_endpoint("ep", "eth0") + host_policy("p", deny), as_configured},
      {"* Allow", host_endpoint("ep", "*") + host_policy("p", allow), as_configured},
      {"* Deny", host_endpoint("ep", "*") + host_policy("p", deny), as_configured},
      {"* preDNAT Allow", host_endpoint("ep", "*") + host_policy("p", before_dnat + allow), as_configured},
      {"* preDNAT Deny", host_endpoint("ep", "*") + host_policy("p", before_dnat + deny), Outcome::Dropped},
  };
  expect(probe("app/web", "node"), as_configured);
  for (const auto& row : rows) {
    SCOPED_TRACE(row.what);
    apply("hosts.yaml", row.manifests);
    expect(probe("app/web", "node"), row.outcome);
  }
  remove("hosts.yaml");
  nft({"-f", "-"}, "table inet other { chain input { type filter hook input priority filter; policy drop; }\n}\n");
  expect_dropped(probe("app/web", "node"));
}

INSTANTIATE_TEST_SUITE_P(Actions, EndpointToHostTest, ::testing::Values("accept", "return", "drop"),
                         [](const auto& test) { return std::string(test.param); });

// ---- not locked out ------------------------------------------------------------------------------------------

struct LockOutTest : FirewallTest {
  LockOutTest() : FirewallTest({.extra_config = host_config("accept", "hold")}) { daemon.start(); }

  void write_default_deny() const {
    daemon.write_manifest("hosts.yaml", host_endpoint("eth0-ep", "eth0") + host_policy("deny", "types: [Ingress]"));
  }
};

TEST_F(LockOutTest, ADefaultDenyOverASessionIsHeldUntilItIsReleased) {
  TcpConversation session(lab.outside(), lab.node(), 22);
  write_default_deny();
  const daemon::StatusReport held =
      daemon.wait_until([](const daemon::StatusReport& report) { return report.state == daemon::State::Degraded; });
  EXPECT_THAT(held.degraded.front(), HasSubstr("the session of 192.0.2.100 on tcp 22 would be cut by"));
  EXPECT_THAT(held.degraded.front(), HasSubstr("tierwall release"));
  const std::vector<std::string> question = {"explain", "--from", "host:eth0:192.0.2.100", "--to", "host",
                                             "--dport", "80"};
  const CommandOutcome explained = daemon.ask(question);
  EXPECT_EQ(explained.status, 0) << explained.errors;
  EXPECT_THAT(explained.output, HasSubstr("not in force yet: the session of 192.0.2.100"));
  expect_allowed(probe("outside", "node", policy::kTcp, 80));
  EXPECT_EQ(daemon.ask({"release"}).status, 0);
  expect_dropped(probe("outside", "node", policy::kTcp, 80));
  EXPECT_TRUE(session.exchange()) << "established connections go on";
  EXPECT_EQ(daemon.status().state, daemon::State::InSync);
  EXPECT_EQ(daemon.ask({"release"}).status, 1) << "nothing is held any more";
}

TEST_F(LockOutTest, AppliedWithConfirmationItIsTriedAndComesBack) {
  TcpConversation session(lab.outside(), lab.node(), 22);
  TemporaryDirectory own;
  const std::string path = (own.path() / "hosts.yaml").string();
  std::ofstream(path) << host_endpoint("eth0-ep", "eth0") << host_policy("deny", "types: [Ingress]");
  const CommandOutcome refused = daemon.ask({"apply", "-f", path});
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.errors, HasSubstr("the session of 192.0.2.100 on tcp 22"));
  expect_allowed(probe("outside", "node", policy::kTcp, 80));
  EXPECT_EQ(daemon.ask({"apply", "-f", path, "--confirm", "2s"}).status, 0);
  expect_dropped(probe("outside", "node", policy::kTcp, 80));
  daemon.wait_until([](const daemon::StatusReport& report) { return !report.waiting; });
  expect_allowed(probe("outside", "node", policy::kTcp, 80));
}

TEST_F(LockOutTest, WithoutASessionNothingIsHeld) {
  apply("hosts.yaml", host_endpoint("eth0-ep", "eth0") + host_policy("deny", "types: [Ingress]"));
  expect_dropped(probe("outside", "node", policy::kTcp, 22));
}

}  // namespace
}  // namespace tierwall::lab
