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
std::string decode_rule(const std::string& head, const std::string& object, const std::string& direction,
                        const std::string& rule) {
  std::string summary = decode_one(head + "spec: {" + direction + ": [" + rule + "]}\n");
  summary.erase(0, summary.find('\n') + 1);
  replace_all(summary, direction + " 1: ", "");
  for (const std::string severity : {"error: ", "warning: "})
    replace_all(summary, "f:4: " + severity + object + ": spec." + direction + "[0]", severity);
  return summary;
}

std::string decode_global_rule(const std::string& rule, const std::string& direction = "ingress") {
  return decode_rule("apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: p}\n",
                     "GlobalNetworkPolicy p", direction, rule);
}

std::string decode_namespaced_rule(const std::string& rule, const std::string& direction = "ingress") {
  return decode_rule("apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: p, namespace: a}\n",
                     "NetworkPolicy a/p", direction, rule);
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
        Row{"Annotations", "{action: Allow, metadata: {annotations: {b: 'x y', a: ''}}}", "Allow [a=,b=x y]"},
        Row{"NamedPortsOfNoProtocol", "{action: Deny, destination: {notPorts: [http]}}", "Deny to {not ports http}"},
        Row{"ProtocolsInAnyCase", "{action: Allow, protocol: udplite, notProtocol: 255}", "Allow udplite not 255"},
        Row{"EmptyIcmp", "{action: Allow, protocol: ICMP, icmp: {}}", "Allow IPv4 icmp icmp type"},
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
        Row{"Annotation", "{action: Allow, metadata: {annotations: {a: 1}}}",
            "Allow (not understood)\nerror: .metadata.annotations.a: must be text, but is the number 1; write it in "
            "quotes: \"1\""},
        Row{"UnknownMetadata", "{action: Allow, metadata: {labels: {a: b}}}",
            "Allow (not understood)\nerror: .metadata.labels: unknown field"},
        Row{"ProtocolZero", "{action: Deny, protocol: 0}",
            "Deny (not understood)\nerror: .protocol: protocol '0' is not one of TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite "
            "or a number from 1 to 255"},
        Row{"NotIcmpCodeNeedsType", "{action: Deny, notICMP: {code: 1}}",
            "Deny (not understood)\nerror: .notICMP.type: required; a code means nothing without it"},
        Row{"IcmpCode", "{action: Allow, protocol: ICMP, icmp: {type: 1, code: 256}}",
            "Allow (not understood)\nerror: .icmp.code: must be from 0 to 255, but is 256"},
        Row{"PortsOfNotProtocol", "{action: Deny, notProtocol: TCP, source: {ports: [80]}}",
            "Deny (not understood)\nerror: : ports need protocol TCP, UDP or SCTP"},
        Row{"NamedPortOfIcmp", "{action: Deny, protocol: ICMP, destination: {ports: [http]}}",
            "Deny (not understood)\nerror: : ports need protocol TCP, UDP or SCTP"},
        Row{"FamilyOfNotNets", "{action: Deny, ipVersion: 6, source: {notNets: [10.0.0.0/8]}}",
            "Deny (not understood)\nerror: : 10.0.0.0/8 cannot meet in a rule that is about IPv6"},
        Row{"GlobalInServiceAccounts", "{action: Allow, source: {serviceAccounts: {selector: global()}}}",
            "Allow (not understood)\nerror: .source.serviceAccounts.selector: global() is possible in "
            "namespaceSelector only"},
        Row{"ServiceAccountName", "{action: Allow, source: {serviceAccounts: {names: [A_B]}}}",
            "Allow (not understood)\nerror: .source.serviceAccounts.names[0]: \"A_B\" is no valid name of a service "
            "account"}),
    [](const testing::TestParamInfo<Row>& row) { return std::string(row.param.name); });

/// What only one direction or one scope of policies takes.
struct PlacedRow {
  const char* name;
  bool global;
  const char* direction;
  const char* rule;
  const char* expected;
};

class PlacedRule : public testing::TestWithParam<PlacedRow> {};

TEST_P(PlacedRule, Means) {
  const PlacedRow& row = GetParam();
  EXPECT_EQ(row.global ? decode_global_rule(row.rule, row.direction) : decode_namespaced_rule(row.rule, row.direction),
            std::string(row.expected) + "\n");
}

#define BESIDE_SERVICES(field) "\nerror: .source." field ": cannot stand together with services"

INSTANTIATE_TEST_SUITE_P(
    Services, PlacedRule,
    testing::Values(
        PlacedRow{"Source", true, "ingress", "{action: Allow, source: {services: {name: s, namespace: n}}}",
                  "Allow from {service n/s}"},
        PlacedRow{"Destination", true, "egress", "{action: Deny, destination: {services: {name: s, namespace: n}}}",
                  "Deny to {service n/s}"},
        PlacedRow{"OwnNamespace", false, "egress", "{action: Allow, destination: {services: {name: s}}}",
                  "Allow to {service a/s}"},
        PlacedRow{"EmptyNamespaceIsOwn", false, "ingress",
                  "{action: Allow, source: {services: {name: s, namespace: ''}}}", "Allow from {service a/s}"},
        PlacedRow{"OtherNamespace", false, "ingress", "{action: Allow, source: {services: {name: s, namespace: n}}}",
                  "Allow from {service n/s}"},
        PlacedRow{"SourceWithPorts", true, "ingress",
                  "{action: Allow, protocol: TCP, source: {services: {name: s, namespace: n}, ports: [1], selector: "
                  "'', nets: []}, destination: {ports: [2]}}",
                  "Allow tcp from {service n/s; ports 1} to {ports 2}"},
        PlacedRow{"DestinationOfIngress", false, "ingress", "{action: Allow, destination: {services: {name: s}}}",
                  "Allow (not understood)\nerror: .destination.services: possible in the source of ingress rules and "
                  "the destination of egress rules only"},
        PlacedRow{"SourceOfEgress", false, "egress", "{action: Deny, source: {services: {name: s}}}",
                  "Deny (not understood)\nerror: .source.services: possible in the source of ingress rules and the "
                  "destination of egress rules only"},
        PlacedRow{"GlobalNeedsNamespace", true, "ingress", "{action: Allow, source: {services: {name: s}}}",
                  "Allow (not understood)\nerror: .source.services.namespace: required; objects without a namespace "
                  "have none to mean"},
        PlacedRow{"NeedsName", false, "ingress", "{action: Allow, source: {services: {}}}",
                  "Allow (not understood)\nerror: .source.services.name: required"},
        PlacedRow{"NamesAreKubernetesOwn", false, "ingress",
                  "{action: Allow, source: {services: {name: S, namespace: a.b}}}",
                  "Allow (not understood)\nerror: .source.services.name: \"S\" is no valid name of a service\n"
                  "error: .source.services.namespace: \"a.b\" is no valid namespace"},
        PlacedRow{"Beside", false, "ingress",
                  "{action: Allow, source: {services: {name: s}, nets: [10.0.0.0/8], notNets: [10.1.0.0/16], selector: "
                  "has(a), notSelector: has(b), namespaceSelector: has(c), serviceAccounts: {names: [d]}}}",
                  "Allow (not understood)" BESIDE_SERVICES("nets") BESIDE_SERVICES("notNets")
                      BESIDE_SERVICES("selector") BESIDE_SERVICES("notSelector") BESIDE_SERVICES("namespaceSelector")
                          BESIDE_SERVICES("serviceAccounts")},
        PlacedRow{"DestinationWithPorts", false, "egress",
                  "{action: Allow, protocol: TCP, destination: {services: {name: s}, ports: [1], notPorts: [2]}}",
                  "Allow (not understood)\nerror: .destination.ports: cannot stand together with services\n"
                  "error: .destination.notPorts: cannot stand together with services"},
        PlacedRow{"UnknownField", false, "ingress", "{action: Pass, source: {services: {name: s, port: 80}}}",
                  "Pass (not understood)\nerror: .source.services.port: unknown field"}),
    [](const testing::TestParamInfo<PlacedRow>& row) { return std::string(row.param.name); });

#define HTTP_WARNING \
  "\nwarning: .http: HTTP is not enforced at this layer: the rule allows every request that its other fields match"

INSTANTIATE_TEST_SUITE_P(
    Http, PlacedRule,
    testing::Values(
        PlacedRow{"KeepsTheRestOfTheRule", true, "ingress",
                  "{action: Allow, protocol: TCP, source: {selector: has(a)}, destination: {ports: [80]}, http: "
                  "{methods: [GET, PUT], paths: [{exact: /a}, {prefix: /b/}]}}",
                  "Allow tcp from {has(a)} to {ports 80}" HTTP_WARNING},
        PlacedRow{"WithoutProtocol", true, "ingress", "{http: {methods: [GET]}, action: Allow}", "Allow" HTTP_WARNING},
        PlacedRow{"ProtocolByNumber", true, "ingress", "{action: Allow, protocol: 6, http: {}}",
                  "Allow tcp" HTTP_WARNING},
        PlacedRow{"Deny", true, "ingress", "{action: Deny, http: {methods: [GET]}}",
                  "Deny (not understood)\nerror: .http: http is possible in an Allow rule only; HTTP is not enforced "
                  "at this layer"},
        PlacedRow{"Pass", true, "ingress", "{action: Pass, http: {methods: [GET]}}",
                  "Pass (not understood)\nerror: .http: http is possible in an Allow rule only; HTTP is not enforced "
                  "at this layer"},
        PlacedRow{"Log", true, "ingress", "{action: Log, http: {methods: [GET]}}",
                  "Log (not understood)\nerror: .http: http is possible in an Allow rule only; HTTP is not enforced "
                  "at this layer"},
        PlacedRow{"Egress", true, "egress", "{action: Allow, http: {methods: [GET]}}",
                  "Allow (not understood)\nerror: .http: http is possible in ingress rules only"},
        PlacedRow{"Udp", true, "ingress", "{action: Allow, protocol: UDP, http: {methods: [GET]}}",
                  "Allow (not understood)\nerror: .http: http needs protocol TCP, not udp"},
        PlacedRow{"Methods", true, "ingress", "{action: Allow, http: {methods: [GET, '', GET]}}",
                  "Allow (not understood)\nerror: .http.methods[1]: must not be empty\n"
                  "error: .http.methods[2]: \"GET\" stands twice in this list"},
        PlacedRow{"Paths", true, "ingress",
                  "{action: Allow, http: {paths: [{}, {exact: /a, prefix: /b}, {exact: a}, {prefix: '/a?b'}, {exact: "
                  "'/a#b'}, {regex: /}]}}",
                  "Allow (not understood)\nerror: .http.paths[0]: needs one of exact, prefix\n"
                  "error: .http.paths[1]: takes only one of exact, prefix\n"
                  "error: .http.paths[2].exact: must begin with /\n"
                  "error: .http.paths[3].prefix: is only the path: neither ? nor # can be in it\n"
                  "error: .http.paths[4].exact: is only the path: neither ? nor # can be in it\n"
                  "error: .http.paths[5].regex: unknown field"},
        PlacedRow{"OtherMistakesSilenceTheWarning", true, "ingress",
                  "{action: Allow, protocol: TPC, http: {methods: [GET]}}",
                  "Allow (not understood)\nerror: .protocol: protocol 'TPC' is not one of TCP, UDP, ICMP, ICMPv6, "
                  "SCTP, UDPLite or a number from 1 to 255"}),
    [](const testing::TestParamInfo<PlacedRow>& row) { return std::string(row.param.name); });

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

  std::string methods, paths;
  for (int i = 0; i < 21; ++i) {
    methods += (i == 0 ? "M" : ", M") + std::to_string(i);
    paths += (i == 0 ? "{exact: /" : ", {exact: /") + std::to_string(i) + "}";
  }
  const std::string http =
      decode_global_rule("{action: Allow, http: {methods: [" + methods + "], paths: [" + paths + "]}}");
  EXPECT_NE(http.find(".http.methods: at most 20 entries, has 21"), std::string::npos) << http;
  EXPECT_NE(http.find(".http.paths: at most 20 entries, has 21"), std::string::npos) << http;

  const std::string much(300'000, 'x');
  EXPECT_NE(decode_global_rule("{action: Allow, metadata: {annotations: {a: " + much + "}}}")
                .find("metadata.annotations: at most 262144 bytes, has 300001"),
            std::string::npos);
}

}  // namespace
}  // namespace tierwall::daemon
