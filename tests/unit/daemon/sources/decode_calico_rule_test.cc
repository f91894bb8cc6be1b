#include "daemon/sources/decode_calico_rule.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/daemon/sources/summary.h"

namespace tierwall::daemon {
namespace {

struct Row {
  const char* name;
  const char* rule;      // one ingress rule
  const char* expected;  // its summary, without "ingress 1: "; then problems, without the object's name
};

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

/// The rule's line and the problems of a policy that has only this rule.
std::string decode_rule(const std::string& head, const std::string& object, const std::string& rule) {
  std::string summary = decode_one(head + "spec: {ingress: [" + rule + "]}\n");
  summary.erase(0, summary.find('\n') + 1);
  replace_all(summary, "ingress 1: ", "");
  replace_all(summary, "f:4: error: " + object + ": spec.ingress[0]", "error: ");
  return summary;
}

std::string decode_global_rule(const std::string& rule) {
  return decode_rule("apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: p}\n",
                     "GlobalNetworkPolicy p", rule);
}

std::string decode_namespaced_rule(const std::string& rule) {
  return decode_rule("apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: p, namespace: a}\n",
                     "NetworkPolicy a/p", rule);
}

class DecodeGlobalRule : public testing::TestWithParam<Row> {};

TEST_P(DecodeGlobalRule, Means) {
  EXPECT_EQ(decode_global_rule(GetParam().rule), std::string(GetParam().expected) + "\n");
}

INSTANTIATE_TEST_SUITE_P(
    Rules, DecodeGlobalRule,
    testing::Values(
        Row{"Bare", "{action: Pass}", "Pass"},
        Row{"Ports",
            "{action: Allow, protocol: TCP, destination: {ports: [80, '81', '8000:8100', http]}, source: {notPorts: "
            "[1]}}",
            "Allow tcp from {not ports 1} to {ports 80-81,8000-8100,http}"},
        Row{"ProtocolByNumber", "{action: Deny, protocol: 17, destination: {ports: [53]}}", "Deny udp to {ports 53}"},
        Row{"NamedPortNeedsNoProtocol", "{action: Allow, destination: {ports: [http]}}", "Allow to {ports http}"},
        Row{"NotProtocol", "{action: Deny, notProtocol: sctp}", "Deny not sctp"},
        Row{"NetsSettleTheFamily", "{action: Allow, source: {notNets: [10.0.0.1/8]}}",
            "Allow IPv4 from {not nets 10.0.0.0/8}"},
        Row{"IcmpByNameIsOneFamily", "{action: Allow, protocol: ICMPv6, icmp: {type: 128, code: 0}}",
            "Allow IPv6 icmpv6 icmp type 128/0"},
        Row{"IcmpByNumberIsNot", "{action: Allow, protocol: 1, notICMP: {type: 8}}", "Allow icmp not icmp type 8"},
        Row{"NotIcmpNeedsNoProtocol", "{action: Deny, notICMP: {type: 8}}", "Deny not icmp type 8"},
        Row{"IpVersion", "{action: Log, ipVersion: 6}", "Log IPv6"},
        Row{"MetadataIsKnown", "{action: Allow, metadata: {annotations: {a: b}}}", "Allow"},
        // Peers of a cluster-scoped policy: no namespace unless said.
        Row{"Selector", "{action: Allow, source: {selector: a == 'b'}}", "Allow from {a == \"b\"}"},
        Row{"EmptySelectorIsNone", "{action: Allow, source: {selector: ''}}", "Allow"},
        Row{"AllIsEveryKnownAddress", "{action: Allow, source: {selector: all()}}", "Allow from {all()}"},
        Row{"NotSelectorAlone", "{action: Allow, source: {notSelector: has(a)}}", "Allow from {outside has(a)}"},
        Row{"NotSelectorFolds", "{action: Allow, source: {selector: has(a), notSelector: b == 'c'}}",
            "Allow from {(has(a) && !b == \"c\")}"},
        Row{"NamespaceSelector", "{action: Allow, source: {selector: has(a), namespaceSelector: n == 'm'}}",
            "Allow from {(has(a) && pcns.n == \"m\")}"},
        Row{"AllNamespaces", "{action: Allow, source: {namespaceSelector: all()}}",
            "Allow from {has(projectcalico.org/namespace)}"},
        Row{"Global", "{action: Allow, source: {namespaceSelector: global()}}",
            "Allow from {!has(projectcalico.org/namespace)}"},
        Row{"ServiceAccounts", "{action: Allow, source: {serviceAccounts: {names: [b, a], selector: has(r)}}}",
            "Allow from {(projectcalico.org/serviceaccount in {\"a\", \"b\"} && has(pcsa.r))}"},
        Row{"NoServiceAccounts", "{action: Allow, source: {serviceAccounts: {}}}", "Allow"},
        Row{"NetsAndSelector", "{action: Allow, source: {selector: has(a), nets: [10.0.0.0/8]}}",
            "Allow IPv4 from {has(a); nets 10.0.0.0/8}"},
        // Kubernetes label selectors.
        Row{"SelectorObject", "{action: Allow, source: {selector: {matchLabels: {a: b}}}}", "Allow from {a == \"b\"}"},
        Row{"PodSelectorObject",
            "{action: Allow, source: {podSelector: {matchLabels: {a: b}}, namespaceSelector: {matchLabels: {n: m}}}}",
            "Allow from {(projectcalico.org/orchestrator == \"k8s\" && a == \"b\" && pcns.n == \"m\")}"},
        Row{"PodSelectorEmpty", "{action: Allow, source: {podSelector: {}}}",
            "Allow from {projectcalico.org/orchestrator == \"k8s\"}"},
        Row{"PodSelectorText", "{action: Allow, source: {podSelector: has(a)}}", "Allow from {has(a)}"},
        Row{"NamespaceSelectorEmptyObject", "{action: Allow, source: {namespaceSelector: {}}}",
            "Allow from {has(projectcalico.org/namespace)}"},
        Row{"NamespaceSelectorObjectStaysInNamespaces",
            "{action: Allow, source: {namespaceSelector: {matchExpressions: [{key: n, operator: DoesNotExist}]}}}",
            "Allow from {(has(projectcalico.org/namespace) && !has(pcns.n))}"},
        Row{"NotSelectorObject", "{action: Deny, source: {notSelector: {matchLabels: {a: b}}}}",
            "Deny from {outside a == \"b\"}"}),
    [](const testing::TestParamInfo<Row>& row) { return std::string(row.param.name); });

class BadRule : public testing::TestWithParam<Row> {};

TEST_P(BadRule, IsNotUnderstood) {
  EXPECT_EQ(decode_global_rule(GetParam().rule), std::string(GetParam().expected) + "\n");
}

INSTANTIATE_TEST_SUITE_P(
    Rules, BadRule,
    testing::Values(
        Row{"NoAction", "{protocol: TCP}", "Deny (not understood)\nerror: .action: required"},
        Row{"LowerCaseAction", "{action: allow}",
            "Deny (not understood)\nerror: .action: must be Allow, Deny, Log, Pass, but is \"allow\"; did you mean "
            "Allow?"},
        Row{"NoObject", "null", "Deny (not understood)\nerror: : must be an object, but is empty"},
        Row{"UnknownField", "{action: Allow, destinations: {}}",
            "Allow (not understood)\nerror: .destinations: unknown field; did you mean destination?"},
        Row{"UnknownFieldInPeer", "{action: Pass, source: {net: [10.0.0.0/8]}}",
            "Pass (not understood)\nerror: .source.net: unknown field; did you mean nets?"},
        Row{"BareAddress", "{action: Allow, source: {nets: [10.0.0.1]}}",
            "Allow (not understood)\nerror: .source.nets[0]: '10.0.0.1' is not a CIDR: the prefix length is missing"},
        Row{"EverythingExcluded", "{action: Deny, source: {notNets: [0.0.0.0/0]}}",
            "Deny (not understood)\nerror: .source.notNets[0]: the whole address space cannot be excluded"},
        Row{"MixedFamilies", "{action: Allow, source: {nets: [10.0.0.0/8]}, destination: {nets: ['fd00::/8']}}",
            "Allow (not understood)\nerror: : fd00::/8 cannot meet in a rule that is about IPv4"},
        Row{"VersionAgainstProtocol", "{action: Allow, ipVersion: 4, protocol: ICMPv6}",
            "Allow (not understood)\nerror: : icmpv6 cannot meet in a rule that is about IPv4"},
        Row{"Version5", "{action: Allow, ipVersion: 5}",
            "Allow (not understood)\nerror: .ipVersion: must be 4 or 6, but is 5"},
        Row{"PortsWithoutProtocol", "{action: Allow, destination: {ports: [80]}}",
            "Allow (not understood)\nerror: : ports need protocol TCP, UDP or SCTP"},
        Row{"PortsOfUdpLite", "{action: Allow, protocol: UDPLite, destination: {ports: [80]}}",
            "Allow (not understood)\nerror: : ports need protocol TCP, UDP or SCTP"},
        Row{"PortRange", "{action: Allow, protocol: TCP, destination: {ports: ['90:80']}}",
            "Allow (not understood)\nerror: .destination.ports[0]: port range '90:80' ends before it begins"},
        Row{"PortName", "{action: Allow, protocol: TCP, destination: {ports: [a_b]}}",
            "Allow (not understood)\nerror: .destination.ports[0]: \"a_b\" is no port: write 80, \"8000:8100\" or the "
            "name of a container port"},
        Row{"PortTooHigh", "{action: Allow, protocol: TCP, destination: {ports: [65536]}}",
            "Allow (not understood)\nerror: .destination.ports[0]: must be from 1 to 65535, but is 65536"},
        Row{"IcmpNeedsProtocol", "{action: Allow, icmp: {type: 8}}",
            "Allow (not understood)\nerror: : icmp needs protocol ICMP or ICMPv6"},
        Row{"IcmpCodeNeedsType", "{action: Allow, protocol: ICMP, icmp: {code: 1}}",
            "Allow (not understood)\nerror: .icmp.type: required; a code means nothing without it"},
        Row{"IcmpType", "{action: Allow, protocol: ICMP, icmp: {type: 255}}",
            "Allow (not understood)\nerror: .icmp.type: must be from 0 to 254, but is 255"},
        Row{"GlobalInSelector", "{action: Allow, source: {selector: global()}}",
            "Allow (not understood)\nerror: .source.selector: global() is possible in namespaceSelector only"},
        Row{"GlobalWithMore", "{action: Allow, source: {namespaceSelector: global() && has(a)}}",
            "Allow (not understood)\nerror: .source.namespaceSelector: global() must be the whole selector"},
        Row{"TwoNamesOfOneField", "{action: Allow, source: {selector: has(a), podSelector: has(b)}}",
            "Allow (not understood)\nerror: .source: selector and podSelector are two names of one field; write one of "
            "them"},
        Row{"Services", "{action: Allow, destination: {services: {name: a, namespace: b}}}",
            "Allow (not understood)\nerror: .destination.services: services as peers are not supported by this "
            "version"},
        Row{"Http", "{action: Allow, http: {methods: [GET]}}",
            "Allow (not understood)\nerror: .http: HTTP is not enforced at this layer"}),
    [](const testing::TestParamInfo<Row>& row) { return std::string(row.param.name); });

class DecodeNamespacedRule : public testing::TestWithParam<Row> {};

TEST_P(DecodeNamespacedRule, MeansItsOwnNamespaceUnlessItSaysWhich) {
  EXPECT_EQ(decode_namespaced_rule(GetParam().rule), std::string(GetParam().expected) + "\n");
}

#define IN_A "projectcalico.org/namespace == \"a\""

INSTANTIATE_TEST_SUITE_P(
    Rules, DecodeNamespacedRule,
    testing::Values(
        Row{"Selector", "{action: Allow, source: {selector: has(x)}}", "Allow from {(has(x) && " IN_A ")}"},
        Row{"SelectorCannotEscape", "{action: Allow, source: {selector: has(x) || has(y)}}",
            "Allow from {((has(x) || has(y)) && " IN_A ")}"},
        Row{"NotSelector", "{action: Allow, source: {notSelector: has(x)}}", "Allow from {(" IN_A " && !has(x))}"},
        Row{"ServiceAccounts", "{action: Allow, source: {serviceAccounts: {names: [s]}}}",
            "Allow from {(" IN_A " && projectcalico.org/serviceaccount in {\"s\"})}"},
        Row{"NetsOnly", "{action: Allow, source: {nets: [10.0.0.0/8]}}", "Allow IPv4 from {nets 10.0.0.0/8}"},
        Row{"PortsOnly", "{action: Allow, protocol: TCP, source: {ports: [1]}}", "Allow tcp from {ports 1}"},
        Row{"Nothing", "{action: Allow, source: {}}", "Allow"},
        Row{"AllNamespaces", "{action: Allow, source: {selector: has(x), namespaceSelector: all()}}",
            "Allow from {(has(x) && has(projectcalico.org/namespace))}"},
        Row{"Global", "{action: Allow, source: {selector: has(x), namespaceSelector: global()}}",
            "Allow from {(has(x) && !has(projectcalico.org/namespace))}"},
        Row{"PodSelector", "{action: Allow, source: {podSelector: {}}}",
            "Allow from {(projectcalico.org/orchestrator == \"k8s\" && " IN_A ")}"}),
    [](const testing::TestParamInfo<Row>& row) { return std::string(row.param.name); });

TEST(CalicoRuleLists, HaveBounds) {
  std::string rules, ports, nets;
  for (int i = 0; i < 1025; ++i) rules += i == 0 ? "{action: Allow}" : ", {action: Allow}";
  const std::string many = decode_global_rule(rules);
  EXPECT_NE(many.find("1025: Deny (not understood)"), std::string::npos);
  EXPECT_NE(many.find("at most 1024 rules, has 1025"), std::string::npos);
  EXPECT_EQ(many.find("Allow\n"), std::string::npos) << "rules beyond the bound are unknown, so nothing is allowed";

  for (int i = 1; i <= 51; ++i) ports += (i == 1 ? "" : ", ") + std::to_string(i);
  EXPECT_NE(decode_global_rule("{action: Allow, protocol: TCP, source: {ports: [" + ports + "]}}")
                .find("source.ports: at most 50 entries, has 51"),
            std::string::npos);
  for (int i = 0; i < 257; ++i) nets += i == 0 ? "10.0.0.0/8" : ", 10.0.0.0/8";
  EXPECT_NE(decode_global_rule("{action: Allow, source: {nets: [" + nets + "]}}")
                .find("source.nets: at most 256 entries, has 257"),
            std::string::npos);
}

}  // namespace
}  // namespace tierwall::daemon
