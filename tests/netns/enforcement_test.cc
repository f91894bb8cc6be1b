// What policy means for packets, shown on the real daemon and the real kernel.

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "tests/netns/firewall.h"

namespace tierwall::lab {
namespace {

using policy::Family;
using ::testing::HasSubstr;

struct EnforcementTest : FirewallTest {
  EnforcementTest() { daemon.start(); }

  /// The spec of a policy for ingress of one pod; `rules` in flow style.
  static std::string ingress_of(const std::string& pod, const std::string& rules) {
    return "podSelector: {matchLabels: {app: " + pod + "}}, policyTypes: [Ingress], ingress: [" + rules + "]";
  }
};

const policy::Protocol kAll[] = {policy::kTcp, policy::kUdp, policy::kIcmp, policy::kSctp};

TEST_F(EnforcementTest, WithoutPolicyEverythingIsOpen) {
  std::vector<Expectation> all;
  for (const policy::Protocol protocol : kAll) {
    for (const Family family : policy::kFamilies) {
      all.push_back(allowed(probe("app/api", "app/web", protocol, 80, family)));
      all.push_back(allowed(probe("outside", "app/web", protocol, 80, family)));
      all.push_back(allowed(probe("app/web", "outside", protocol, 80, family)));
    }
  }
  expect_all(all);
}

TEST_F(EnforcementTest, DefaultDenyClosesBothFamiliesAndEveryProtocol) {
  apply("deny.yaml", network_policy("deny", kDenyAll));
  std::vector<Expectation> all;
  for (const policy::Protocol protocol : kAll) {
    for (const Family family : policy::kFamilies) {
      all.push_back(dropped(probe("outside", "app/web", protocol, 80, family)));
      all.push_back(dropped(probe("app/web", "outside", protocol, 80, family)));
      all.push_back(dropped(probe("app/web", "app/far", protocol, 80, family)));
    }
  }
  expect_all(all);
}

TEST_F(EnforcementTest, LabelsNotFamiliesDecideWhoIsAllowed) {
  apply("allow.yaml", network_policy("allow", ingress_of("web",
                                                         "{from: [{podSelector: {matchLabels: {app: api}}}], "
                                                         "ports: [{protocol: TCP, port: 80}]}")));
  for (const Family family : policy::kFamilies) {
    expect_all({allowed(probe("app/api", "app/web", policy::kTcp, 80, family)),
                dropped(probe("app/api", "app/web", policy::kTcp, 81, family)),
                dropped(probe("app/api", "app/web", policy::kUdp, 80, family)),
                dropped(probe("app/db", "app/web", policy::kTcp, 80, family)),
                dropped(probe("app/far", "app/web", policy::kTcp, 80, family))});
  }
}

TEST_F(EnforcementTest, APodOfAnotherNodeIsAPeerByItsLabels) {
  apply("allow.yaml", network_policy("allow", ingress_of("web", "{from: [{podSelector: {matchLabels: {app: far}}}]}")));
  expect_all({allowed(probe("app/far", "app/web")), dropped(probe("app/api", "app/web")),
              dropped(probe("outside", "app/web"))});
}

TEST_F(EnforcementTest, SctpIsNotTcp) {
  apply("allow.yaml", network_policy("allow", ingress_of("web", "{ports: [{protocol: SCTP, port: 80}]}")));
  for (const Family family : policy::kFamilies) {
    expect_all({allowed(probe("app/api", "app/web", policy::kSctp, 80, family)),
                dropped(probe("app/api", "app/web", policy::kSctp, 81, family)),
                dropped(probe("app/api", "app/web", policy::kTcp, 80, family))});
  }
}

TEST_F(EnforcementTest, IcmpNeedsARuleWithoutPorts) {
  apply("ports.yaml", network_policy("ports", ingress_of("web", "{ports: [{protocol: TCP, port: 80}]}")));
  apply("all.yaml", network_policy("all", ingress_of("api", "{from: [{podSelector: {}}]}")));
  for (const Family family : policy::kFamilies) {
    expect_all({dropped(probe("app/db", "app/web", policy::kIcmp, 0, family)),
                allowed(probe("app/db", "app/api", policy::kIcmp, 0, family)),
                dropped(probe("outside", "app/api", policy::kIcmp, 0, family))});
  }
}

TEST_F(EnforcementTest, ItsOwnHostMeetsThePodsEgressPolicy) {
  expect_allowed(probe("app/web", "node"));
  apply("deny.yaml", network_policy("deny", "podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]"));
  for (const Family family : policy::kFamilies) {
    expect_all({dropped(probe("app/web", "node", policy::kTcp, 80, family)),
                allowed(probe("app/api", "node", policy::kTcp, 80, family))});
  }
}

TEST_F(EnforcementTest, TheHostAlwaysReachesItsPods) {
  apply("deny.yaml", network_policy("deny", kDenyAll));
  std::vector<Expectation> all;
  for (const policy::Protocol protocol : kAll)
    for (const Family family : policy::kFamilies)
      all.push_back(allowed(probe("node", "app/web", protocol, 80, family)));
  expect_all(all);
}

TEST_F(EnforcementTest, AnotherNodeIsAnOrdinaryAddress) {
  apply("deny.yaml", network_policy("deny", kDenyIngress));
  expect_dropped(probe("node-2", "app/web"));
}

TEST_F(EnforcementTest, APortThatIsAllowedAndUnusedRefuses) {
  apply("allow.yaml", network_policy("allow", ingress_of("web",
                                                         "{ports: [{protocol: TCP, port: 80}, {protocol: UDP, "
                                                         "port: 80}]}")));
  for (const policy::Protocol protocol : {policy::kTcp, policy::kUdp}) {
    for (const Family family : policy::kFamilies) {
      Probe unused = probe("app/api", "app/web", protocol, 80, family);
      unused.listening = false;
      expect(unused, Outcome::Refused);
    }
  }
}

// nft lists chains in the order of their creation, which in a table that grew is another one.
std::vector<std::string> sorted_blocks(const std::string& table) {
  std::vector<std::string> blocks;
  for (std::size_t begin = table.find('\n') + 1; begin < table.size();) {
    const std::size_t end = std::min(table.find("\n\t}\n", begin), table.size());
    const std::string block = table.substr(begin, end - begin);
    blocks.push_back(block.substr(block.find_first_not_of('\n')));
    begin = end + 4;
  }
  std::sort(blocks.begin(), blocks.end());
  return blocks;
}

TEST_F(EnforcementTest, ExplainSaysWhatTheKernelDoesWithAndWithoutTheDaemon) {
  apply("deny.yaml", network_policy("deny", kDenyIngress));
  expect_all({dropped(probe("app/api", "app/web")), allowed(probe("app/web", "app/api"))});
  const auto explain = [this](const char* from, const char* to) {
    return daemon.ask({"explain", "--from", from, "--to", to, "--dport", "80", "--config", daemon.config_file()});
  };
  for (const bool running : {true, false}) {
    if (!running) daemon.kill();
    const CommandOutcome denied = explain("pod:app/api", "pod:app/web");
    EXPECT_EQ(denied.status, 1) << denied.errors;
    EXPECT_THAT(denied.output, HasSubstr("KubernetesNetworkPolicy app/deny"));
    EXPECT_EQ(denied.errors.empty(), running) << denied.errors;
    EXPECT_EQ(explain("pod:app/web", "pod:app/api").status, 0);
    EXPECT_EQ(explain("pod:app/nobody", "pod:app/api").status, 2);
  }
}

TEST_F(EnforcementTest, DoctorFindsThatWhatIsKeptUpToDateIsWhatIsMadeFromScratch) {
  apply("deny.yaml", network_policy("deny", kDenyIngress));
  apply("more.yaml", network_policy("more", kDenyAll));
  remove("more.yaml");
  const CommandOutcome looked = daemon.ask({"doctor", "--all", "--config", daemon.config_file()});
  EXPECT_THAT(looked.output, HasSubstr("ok: self check: what is kept up to date is what is made from scratch"));
  EXPECT_THAT(looked.output, HasSubstr("ok: state: can be read"));
}

/// A table that tells nobody of what it denies, as `tierwall compile` prints it.
struct QuietTableTest : FirewallTest {
  QuietTableTest() : FirewallTest({.extra_config = "[drops]\nper_second = 0\n"}) { daemon.start(); }
};

TEST_F(QuietTableTest, WhatCompilePrintsLoadsAndListsAsPrinted) {
  apply("deny.yaml", network_policy("deny", kDenyAll));
  apply("allow.yaml", network_policy("allow", EnforcementTest::ingress_of(
                                                  "web",
                                                  "{from: [{podSelector: {matchLabels: {app: api}}}, {ipBlock: {cidr: "
                                                  "192.0.2.0/24, except: [192.0.2.64/26]}}, {ipBlock: {cidr: "
                                                  "'2001:db8::/32'}}], ports: [{protocol: TCP, port: 8000, endPort: "
                                                  "8100}, {protocol: UDP, port: 53}, {protocol: SCTP}]}")));
  const CommandOutcome compiled = daemon.ask_offline({"compile", "-f", "policy.d", "--node", "node-1"});
  ASSERT_EQ(compiled.status, 0) << compiled.errors;
  const Lab elsewhere({.pods = {}});
  const std::vector<std::string> list = {"nft", "list", "table", "inet", "tierwall"};
  require_command({.argv = {"nft", "-f", "-"}, .inside = &elsewhere.node().network}, compiled.output);
  EXPECT_EQ(require_command({.argv = list, .inside = &elsewhere.node().network}), compiled.output);
  EXPECT_EQ(sorted_blocks(table()), sorted_blocks(compiled.output)) << "the daemon's own table is another";
}

}  // namespace
}  // namespace tierwall::lab
