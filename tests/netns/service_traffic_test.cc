// What is for a Service, a NodePort or a hostPort, beside a proxy that translates it: kube-proxy's and the portmap
// plugin's rules in a few lines of our own, once in nftables and once in iptables-nft. Policy sees such traffic twice:
// preDNAT policy by the address it was sent to, all other policy by the pod it reaches.
//
//   node:30080, 30081   NodePorts          -> app/web port 80
//   node:8080           hostPort           -> app/api port 80
//   192.0.2.2:8001      a Service address  -> app/web port 80   (web itself too, masqueraded: a hairpin)
//   192.0.2.2:8002      a Service address  -> app/far port 80, on the other node
//
// Nobody listens, so what gets through is refused by the pod it was translated to.

#include <filesystem>
#include <string>

#include "tests/netns/firewall.h"
#include "tests/netns/host_manifests.h"

namespace tierwall::lab {
namespace {

constexpr const char* kNftables = R"(table ip proxy {
  chain services {
    fib daddr type local tcp dport { 30080, 30081 } dnat to 10.1.0.1:80
    fib daddr type local tcp dport 8080 dnat to 10.1.0.2:80
    ip daddr 192.0.2.2 tcp dport 8001 dnat to 10.1.0.1:80
    ip daddr 192.0.2.2 tcp dport 8002 dnat to 10.2.0.1:80
  }
  chain prerouting { type nat hook prerouting priority dstnat; jump services; }
  chain output { type nat hook output priority -100; jump services; }
  chain postrouting { type nat hook postrouting priority srcnat; ip saddr 10.1.0.1 ip daddr 10.1.0.1 masquerade; }
}
)";

constexpr const char* kIptables = R"(*nat
:SERVICES - [0:0]
-A PREROUTING -j SERVICES
-A OUTPUT -j SERVICES
-A SERVICES -p tcp -m addrtype --dst-type LOCAL -m tcp --dport 30080:30081 -j DNAT --to-destination 10.1.0.1:80
-A SERVICES -p tcp -m addrtype --dst-type LOCAL -m tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:80
-A SERVICES -d 192.0.2.2 -p tcp -m tcp --dport 8001 -j DNAT --to-destination 10.1.0.1:80
-A SERVICES -d 192.0.2.2 -p tcp -m tcp --dport 8002 -j DNAT --to-destination 10.2.0.1:80
-A POSTROUTING -s 10.1.0.1 -d 10.1.0.1 -j MASQUERADE
COMMIT
)";

struct ServiceTrafficTest : FirewallTest, ::testing::WithParamInterface<const char*> {
  ServiceTrafficTest() : FirewallTest({.extra_config = host_config()}) {
    if (GetParam() == std::string("nftables")) {
      nft({"-f", "-"}, kNftables);
    } else {
      run_on_node({"iptables-nft-restore"}, kIptables);
    }
    daemon.start();
  }

  [[nodiscard]] Expectation reaches(const std::string& from, const std::string& to, std::uint16_t port) const {
    return {unheard(from, to, port), Outcome::Refused};
  }
  [[nodiscard]] Expectation does_not_reach(const std::string& from, const std::string& to, std::uint16_t port) const {
    return dropped(unheard(from, to, port));
  }
};

TEST_P(ServiceTrafficTest, WithoutPolicyEverythingIsTranslatedAndArrives) {
  expect_all({reaches("outside", "node", 30080), reaches("outside", "node", 30081), reaches("outside", "node", 8080),
              reaches("app/api", "node-2", 8001), reaches("app/api", "node-2", 8002),
              reaches("app/web", "node-2", 8001), reaches("node", "node-2", 8001), reaches("node", "node-2", 8002)});
}

TEST_P(ServiceTrafficTest, PreDnatPolicyKnowsPortsByTheNumberTheyWereSentTo) {
  const std::string node = host_endpoint("eth0-ep", "eth0", kAllowProfile);
  const std::string before = "preDNAT: true, applyOnForward: true, ingress: [";
  apply("hosts.yaml",
        node + host_policy("nodeports", before + "{action: Allow, protocol: TCP, destination: {ports: [30080]}}, "
                                                 "{action: Deny, protocol: TCP, destination: {ports: "
                                                 "['30000:32767']}}]"));
  expect_all(
      {reaches("outside", "node", 30080), does_not_reach("outside", "node", 30081), reaches("outside", "node", 8080)});
  apply("hosts.yaml",
        node + host_policy("hostports", before + "{action: Deny, protocol: TCP, destination: {ports: [8080]}}]"));
  expect_all({reaches("outside", "node", 30081), does_not_reach("outside", "node", 8080),
              allowed(probe("outside", "app/api"))});
}

TEST_P(ServiceTrafficTest, PolicyOnWhatIsForwardedKnowsThePodItReaches) {
  const std::string node = host_endpoint("eth0-ep", "eth0", kAllowProfile);
  const auto deny = [&](const std::string& destination) {
    return node + host_policy("forward",
                              "applyOnForward: true, types: [Ingress], ingress: [{action: Deny, protocol: "
                              "TCP, destination: {" +
                                  destination + "}}, {action: Allow}]");
  };
  apply("hosts.yaml", deny("ports: [30080, 8080]"));
  expect_all({reaches("outside", "node", 30080), reaches("outside", "node", 8080)});
  apply("hosts.yaml", deny("nets: [10.1.0.1/32], ports: [80]"));
  expect_all({does_not_reach("outside", "node", 30080), reaches("outside", "node", 8080)});
}

TEST_P(ServiceTrafficTest, APodIsGuardedByItsOwnPolicyHoweverItIsReached) {
  apply("web.yaml", network_policy("web", kDenyIngress));
  expect_all({does_not_reach("outside", "node", 30080), does_not_reach("app/api", "node-2", 8001),
              reaches("outside", "node", 8080), reaches("node", "node-2", 8001)});
  apply("web.yaml", network_policy("web",
                                   "podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: "
                                   "192.0.2.100/32}}], ports: [{port: 80}]}]"));
  expect_all({reaches("outside", "node", 30080), does_not_reach("app/api", "node-2", 8001)});
}

TEST_P(ServiceTrafficTest, APodThatReachesItselfThroughAServiceIsJudgedAsAnyOther) {
  apply("web.yaml", network_policy("web", kDenyIngress));
  expect_all({does_not_reach("app/web", "node-2", 8001)});
  apply("web.yaml", network_policy("web",
                                   "podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: "
                                   "{matchLabels: {app: web}}}]}]"));
  expect_all({reaches("app/web", "node-2", 8001), does_not_reach("app/api", "node-2", 8001)});
}

TEST_P(ServiceTrafficTest, WhatTheNodeSendsToAServiceIsJudgedByWhereItGoes) {
  const std::string node = host_endpoint("eth0-ep", "eth0", kAllowProfile);
  const auto deny = [&](const std::string& net) {
    return node + host_policy("out", "types: [Egress], egress: [{action: Deny, destination: {nets: [" + net +
                                         "]}}, {action: Allow}]");
  };
  apply("hosts.yaml", deny("192.0.2.2/32"));
  expect_all({reaches("node", "node-2", 8001), reaches("node", "node-2", 8002)});
  apply("hosts.yaml", deny("10.0.0.0/8"));
  expect_all({reaches("node", "node-2", 8001), does_not_reach("node", "node-2", 8002)});
}

// ---- pods on a bridge ----------------------------------------------------------------------------------------

/// Pods web and api hang on one bridge of the node, as the bridge plugin and flannel connect them: what they send each
/// other does not leave it.
struct BridgeTest : FirewallTest {
  BridgeTest() : FirewallTest({.pod_cidrs = {"10.1.0.0/24"}}) {
    run_on_node({"ip", "-batch", "-"},
                "link add cni0 type bridge\nlink set pod0 master cni0\nlink set pod1 master cni0\n"
                "address add 10.1.0.254/24 dev cni0\nlink set cni0 up\n");
    for (const char* pod : {"app/web", "app/api"}) {
      require_command({.argv = {"ip", "route", "add", "10.1.0.0/24", "dev", "eth0"}, .inside = &lab.host(pod).network});
    }
  }

  void show_bridged_traffic(bool shown) const {
    lab.node().network.write_sysctl("net.bridge.bridge-nf-call-iptables", shown ? "1" : "0");
  }
};

TEST_F(BridgeTest, WhatPodsOnItSendEachOtherIsJudgedOnlyIfTheKernelShowsIt) {
  if (!std::filesystem::exists("/proc/sys/net/bridge")) GTEST_SKIP() << "this kernel has no br_netfilter";
  show_bridged_traffic(true);
  daemon.start();
  expect_allowed(probe("app/api", "app/web"));
  apply("web.yaml", network_policy("web", kDenyIngress));
  expect_dropped(probe("app/api", "app/web"));

  show_bridged_traffic(false);
  expect_allowed(probe("app/api", "app/web"));
  daemon.wait_until([](const daemon::StatusReport& report) {
    return report.state == daemon::State::Degraded &&
           report.degraded.front().find("bridge-nf-call-iptables is 0") != std::string::npos;
  });

  show_bridged_traffic(true);
  expect_dropped(probe("app/api", "app/web"));
  daemon.wait_until([](const daemon::StatusReport& report) { return report.state == daemon::State::InSync; });
}

INSTANTIATE_TEST_SUITE_P(Proxies, ServiceTrafficTest, ::testing::Values("nftables", "iptables"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace tierwall::lab
