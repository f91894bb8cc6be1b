// The reference semantics, one law per test (calico.md 3.3, kubernetes.md 1.2, design.md 7). Every question is answered
// by the evaluator and by the compiled table in the simulator; see tests/vocabulary/world.h.
//
// The shop: namespace shop with web 10.0.0.1 (fd00::1), db 10.0.0.2 (fd00::2, port "sql" tcp 5432) and cart 10.0.0.3;
// namespace lab (env=test) with probe 10.0.1.1.

#include "policy/evaluate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/resolve.h"
#include "tests/vocabulary/world.h"

namespace tierwall {
namespace {

using test::World;

constexpr const char* kShop = R"(
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {env: prod}}
---
apiVersion: v1
kind: Namespace
metadata: {name: lab, labels: {env: test}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web, tier: front}}
spec: {nodeName: node-1, containers: [{name: c, image: none}]}
status: {phase: Running, podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {nodeName: node-1, containers: [{name: c, image: none, ports: [{name: sql, containerPort: 5432}]}]}
status: {phase: Running, podIPs: [{ip: 10.0.0.2}, {ip: "fd00::2"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: cart, namespace: shop, labels: {app: cart}}
spec: {nodeName: node-1, containers: [{name: c, image: none}]}
status: {phase: Running, podIPs: [{ip: 10.0.0.3}]}
---
apiVersion: v1
kind: Pod
metadata: {name: probe, namespace: lab, labels: {app: probe}}
spec: {nodeName: node-1, containers: [{name: c, image: none}]}
status: {phase: Running, podIPs: [{ip: 10.0.1.1}]}
)";

constexpr const char* kDefaultDeny = R"(
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
)";

World shop() {
  return World::of(kShop);
}

TEST(Evaluate, WithoutPolicyEverythingIsAllowed) {
  EXPECT_EQ(shop().judge("shop/web -> shop/db tcp 5432"), "allow: egress no-policy, ingress no-policy");
  EXPECT_EQ(shop().judge("203.0.113.7 -> shop/db icmp 8"), "allow: egress -, ingress no-policy");
}

TEST(Evaluate, APolicyWithoutRulesIsolates) {
  const World world = shop().with(kDefaultDeny);
  EXPECT_EQ(world.judge("shop/web -> shop/db tcp 5432"),
            "deny: egress tier-default default, ingress tier-default default");
  EXPECT_EQ(world.judge("lab/probe -> shop/web tcp 80"), "deny: egress no-policy, ingress tier-default default");
  EXPECT_EQ(world.judge("lab/probe -> 203.0.113.7 tcp 443"), "allow: egress no-policy, ingress -");
}

TEST(Evaluate, IsolationIsPerDirection) {
  const World world = shop().with(R"(
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db-in, namespace: shop}
spec: {podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress]}
)");
  EXPECT_EQ(world.judge("shop/db -> shop/web tcp 80"), "allow: egress no-policy, ingress no-policy");
  EXPECT_EQ(world.judge("shop/web -> shop/db tcp 80"), "deny: egress no-policy, ingress tier-default default");
}

TEST(Evaluate, KubernetesPoliciesAddUp) {
  const World world = shop().with(kDefaultDeny).with(R"(
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: sql, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: cart}}}]
    ports: [{port: sql}]
  - from: [{namespaceSelector: {matchLabels: {env: test}}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: cart-out, namespace: shop}
spec:
  podSelector: {matchLabels: {app: cart}}
  policyTypes: [Egress]
  egress: [{to: [{podSelector: {}}]}]
)");
  EXPECT_EQ(world.judge("shop/cart -> shop/db tcp 5432"),
            "allow: egress rule default KubernetesNetworkPolicy shop/cart-out 1, "
            "ingress rule default KubernetesNetworkPolicy shop/sql 1");
  EXPECT_EQ(world.judge("shop/cart -> shop/db udp 5432"),
            "deny: egress rule default KubernetesNetworkPolicy shop/cart-out 1, ingress tier-default default");
  EXPECT_EQ(world.judge("lab/probe -> shop/db sctp 9"),
            "allow: egress no-policy, ingress rule default KubernetesNetworkPolicy shop/sql 2");
}

TEST(Evaluate, ARuleWithoutPortsMatchesIcmpAndOneWithPortsDoesNot) {
  const World world = shop().with(R"(
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: in, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
  - ports: [{}]
)");
  EXPECT_EQ(world.judge("shop/web -> shop/db icmp 8"),
            "allow: egress no-policy, ingress rule default KubernetesNetworkPolicy shop/in 1");
  EXPECT_EQ(world.judge("lab/probe -> shop/db icmp 8"), "deny: egress no-policy, ingress tier-default default");
  EXPECT_EQ(world.judge("lab/probe -> shop/db tcp 9"),
            "allow: egress no-policy, ingress rule default KubernetesNetworkPolicy shop/in 2");
  EXPECT_EQ(world.judge("lab/probe -> shop/db udp 9"), "deny: egress no-policy, ingress tier-default default");
}

TEST(Evaluate, BothFamiliesAreJudgedAlike) {
  const World world = shop().with(kDefaultDeny);
  EXPECT_EQ(world.judge("fd00::9 -> fd00::2 tcp 80"), "deny: egress -, ingress tier-default default");
  EXPECT_EQ(world.judge("fd00::1 -> fd00::9 tcp 80"), "deny: egress tier-default default, ingress -");
  EXPECT_EQ(world.judge("fd00::9 -> fd00::2 icmpv6 135"), "allow: egress -, ingress neighbour-discovery");
  EXPECT_EQ(world.judge("fd00::9 -> fd00::2 icmpv6 128"), "deny: egress -, ingress tier-default default");
}

TEST(Evaluate, AnAddressBlockMatchesPodsToo) {
  const World world = shop().with(R"(
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: block, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/16, except: [10.0.1.0/24]}}]}]
)");
  EXPECT_EQ(world.judge("shop/web -> shop/db tcp 1"),
            "allow: egress no-policy, ingress rule default KubernetesNetworkPolicy shop/block 1");
  EXPECT_EQ(world.judge("lab/probe -> shop/db tcp 1"), "deny: egress no-policy, ingress tier-default default");
  EXPECT_EQ(world.judge("10.0.9.9 -> shop/db tcp 1"),
            "allow: egress -, ingress rule default KubernetesNetworkPolicy shop/block 1");
  EXPECT_EQ(world.judge("fd00::1 -> fd00::2 tcp 1"), "deny: egress no-policy, ingress tier-default default");
}

constexpr const char* kSecurityTier = R"(
apiVersion: projectcalico.org/v3
kind: Tier
metadata: {name: security}
spec: {order: 100}
)";

TEST(Evaluate, AnEarlierTierDecidesFirstAndPassGoesOn) {
  const World world = shop().with(kDefaultDeny).with(kSecurityTier).with(R"(
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: guard}
spec:
  tier: security
  selector: app == 'db'
  ingress:
  - {action: Deny, source: {namespaceSelector: env == 'test'}}
  - {action: Allow, protocol: TCP, destination: {ports: [5432]}}
  - {action: Pass}
)");
  EXPECT_EQ(world.judge("lab/probe -> shop/db tcp 5432"),
            "deny: egress no-policy, ingress rule security GlobalNetworkPolicy guard 1");
  EXPECT_EQ(world.judge("203.0.113.7 -> shop/db tcp 5432"),
            "allow: egress -, ingress rule security GlobalNetworkPolicy guard 2");
  EXPECT_EQ(world.judge("203.0.113.7 -> shop/db tcp 22"), "deny: egress -, ingress tier-default default");
}

TEST(Evaluate, PassInTheLastTierLeadsToTheProfile) {
  const World world = shop().with(R"(
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: pass-all}
spec: {selector: app == 'db', ingress: [{action: Pass}]}
)");
  EXPECT_EQ(world.judge("shop/web -> shop/db tcp 1"), "allow: egress no-policy, ingress profile Profile kns.shop");
}

TEST(Evaluate, AWrittenProfileDecidesInPlaceOfTheNamespacesAllowAll) {
  const World world = shop().with(R"(
apiVersion: projectcalico.org/v3
kind: Profile
metadata: {name: kns.shop}
spec:
  ingress: [{action: Allow, protocol: TCP, destination: {ports: [80]}}]
  egress: [{action: Allow}]
)");
  EXPECT_EQ(world.judge("lab/probe -> shop/web tcp 80"), "allow: egress no-policy, ingress profile Profile kns.shop 1");
  EXPECT_EQ(world.judge("lab/probe -> shop/web tcp 81"), "deny: egress no-policy, ingress profile Profile kns.shop");
}

TEST(Evaluate, ATierWithDefaultPassDoesNotDeny) {
  const World world = shop().with(R"(
apiVersion: projectcalico.org/v3
kind: Tier
metadata: {name: audit}
spec: {order: 50, defaultAction: Pass}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: no-telnet}
spec: {tier: audit, selector: all(), types: [Ingress], ingress: [{action: Deny, protocol: TCP, destination: {ports: [23]}}]}
)");
  EXPECT_EQ(world.judge("lab/probe -> shop/web tcp 23"),
            "deny: egress no-policy, ingress rule audit GlobalNetworkPolicy no-telnet 1");
  EXPECT_EQ(world.judge("lab/probe -> shop/web tcp 80"), "allow: egress no-policy, ingress profile Profile kns.shop");
}

TEST(Evaluate, ALogRuleGoesOnAndStillIsolates) {
  const World world = shop().with(R"(
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: log, namespace: shop}
spec: {selector: app == 'db', ingress: [{action: Log}]}
)");
  EXPECT_EQ(world.judge("shop/web -> shop/db tcp 1"), "deny: egress no-policy, ingress tier-default default");
}

TEST(Evaluate, OrderDecidesWithinATierAndUnnumberedPoliciesComeLast) {
  const World world = shop().with(R"(
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: a-last, namespace: shop}
spec: {selector: app == 'db', ingress: [{action: Deny}]}
---
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: z-first, namespace: shop}
spec: {selector: app == 'db', order: 5, ingress: [{action: Allow, protocol: TCP}]}
)");
  EXPECT_EQ(world.judge("shop/web -> shop/db tcp 1"),
            "allow: egress no-policy, ingress rule default NetworkPolicy shop/z-first 1");
  EXPECT_EQ(world.judge("shop/web -> shop/db udp 1"),
            "deny: egress no-policy, ingress rule default NetworkPolicy shop/a-last 1");
}

TEST(Evaluate, NotSelectorReachesOutsideGloballyButNotInANamespace) {
  const World world = shop().with(R"(
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: global}
spec: {selector: app == 'db', ingress: [{action: Allow, source: {notSelector: has(tier)}}]}
---
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: local, namespace: shop}
spec: {selector: app == 'cart', ingress: [{action: Allow, source: {notSelector: has(tier)}}]}
)");
  EXPECT_EQ(world.judge("203.0.113.7 -> shop/db tcp 1"),
            "allow: egress -, ingress rule default GlobalNetworkPolicy global 1");
  EXPECT_EQ(world.judge("shop/web -> shop/db tcp 1"), "deny: egress no-policy, ingress tier-default default");
  EXPECT_EQ(world.judge("203.0.113.7 -> shop/cart tcp 1"), "deny: egress -, ingress tier-default default");
  EXPECT_EQ(world.judge("shop/db -> shop/cart tcp 1"),
            "allow: egress no-policy, ingress rule default NetworkPolicy shop/local 1");
}

TEST(Evaluate, NetworkSetsAreDenotedBySelectors) {
  const World world = shop().with(R"(
apiVersion: projectcalico.org/v3
kind: GlobalNetworkSet
metadata: {name: office, labels: {role: office}}
spec: {nets: [198.51.100.0/24, "2001:db8::/32", 192.0.2.7]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: office-only}
spec: {selector: app == 'web', ingress: [{action: Allow, source: {selector: role == 'office'}}]}
)");
  EXPECT_EQ(world.judge("198.51.100.9 -> shop/web tcp 80"),
            "allow: egress -, ingress rule default GlobalNetworkPolicy office-only 1");
  EXPECT_EQ(world.judge("192.0.2.7 -> shop/web tcp 80"),
            "allow: egress -, ingress rule default GlobalNetworkPolicy office-only 1");
  EXPECT_EQ(world.judge("2001:db8::5 -> fd00::1 tcp 80"),
            "allow: egress -, ingress rule default GlobalNetworkPolicy office-only 1");
  EXPECT_EQ(world.judge("192.0.2.8 -> shop/web tcp 80"), "deny: egress -, ingress tier-default default");
}

TEST(Evaluate, IcmpTypesAndTheirNegation) {
  const World world = shop().with(R"(
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: ping}
spec:
  selector: app == 'web'
  ingress:
  - {action: Deny, protocol: ICMP, icmp: {type: 8, code: 1}}
  - {action: Allow, protocol: ICMP, icmp: {type: 8}}
  - {action: Allow, protocol: ICMP, notICMP: {type: 13}}
)");
  EXPECT_EQ(world.judge("10.9.9.9 -> shop/web icmp 8/1"),
            "deny: egress -, ingress rule default GlobalNetworkPolicy ping 1");
  EXPECT_EQ(world.judge("10.9.9.9 -> shop/web icmp 8/0"),
            "allow: egress -, ingress rule default GlobalNetworkPolicy ping 2");
  EXPECT_EQ(world.judge("10.9.9.9 -> shop/web icmp 17/0"),
            "allow: egress -, ingress rule default GlobalNetworkPolicy ping 3");
  EXPECT_EQ(world.judge("10.9.9.9 -> shop/web icmp 13/0"), "deny: egress -, ingress tier-default default");
  EXPECT_EQ(world.judge("10.9.9.9 -> shop/web tcp 80"), "deny: egress -, ingress tier-default default");
}

TEST(Evaluate, NotPortsAndNotProtocol) {
  const World world = shop().with(R"(
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: most}
spec:
  selector: app == 'web'
  ingress:
  - {action: Allow, protocol: TCP, destination: {notPorts: [22, "8000:8100"]}}
  - {action: Allow, notProtocol: TCP, source: {nets: [10.9.0.0/16]}}
)");
  EXPECT_EQ(world.judge("10.9.9.9 -> shop/web tcp 80"),
            "allow: egress -, ingress rule default GlobalNetworkPolicy most 1");
  EXPECT_EQ(world.judge("10.9.9.9 -> shop/web tcp 8050"), "deny: egress -, ingress tier-default default");
  EXPECT_EQ(world.judge("10.9.9.9 -> shop/web udp 22"),
            "allow: egress -, ingress rule default GlobalNetworkPolicy most 2");
  EXPECT_EQ(world.judge("10.8.9.9 -> shop/web udp 22"), "deny: egress -, ingress tier-default default");
}

TEST(Evaluate, WhatIsNotUnderstoodFailsClosed) {
  const World world = shop().with(R"(
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: typo}
spec:
  selector: app == 'web'
  ingress:
  - {action: Allow, source: {nets: [garbage]}}
  - {action: Deny, protocol: UDP}
  - {action: Allow, protocol: UDP}
  - {action: Allow, protocol: SCTP}
  - {action: Pass, source: {sector: x}}
  - {action: Allow}
)");
  EXPECT_EQ(world.judge("10.9.9.9 -> shop/web udp 80"),
            "deny: egress -, ingress rule default GlobalNetworkPolicy typo 2");
  EXPECT_EQ(world.judge("10.9.9.9 -> shop/web sctp 80"),
            "allow: egress -, ingress rule default GlobalNetworkPolicy typo 4");
  EXPECT_EQ(world.judge("10.9.9.9 -> shop/web tcp 80"),
            "deny: egress -, ingress rule default GlobalNetworkPolicy typo 5");
}

TEST(Evaluate, APodIsNotJudgedAgainstItself) {
  EXPECT_EQ(shop().with(kDefaultDeny).judge("shop/web -> shop/web tcp 80"), "allow: egress -, ingress -");
}

// ---- cluster policies (kubernetes.md 2.3) ---------------------------------------------------------------------------

constexpr const char* kAdminPassesProbe = R"(
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: guard}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {matchLabels: {env: prod}}}
  ingress:
  - {name: delegate, action: Pass, from: [{namespaces: {matchLabels: {env: test}}}], protocols: [{tcp: {destinationPort: {number: 80}}}]}
  - {action: Deny, from: [{namespaces: {matchLabels: {env: test}}}]}
)";

constexpr const char* kBaselineDeniesNamespaces = R"(
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: floor}
spec:
  tier: Baseline
  priority: 10
  subject: {namespaces: {matchLabels: {env: prod}}}
  ingress: [{action: Deny, from: [{namespaces: {}}]}]
  egress: [{action: Deny, to: [{networks: [0.0.0.0/0]}]}]
)";

constexpr const char* kWebTakesHttp = R"(
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: http, namespace: shop}
spec: {podSelector: {matchLabels: {app: web}}, ingress: [{ports: [{port: 80}]}]}
)";

TEST(ClusterPolicy, AdminThenNetworkPolicyThenBaseline) {
  const World admin = shop().with(kAdminPassesProbe);
  EXPECT_EQ(admin.judge("lab/probe -> shop/web tcp 80"), "allow: egress no-policy, ingress profile Profile kns.shop");
  EXPECT_EQ(admin.judge("lab/probe -> shop/web tcp 81"),
            "deny: egress no-policy, ingress rule kube-admin KubernetesClusterNetworkPolicy guard 2");
  EXPECT_EQ(admin.judge("203.0.113.7 -> shop/web tcp 81"), "allow: egress -, ingress profile Profile kns.shop")
      << "no pod, so no peer of an ingress rule";

  const World all = admin.with(kBaselineDeniesNamespaces).with(kWebTakesHttp);
  EXPECT_EQ(all.judge("lab/probe -> shop/web tcp 80"),
            "allow: egress no-policy, ingress rule default KubernetesNetworkPolicy shop/http 1");
  EXPECT_EQ(all.judge("lab/probe -> shop/cart tcp 80"),
            "deny: egress no-policy, ingress rule kube-baseline KubernetesClusterNetworkPolicy floor 1");
}

TEST(ClusterPolicy, BaselineIsDecidedPerDirection) {
  const World world = shop().with(kBaselineDeniesNamespaces).with(kWebTakesHttp);
  EXPECT_EQ(world.judge("shop/web -> 203.0.113.7 tcp 443"),
            "deny: egress rule kube-baseline KubernetesClusterNetworkPolicy floor 1, ingress -")
      << "web is isolated for ingress only, so its egress still meets the baseline";
}

// ---- where the table once disagreed (found by generated worlds)
// -------------------------------------------------------

/// A GlobalNetworkPolicy for the egress of web with this one rule.
World web_may_send(const std::string& rule) {
  return shop().with(R"(
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: db-1, namespace: shop, labels: {kubernetes.io/service-name: db}}
addressType: IPv4
endpoints: [{addresses: [10.0.0.2]}]
ports: [{protocol: TCP, port: 5432}]
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: p}
spec: {selector: app == 'web', types: [Egress], egress: [)" +
                     rule + "]}\n");
}

TEST(Table, AServiceOffersOnlyPortsOfTheRulesProtocol) {
  const World world =
      web_may_send("{action: Allow, protocol: UDP, destination: {services: {name: db, namespace: shop}}}");
  EXPECT_EQ(world.judge("shop/web -> shop/db tcp 5432"), "deny: egress tier-default default, ingress no-policy");
}

TEST(Table, AProtocolOfTheOtherFamilyMatchesNothing) {
  const World world = web_may_send("{action: Allow, protocol: 58, ipVersion: 4, icmp: {type: 8}}");
  EXPECT_EQ(world.judge("shop/web -> shop/db icmp 8"), "deny: egress tier-default default, ingress no-policy");
}

TEST(Table, ExcludedPortNamesExcludeNoPacketWithoutPorts) {
  const World world = web_may_send("{action: Allow, destination: {notPorts: [sql]}}");
  EXPECT_EQ(world.judge("shop/web -> shop/db icmp 8"),
            "allow: egress rule default GlobalNetworkPolicy p 1, ingress no-policy");
  EXPECT_EQ(world.judge("shop/web -> shop/db tcp 5432"), "deny: egress tier-default default, ingress no-policy");
}

// ---- why a rule does not match
// ----------------------------------------------------------------------------------------

TEST(Evaluate, ARuleSaysWhichOfItsConditionsDoesNotHold) {
  using policy::Condition;
  const World world = shop().with(R"(
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: p}
spec:
  selector: app == 'web'
  ingress:
  - {action: Allow, ipVersion: 6}
  - {action: Allow, protocol: UDP}
  - {action: Allow, notProtocol: TCP}
  - {action: Allow, protocol: ICMP, icmp: {type: 8}}
  - {action: Allow, source: {selector: app == 'db'}}
  - {action: Allow, source: {notSelector: app == 'cart'}}
  - {action: Allow, source: {nets: [10.1.0.0/16]}}
  - {action: Allow, source: {notNets: [10.0.0.0/8]}}
  - {action: Allow, protocol: TCP, source: {ports: [1]}}
  - {action: Allow, protocol: TCP, destination: {ports: [81]}}
  - {action: Allow, protocol: TCP, destination: {notPorts: [80]}}
  - {action: Allow, source: {garbage: 1}}
)");
  const policy::NodePolicy policy = policy::resolve(world.snapshot(), {});
  const policy::Flow flow{*policy::parse_address("10.0.0.3"),
                          *policy::parse_address("10.0.0.1"),
                          policy::Family::V4,
                          policy::kTcp,
                          40000,
                          80,
                          {}};
  std::vector<std::optional<policy::Unmet>> unmet;
  for (const policy::ResolvedRule& rule : policy.tiers[0].policies[0].ingress) {
    unmet.push_back(first_unmet(policy, rule, flow));
  }
  using Expected = policy::Unmet;
  EXPECT_THAT(unmet, ::testing::ElementsAre(Expected{Condition::Family}, Expected{Condition::Protocol},
                                            Expected{Condition::NotProtocol}, Expected{Condition::Protocol},
                                            Expected{Condition::Selector, true}, Expected{Condition::NotSelector, true},
                                            Expected{Condition::Nets, true}, Expected{Condition::NotNets, true},
                                            Expected{Condition::Ports, true}, Expected{Condition::Ports, false},
                                            Expected{Condition::NotPorts, false}, Expected{Condition::Understood}));
}

}  // namespace
}  // namespace tierwall
