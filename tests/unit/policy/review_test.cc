#include "policy/review.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/vocabulary/world.h"

namespace tierwall::policy {
namespace {

using test::World;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kCluster = R"(
apiVersion: v1
kind: Namespace
metadata: {name: kube-system}
---
apiVersion: v1
kind: Pod
metadata: {name: dns, namespace: kube-system, labels: {k8s-app: kube-dns}}
spec: {nodeName: node-1, containers: [{name: c, image: none}]}
status: {phase: Running, podIPs: [{ip: 10.0.0.53}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: kube-system}
spec: {nodeName: node-1, containers: [{name: c, image: none}]}
status: {phase: Running, podIPs: [{ip: 10.0.0.1}]}
)";

constexpr const char* kMetricsOnly = R"(
apiVersion: crd.projectcalico.org/v1
kind: GlobalNetworkPolicy
metadata: {name: metrics}
spec:
  order: 100
  selector: has(k8s-app)
  types: [Ingress]
  ingress: [{action: Allow, protocol: TCP, destination: {ports: [9090]}}]
)";

constexpr const char* kDnsOpen = R"(
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dns, namespace: kube-system}
spec:
  podSelector: {matchLabels: {k8s-app: kube-dns}}
  ingress: [{ports: [{protocol: UDP, port: 53}]}]
)";

std::vector<std::string> warnings_of(const World& world) {
  const Inventory& inventory = world.inventory();
  std::vector<std::string> lines;
  for (const Diagnostic& warning :
       review(inventory.snapshot(), [&](const ResourceKey& key) { return inventory.location(key); })) {
    lines.push_back(print_diagnostic(warning));
  }
  return lines;
}

TEST(Review, NothingToSayOfASoundWorld) {
  EXPECT_THAT(warnings_of(World::of(kCluster)), IsEmpty());
}

TEST(Review, APolicyThatCutsOffNameServers) {
  EXPECT_THAT(
      warnings_of(World::of(kCluster).with(kMetricsOnly)),
      ElementsAre(
          "manifests-2.yaml:2: warning: GlobalNetworkPolicy metrics: spec.selector: selects name servers "
          "(kube-system/dns), and as no policy allows udp 53 to them, tier default denies it: name resolution stops. "
          "Allow port 53 to them, or narrow the selector"));
  EXPECT_THAT(warnings_of(World::of(kCluster).with(kMetricsOnly).with(kDnsOpen)), IsEmpty());
}

TEST(Review, AnUndefinedNamespaceAndAMissingTier) {
  const World world = World::of(kCluster).with(R"(
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: p, namespace: nowhere}
spec: {tier: ghost, selector: all()}
)");
  EXPECT_THAT(warnings_of(world),
              ElementsAre(HasSubstr("namespace 'nowhere' is not defined"),
                          HasSubstr("selects no pod that is known here"), HasSubstr("tier 'ghost' does not exist")));
}

TEST(Review, TwoPodsWithOneAddress) {
  const World world = World::of(kCluster).with(R"(
apiVersion: v1
kind: Pod
metadata: {name: other, namespace: kube-system}
spec: {nodeName: node-1, containers: [{name: c, image: none}]}
status: {phase: Running, podIPs: [{ip: 10.0.0.1}]}
)");
  EXPECT_THAT(warnings_of(world), ElementsAre(HasSubstr("address 10.0.0.1 is also pod kube-system/client's")));
}

/// Rules of one GlobalNetworkPolicy that selects the client pod, for ingress.
World with_rules(const std::string& rules, const std::string& more = "") {
  return World::of(kCluster).with(R"(
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: p}
spec: {selector: projectcalico.org/namespace == 'kube-system' && !has(k8s-app), types: [Ingress], )" +
                                  more + "ingress: " + rules + "}\n");
}

TEST(Review, RulesThatMattersToTheirAuthor) {
  struct Case {
    const char* why;
    std::string rules;
    std::vector<std::string> warnings;  // after "GlobalNetworkPolicy p: "
  };
  const std::vector<Case> cases = {
      {"rules of their own", "[{action: Deny, protocol: TCP}, {action: Allow}]", {}},
      {"everything was decided before",
       "[{action: Allow}, {action: Deny, protocol: TCP}]",
       {"spec.ingress[1]: can never be reached: rule 1 decides all it could match"}},
      {"logging decides nothing", "[{action: Log}, {action: Allow, protocol: TCP}]", {}},
      {"a net inside a net, ports inside ports",
       "[{action: Allow, protocol: TCP, source: {nets: [10.0.0.0/8]}, destination: {ports: [80, '8000:8100']}},"
       " {action: Deny, protocol: TCP, source: {nets: [10.1.0.0/16]}, destination: {ports: [8080]}}]",
       {"spec.ingress[1]: can never be reached: rule 1 decides all it could match"}},
      {"a wider port",
       "[{action: Allow, protocol: TCP, destination: {ports: [80]}},"
       " {action: Deny, protocol: TCP, destination: {ports: ['80:81']}}]",
       {}},
      {"only logs",
       "[{action: Log}]",
       {"spec.ingress: only logs, but a policy that applies makes tier default deny at its end what no rule of the "
        "tier "
        "allows: add a rule with action Pass or Allow"}},
      {"SSH for everyone",
       "[{action: Allow, protocol: TCP, destination: {ports: [22]}}]",
       {"spec.ingress[0]: allows port 22 (SSH) from everywhere: name the sources that need it"}},
      {"SSH for some",
       "[{action: Allow, protocol: TCP, source: {nets: [10.9.0.0/16]}, destination: {ports: [22]}}]",
       {}},
      {"a peer nobody is",
       "[{action: Allow, source: {selector: app == 'gone'}}]",
       {"spec.ingress[0]: source: nothing that is known here is selected by app == 'gone', so the rule matches "
        "nothing"}},
  };
  for (const Case& c : cases) {
    std::vector<std::string> lines;
    for (const std::string& line : warnings_of(with_rules(c.rules))) {
      const std::string start = "GlobalNetworkPolicy p: ";
      const std::size_t at = line.find(start);
      ASSERT_NE(at, std::string::npos) << line;
      lines.push_back(line.substr(at + start.size()));
    }
    EXPECT_EQ(lines, c.warnings) << c.why;
  }
}

TEST(Review, APolicyThatSelectsNobody) {
  const World world = World::of(kCluster).with(R"(
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: p, namespace: kube-system}
spec: {selector: app == 'gone'}
)");
  EXPECT_THAT(warnings_of(world), ElementsAre(HasSubstr("selects no pod that is known here, so it has no effect")));
}

TEST(Review, APolicyBehindOneThatDecidesEverything) {
  const World world = with_rules("[{action: Allow}]", "order: 1, ").with(R"(
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: late}
spec:
  order: 2
  selector: projectcalico.org/namespace == 'kube-system' && !has(k8s-app)
  types: [Ingress]
  ingress: [{action: Deny, protocol: UDP}]
)");
  EXPECT_THAT(warnings_of(world),
              ElementsAre(HasSubstr("GlobalNetworkPolicy late: spec.ingress: can never be reached: GlobalNetworkPolicy "
                                    "p is asked before it, applies to the same pods and decides everything")));
}

TEST(Review, EgressPolicyThatForgetsNameResolution) {
  const auto egress_to = [](const std::string& rules) {
    return World::of(kCluster).with(R"(
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out, namespace: kube-system}
spec: {podSelector: {matchExpressions: [{key: k8s-app, operator: DoesNotExist}]}, policyTypes: [Egress], egress: )" +
                                    rules + "}\n");
  };
  EXPECT_THAT(warnings_of(egress_to("[{ports: [{port: 443}]}]")),
              ElementsAre(HasSubstr("NetworkPolicy kube-system/out: spec.egress: cuts pods off from name resolution "
                                    "(kube-system/client)")));
  EXPECT_THAT(warnings_of(egress_to("[{ports: [{port: 443}, {port: 53, protocol: UDP}]}]")), IsEmpty());
  EXPECT_THAT(warnings_of(egress_to("[]")), IsEmpty()) << "meant to be mute";
}

TEST(Review, AClusterAddressInACidr) {
  Snapshot snapshot = with_rules("[]").snapshot();
  Service service{"kube-system", "dns", {*parse_address("10.96.0.10")}};
  snapshot.put(service);
  Policy policy;
  policy.kind = Kind::GlobalNetworkPolicy;
  policy.name = "out";
  policy.applies_to_ingress = false;
  policy.egress = {{.action = Action::Allow, .destination = {.nets = {*parse_prefix("10.96.0.0/16")}}},
                   {.action = Action::Allow, .number = 2, .destination = {.nets = {*parse_prefix("10.0.0.0/8")}}}};
  snapshot.put(policy);
  std::vector<std::string> messages;
  for (const Diagnostic& warning : review(snapshot, [](const ResourceKey&) { return std::nullopt; })) {
    if (warning.field == "spec.egress[0]" || warning.field == "spec.egress[1]") messages.push_back(warning.message);
  }
  EXPECT_THAT(messages, ElementsAre(HasSubstr("10.96.0.0/16 holds the cluster address of service kube-system/dns")))
      << "10.0.0.0/8 holds pods as well";
}

/// A node with one host endpoint, and policies for it.
World with_host(const std::string& spec, const std::string& policies = "") {
  return World::of(kCluster).with(
      "apiVersion: projectcalico.org/v3\nkind: HostEndpoint\n"
      "metadata: {name: ep, labels: {role: edge}}\nspec: {node: node-1, " +
      spec + "}\n" + policies);
}

std::string edge_policy(const std::string& spec) {
  return "---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: p}\nspec: {" + spec +
         "}\n";
}

TEST(Review, HostEndpointsAndTheirPolicies) {
  const std::string open = "interfaceName: eth0, profiles: [projectcalico-default-allow]";
  const std::string edge = "selector: role == 'edge', ";
  const std::string track = edge + "doNotTrack: true, applyOnForward: true, ";
  const std::string web = "ingress: [{action: Allow, protocol: TCP, destination: {ports: [80]}}]";
  struct Case {
    const char* why;
    World world;
    std::vector<std::string> warnings;
  };
  const std::vector<Case> cases = {
      {"a profile allows", with_host(open), {}},
      {"nothing allows",
       with_host("interfaceName: eth0"),
       {"HostEndpoint ep: spec.profiles: closes the node: no normal policy selects it and it has no profile, so only "
        "failsafe ports stay open"}},
      {"nothing allows what it sends",
       with_host("interfaceName: eth0", edge_policy(edge + web)),
       {"HostEndpoint ep: spec.profiles: no policy judges what the node sends, and there is no profile to allow it: "
        "only failsafe ports stay open"}},
      {"logging closes",
       with_host(open, edge_policy(edge + "ingress: [{action: Log}]")),
       {"GlobalNetworkPolicy p: spec.ingress: cuts nodes off: it is the only policy of HostEndpoint ep and only logs, "
        "so tier default denies at its end what the profile would allow; only failsafe ports stay open",
        "GlobalNetworkPolicy p: spec.ingress: only logs, but a policy that applies makes tier default deny at its end "
        "what no rule of the tier allows: add a rule with action Pass or Allow"}},
      {"preDNAT tiers end in no deny",
       with_host(open, edge_policy(edge + "preDNAT: true, applyOnForward: true, ingress: [{action: Log}]")),
       {}},
      {"pods were meant",
       with_host(open, edge_policy("selector: all(), ingress: [{action: Allow, protocol: UDP}, {action: Allow}]")),
       {"GlobalNetworkPolicy p: spec.selector: also applies to HostEndpoint ep, so to the nodes themselves: if only "
        "pods are meant, select has(projectcalico.org/namespace)"}},
      {"replies of what is not tracked",
       with_host(open, edge_policy(track + web)),
       {"GlobalNetworkPolicy p: spec.ingress: replies have no way back: no untracked policy of HostEndpoint ep allows "
        "anything in the other direction"}},
      {"both directions",
       with_host(open, edge_policy(track + web + ", egress: [{action: Allow, protocol: TCP, source: {ports: [80]}}]")),
       {}},
      {"no host endpoint for it",
       with_host(open, edge_policy("selector: role == 'gone', preDNAT: true, applyOnForward: true, " + web)),
       {"GlobalNetworkPolicy p: spec.preDNAT: has no effect: such a policy applies to host endpoints only, and it "
        "selects none that is known here"}},
      {"pods know no forward",
       with_host(open, edge_policy("selector: projectcalico.org/namespace == 'kube-system' && !has(k8s-app), "
                                   "applyOnForward: true, " +
                                   web)),
       {"GlobalNetworkPolicy p: spec.applyOnForward: has no effect: the policy selects no host endpoint that is known "
        "here, and pods know no such difference"}},
      {"failsafes come first",
       with_host(open, edge_policy(edge + "ingress: [{action: Deny, protocol: TCP, destination: {ports: [22, 6443]}}, "
                                          "{action: Deny, protocol: TCP, destination: {ports: [22, 80]}}, "
                                          "{action: Allow}]")),
       {"GlobalNetworkPolicy p: spec.ingress[0]: never acts on HostEndpoint ep: tcp 22, 6443 are failsafe ports, which "
        "normal policy does not judge"}},
      {"one interface, two host endpoints",
       with_host(open, R"(---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: later}
spec: {node: node-1, interfaceName: eth0, profiles: [projectcalico-default-allow]}
)"),
       {"HostEndpoint later: spec.interfaceName: has no effect: HostEndpoint ep is for interface eth0 of node node-1, "
        "too, and the name that sorts first counts"}},
  };
  for (const Case& each : cases) {
    std::vector<std::string> texts;
    for (const std::string& line : warnings_of(each.world)) texts.push_back(line.substr(line.find("warning: ") + 9));
    EXPECT_EQ(texts, each.warnings) << each.why;
  }
}

TEST(Review, APolicyOfAnotherStageHidesNothing) {
  const World world = with_host(
      "interfaceName: eth0, profiles: [projectcalico-default-allow]",
      edge_policy("selector: role == 'edge', order: 1, preDNAT: true, applyOnForward: true, ingress: [{action: "
                  "Allow}]") +
          R"(---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: later}
spec: {selector: role == 'edge', order: 2, ingress: [{action: Allow, protocol: UDP}]}
)");
  EXPECT_THAT(warnings_of(world), IsEmpty());
}

}  // namespace
}  // namespace tierwall::policy
