#include <gtest/gtest.h>

#include <string>

#include "tests/unit/daemon/sources/summary.h"

namespace tierwall::daemon {
namespace {

struct Row {
  const char* name;
  const char* spec;      // what follows "spec: "
  const char* expected;  // after the head line's "KubernetesNetworkPolicy a/p, tier default, order 1000,"
};

#define PODS "(projectcalico.org/orchestrator == \"k8s\" && "
#define IN_A "projectcalico.org/namespace == \"a\")"
#define EVERY_POD "on " PODS IN_A
#define SPEC_WARNING(where) "\nf:4: warning: NetworkPolicy a/p: spec" where

class DecodeNetworkPolicy : public testing::TestWithParam<Row> {};

TEST_P(DecodeNetworkPolicy, Means) {
  const std::string head = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: a}\n";
  std::string summary = decode_one(head + "spec: " + GetParam().spec + "\n");
  const std::string prefix = "KubernetesNetworkPolicy a/p, tier default, order 1000, ";
  if (summary.starts_with(prefix)) summary.erase(0, prefix.size());
  EXPECT_EQ(summary, std::string(GetParam().expected) + "\n");
}

#define NO_PORT_NAME " is no port name: at most 15 of a-z, 0-9 and '-', with a letter among them"
#define SPEC_ERROR(where) "\nf:4: error: NetworkPolicy a/p: spec" where

INSTANTIATE_TEST_SUITE_P(
    Specs, DecodeNetworkPolicy,
    testing::Values(
        // Which pods, which directions.
        Row{"Empty", "{}", "ingress " EVERY_POD},
        Row{"EmptyTypes", "{podSelector: {}, policyTypes: []}", "ingress " EVERY_POD},
        Row{"DenyAll", "{podSelector: {}, policyTypes: [Ingress, Egress]}", "ingress egress " EVERY_POD},
        Row{"EgressRulesMakeEgress", "{egress: [{}]}", "ingress egress " EVERY_POD "\negress 1: Allow"},
        Row{"EmptyEgressDoesNot", "{egress: []}", "ingress " EVERY_POD},
        Row{"EgressOnly", "{policyTypes: [Egress], egress: [{}]}", "egress " EVERY_POD "\negress 1: Allow"},
        Row{"UnnamedDirectionIsIgnored", "{policyTypes: [Ingress], ingress: [{}], egress: [{}]}",
            "ingress " EVERY_POD "\ningress 1: Allow\n"
            "f:4: warning: NetworkPolicy a/p: spec.egress: ignored, because policyTypes does not name Egress"},
        Row{"Labels", "{podSelector: {matchLabels: {b: c, a: d}}}",
            "ingress on " PODS "a == \"d\" && b == \"c\" && " IN_A},
        Row{"Expressions",
            "{podSelector: {matchExpressions: [{key: a, operator: In, values: [y, x]}, {key: b, operator: NotIn, "
            "values: "
            "[z]}, {key: c, operator: Exists}, {key: d, operator: DoesNotExist}]}}",
            "ingress on " PODS "a in {\"x\", \"y\"} && b not in {\"z\"} && has(c) && !has(d) && " IN_A},
        // Peers.
        Row{"OwnPods", "{ingress: [{from: [{podSelector: {}}]}]}",
            "ingress " EVERY_POD "\ningress 1: Allow from {" PODS IN_A "}"},
        Row{"EveryNamespace", "{ingress: [{from: [{namespaceSelector: {}}]}]}",
            "ingress " EVERY_POD "\ningress 1: Allow from {" PODS "has(projectcalico.org/namespace))}"},
        Row{"BothInOnePeer",
            "{egress: [{to: [{podSelector: {matchLabels: {x: y}}, namespaceSelector: {matchLabels: {n: m}}}]}], "
            "policyTypes: [Egress]}",
            "egress " EVERY_POD "\negress 1: Allow to {" PODS "x == \"y\" && pcns.n == \"m\")}"},
        Row{"BlockWithExceptions", "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.7/8, except: [10.1.0.0/16]}}]}]}",
            "ingress " EVERY_POD "\ningress 1: Allow from {nets 10.0.0.0/8; not nets 10.1.0.0/16}" SPEC_WARNING(
                ".ingress[0].from[0].ipBlock.cidr: \"10.0.0.7/8\" has bits set behind its prefix length: read as "
                "10.0.0.0/8")},
        Row{"BlocksJoin",
            "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}, {ipBlock: {cidr: 'fd00::/8'}}, {podSelector: {}}]}]}",
            "ingress " EVERY_POD "\ningress 1: Allow from {nets 10.0.0.0/8,fd00::/8}\ningress 1: Allow from {" PODS IN_A
            "}"},
        Row{"LeadingZeros", "{ingress: [{from: [{ipBlock: {cidr: 010.000.0.0/8}}]}]}",
            "ingress " EVERY_POD "\ningress 1: Allow from {nets 10.0.0.0/8}" SPEC_WARNING(
                ".ingress[0].from[0].ipBlock.cidr: \"010.000.0.0/8\" has leading zeros (taken as decimal): read "
                "as 10.0.0.0/8")},
        Row{"MappedIpv4", "{ingress: [{from: [{ipBlock: {cidr: '::ffff:10.1.0.0/112', except: ['10.1.2.0/24']}}]}]}",
            "ingress " EVERY_POD "\ningress 1: Allow from {nets 10.1.0.0/16; not nets 10.1.2.0/24}" SPEC_WARNING(
                ".ingress[0].from[0].ipBlock.cidr: \"::ffff:10.1.0.0/112\" is IPv4-mapped: read as 10.1.0.0/16")},
        Row{"LegacyInEveryWay", "{ingress: [{from: [{ipBlock: {cidr: '::ffff:10.1.0.9/112'}}]}]}",
            "ingress " EVERY_POD "\ningress 1: Allow from {nets 10.1.0.0/16}" SPEC_WARNING(
                ".ingress[0].from[0].ipBlock.cidr: \"::ffff:10.1.0.9/112\" is IPv4-mapped and has bits set behind its "
                "prefix length: read as 10.1.0.0/16")},
        Row{"LegacyException",
            "{ingress: [{from: [{ipBlock: {cidr: 'fd00::/8', except: ['fd00:1::7/32', 'fd01::/16']}}]}]}",
            "ingress " EVERY_POD "\ningress 1: Allow from {nets fd00::/8; not nets fd00:1::/32,fd01::/16}" SPEC_WARNING(
                ".ingress[0].from[0].ipBlock.except[0]: \"fd00:1::7/32\" has bits set behind its prefix length: read "
                "as fd00:1::/32")},
        Row{"EmptyListIsEveryone", "{ingress: [{from: [], ports: []}]}", "ingress " EVERY_POD "\ningress 1: Allow"},
        // Ports.
        Row{"EmptyPortIsAllTcp", "{ingress: [{ports: [{}]}]}",
            "ingress " EVERY_POD "\ningress 1: Allow tcp" SPEC_WARNING(
                ".ingress[0].ports[0]: empty means every TCP port and no other protocol; leave ports out to mean every "
                "protocol")},
        Row{"EveryTcpPortOnPurpose", "{ingress: [{ports: [{protocol: TCP}]}]}",
            "ingress " EVERY_POD "\ningress 1: Allow tcp"},
        Row{"EndIsPort", "{ingress: [{ports: [{port: 80, endPort: 80}]}]}",
            "ingress " EVERY_POD "\ningress 1: Allow tcp to {ports 80}"},
        Row{"PortsOfOneProtocolMerge",
            "{ingress: [{ports: [{port: 81}, {port: 80}, {port: http}, {port: 90, endPort: 95, protocol: TCP}, {port: "
            "53, protocol: UDP}]}]}",
            "ingress " EVERY_POD
            "\ningress 1: Allow tcp to {ports 80-81,90-95,http}\ningress 1: Allow udp to {ports 53}"},
        Row{"WholeProtocolWins", "{ingress: [{ports: [{port: 81, protocol: SCTP}, {protocol: SCTP}]}]}",
            "ingress " EVERY_POD "\ningress 1: Allow sctp"},
        Row{"PeersTimesProtocols",
            "{egress: [{to: [{podSelector: {}}, {ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 1}, {port: 2, protocol: "
            "UDP}]}], policyTypes: [Egress]}",
            "egress " EVERY_POD "\negress 1: Allow tcp to {" PODS IN_A "; ports 1}\negress 1: Allow udp to {" PODS IN_A
            "; ports 2}"
            "\negress 1: Allow tcp to {nets 10.0.0.0/8; ports 1}\negress 1: Allow udp to {nets 10.0.0.0/8; ports 2}"},
        Row{"NumbersAreThoseWritten", "{ingress: [{}, {ports: [{port: 1}]}]}",
            "ingress " EVERY_POD "\ningress 1: Allow\ningress 2: Allow tcp to {ports 1}"},
        // What is not understood allows nothing and isolates all the same.
        Row{"BadPeerIsLeftOut",
            "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}, {podSelector: {}}]}]}",
            "ingress " EVERY_POD "\ningress 1: Allow from {" PODS IN_A
            "}" SPEC_ERROR(".ingress[0].from[0].ipBlock.except[0]: must be inside cidr 10.0.0.0/8 and smaller")},
        Row{"EmptyPeerIsNoOne", "{ingress: [{from: [{}]}]}",
            "ingress " EVERY_POD SPEC_ERROR(".ingress[0].from[0]: needs podSelector, namespaceSelector or ipBlock; "
                                            "leave the whole list out to mean everyone")},
        Row{"NullPeerIsNoOne", "{ingress: [{from: [null]}]}",
            "ingress " EVERY_POD SPEC_ERROR(".ingress[0].from[0]: must be an object, but is empty")},
        Row{"BlockBesideSelector", "{ingress: [{from: [{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]}]}",
            "ingress " EVERY_POD SPEC_ERROR(
                ".ingress[0].from[0]: ipBlock cannot stand together with podSelector or namespaceSelector")},
        Row{"UnknownFieldInPeer", "{ingress: [{from: [{podSelector: {}, namespaceSelecter: {}}]}]}",
            "ingress " EVERY_POD SPEC_ERROR(
                ".ingress[0].from[0].namespaceSelecter: unknown field; did you mean namespaceSelector?")},
        Row{"UnknownFieldInRule", "{ingress: [{form: [{podSelector: {}}]}]}",
            "ingress " EVERY_POD
            "\ningress 1: Allow (not understood)" SPEC_ERROR(".ingress[0].form: unknown field; did you mean from?")},
        Row{"NullRule", "{ingress: [null]}",
            "ingress " EVERY_POD
            "\ningress 1: Allow (not understood)" SPEC_ERROR(".ingress[0]: must be an object, but is empty")},
        Row{"BadPortIsLeftOut", "{ingress: [{ports: [{port: 70000}, {port: 80}]}]}",
            "ingress " EVERY_POD "\ningress 1: Allow tcp to {ports 80}" SPEC_ERROR(
                ".ingress[0].ports[0].port: must be from 1 to 65535, but is 70000")},
        Row{"OnlyBadPorts", "{ingress: [{ports: [{port: '80'}]}]}",
            "ingress " EVERY_POD SPEC_ERROR(
                ".ingress[0].ports[0].port: in quotes this is the name of a port; write the number 80 without quotes")},
        Row{"EndBelowPort", "{ingress: [{ports: [{port: 80, endPort: 79}]}]}",
            "ingress " EVERY_POD SPEC_ERROR(
                ".ingress[0].ports[0].endPort: must not be below port, which is 80, but is 79")},
        Row{"EndWithoutPort", "{ingress: [{ports: [{endPort: 79}]}]}",
            "ingress " EVERY_POD SPEC_ERROR(".ingress[0].ports[0].endPort: needs a port that is a number")},
        Row{"PortName", "{ingress: [{ports: [{port: Web}, {port: a--b}, {port: sixteen-letters-}]}]}",
            "ingress " EVERY_POD SPEC_ERROR(".ingress[0].ports[0].port: \"Web\"" NO_PORT_NAME)
                SPEC_ERROR(".ingress[0].ports[1].port: \"a--b\"" NO_PORT_NAME)
                    SPEC_ERROR(".ingress[0].ports[2].port: \"sixteen-letters-\"" NO_PORT_NAME)},
        Row{"ExceptionIsWholeBlock", "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}]}]}",
            "ingress " EVERY_POD SPEC_ERROR(
                ".ingress[0].from[0].ipBlock.except[0]: must be inside cidr 10.0.0.0/8 and smaller")},
        Row{"BadBlockIsNoOne", "{ingress: [{from: [{ipBlock: {cidr: everywhere}}]}]}",
            "ingress " EVERY_POD SPEC_ERROR(
                ".ingress[0].from[0].ipBlock.cidr: 'everywhere' is not a CIDR: the prefix length is missing")},
        Row{"ThreeTypes", "{policyTypes: [Ingress, Egress, Ingress]}",
            "ingress egress " EVERY_POD SPEC_ERROR(".policyTypes: at most two: Ingress and Egress")},
        Row{"EndOfNamedPort", "{ingress: [{ports: [{port: http, endPort: 79}]}]}",
            "ingress " EVERY_POD SPEC_ERROR(".ingress[0].ports[0].endPort: needs a port that is a number")},
        Row{"UnknownProtocol", "{ingress: [{ports: [{protocol: tcp}]}]}",
            "ingress " EVERY_POD SPEC_ERROR(
                ".ingress[0].ports[0].protocol: must be TCP, UDP, SCTP, but is \"tcp\"; did you mean TCP?")},
        Row{"FromIsNoList", "{ingress: [{from: {podSelector: {}}}]}",
            "ingress " EVERY_POD
            "\ningress 1: Allow (not understood)" SPEC_ERROR(".ingress[0].from: must be a list, but is an object")},
        Row{"IngressIsNoList", "{ingress: {}}",
            "ingress " EVERY_POD SPEC_ERROR(".ingress: must be a list, but is an object")},
        Row{"UnknownFieldInSpec", "{ingress: [{}, {ports: [{port: 1}]}], ingres: []}",
            "ingress " EVERY_POD "\ningress 1: Allow (not understood)\ningress 2: Allow (not understood)" SPEC_ERROR(
                ".ingres: unknown field; did you mean ingress?")},
        Row{"RepeatedField", "{ingress: [{}], ingress: []}",
            "ingress " EVERY_POD
            "\ningress 1: Allow (not understood)" SPEC_ERROR(".ingress: this key stands twice in the same object")},
        Row{"UnknownType", "{policyTypes: [Egres], egress: [{}]}",
            "ingress egress " EVERY_POD "\negress 1: Allow (not understood)" SPEC_ERROR(
                ".policyTypes[0]: must be Ingress, Egress, but is \"Egres\"; did you mean Egress?")},
        Row{"BadSubject", "{podSelector: {matchExpressions: [{key: a, operator: In}]}}",
            "nothing of NetworkPolicy a/p" SPEC_ERROR(
                ".podSelector.matchExpressions[0].values: required; In and NotIn need at least one")},
        Row{"SubjectIsText", "{podSelector: all()}",
            "nothing of NetworkPolicy a/p" SPEC_ERROR(".podSelector: must be an object, but is the text \"all()\"")},
        Row{"SpecIsNoObject", "[]", "nothing of NetworkPolicy a/p" SPEC_ERROR(": must be an object, but is a list")}),
    [](const testing::TestParamInfo<Row>& row) { return std::string(row.param.name); });

TEST(DecodeNetworkPolicyObject, FieldBesideSpecClosesIt) {
  EXPECT_EQ(decode_one("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: a}\n"
                       "spec: {ingress: [{}]}\npolicyTypes: [Egress]\n"),
            "KubernetesNetworkPolicy a/p, tier default, order 1000, ingress " EVERY_POD
            "\ningress 1: Allow (not understood)\n"
            "f:5: error: NetworkPolicy a/p: policyTypes: unknown field\n");
}

}  // namespace
}  // namespace tierwall::daemon
