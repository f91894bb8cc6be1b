#include "daemon/sources/decode_cluster_policy.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/daemon/sources/summary.h"

namespace tierwall::daemon {
namespace {

struct Row {
  const char* name;
  const char* text;      // the spec, or what follows tier, priority and subject in it
  const char* expected;  // the summary, or what follows the head line in it; then problems, without the object's name
};

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

std::string decode_spec(const std::string& version, const std::string& kind, const std::string& spec) {
  std::string summary = decode_one("apiVersion: policy.networking.k8s.io/" + version + "\nkind: " + kind +
                                   "\nmetadata: {name: default}\nspec: " + spec + "\n");
  replace_all(summary, "f:4: error: " + kind + " default: spec", "error: ");
  return summary;
}

std::string decode_cluster(const std::string& spec) {
  return decode_spec("v1alpha2", "ClusterNetworkPolicy", spec);
}

#define POD "projectcalico.org/orchestrator == \"k8s\""
#define EVERY_POD "(" POD " && has(projectcalico.org/namespace))"

// ---- the policy around the rules ------------------------------------------------------------------------------------

class ClusterPolicy : public testing::TestWithParam<Row> {};

TEST_P(ClusterPolicy, Means) {
  EXPECT_EQ(decode_cluster(GetParam().text), std::string(GetParam().expected) + "\n");
}

#define CLUSTER(tier, order) "KubernetesClusterNetworkPolicy default, tier " tier ", order " order ","

INSTANTIATE_TEST_SUITE_P(
    Specs, ClusterPolicy,
    testing::Values(
        Row{"Admin", "{tier: Admin, priority: 0, subject: {namespaces: {}}, ingress: [], egress: []}",
            CLUSTER("kube-admin", "0") " on " EVERY_POD},
        Row{"Baseline",
            "{tier: Baseline, priority: 1000, subject: {namespaces: {matchLabels: {n: m}}}, ingress: [{action: Deny, "
            "from: [{namespaces: {}}]}]}",
            CLUSTER("kube-baseline", "1000") " ingress on (" POD
                                             " && pcns.n == \"m\")\ningress 1: Deny from {" EVERY_POD "}"},
        Row{"SubjectPods",
            "{tier: Admin, priority: 7, subject: {pods: {namespaceSelector: {matchLabels: {n: m}}, podSelector: "
            "{matchExpressions: [{key: a, operator: NotIn, values: [b]}]}}}, egress: [{action: Pass, to: "
            "[{namespaces: {}}]}]}",
            CLUSTER("kube-admin", "7") " egress on (" POD
                                       " && a not in {\"b\"} && pcns.n == \"m\")\negress 1: Pass to {" EVERY_POD "}"}),
    [](const testing::TestParamInfo<Row>& row) { return std::string(row.param.name); });

#define ACCEPT "ingress: [{action: Accept, from: [{namespaces: {}}]}, {action: Deny, from: [{namespaces: {}}]}]}"
#define CLOSED "\ningress 1: Allow (not understood)\ningress 2: Deny from {" EVERY_POD "}\n"

INSTANTIATE_TEST_SUITE_P(
    BadSpecs, ClusterPolicy,
    testing::Values(
        Row{"UnknownFieldClosesAccepts", "{tier: Admin, priority: 1, subject: {namespaces: {}}, ordr: 1, " ACCEPT,
            CLUSTER("kube-admin", "1") " ingress on " EVERY_POD CLOSED "error: .ordr: unknown field"},
        Row{"Priority", "{tier: Baseline, priority: 1001, subject: {namespaces: {}}, " ACCEPT,
            CLUSTER("kube-baseline", "none") " ingress on " EVERY_POD CLOSED
                                             "error: .priority: must be from 0 to 1000, but is 1001"},
        Row{"NoPriority", "{tier: Admin, subject: {namespaces: {}}, " ACCEPT,
            CLUSTER("kube-admin", "none") " ingress on " EVERY_POD CLOSED
                                          "error: .priority: required; from 0, which comes first, to 1000"},
        Row{"UnknownTierDeniesEarly", "{tier: Basline, priority: 1, subject: {namespaces: {}}, " ACCEPT,
            CLUSTER("kube-admin", "none") " ingress on " EVERY_POD CLOSED
                                          "error: .tier: must be Admin, Baseline, but is \"Basline\"; did you mean "
                                          "Baseline?"},
        Row{"NoTier", "{priority: 1, subject: {namespaces: {}}, " ACCEPT,
            CLUSTER("kube-admin", "none") " ingress on " EVERY_POD CLOSED "error: .tier: required; Admin or Baseline"},
        Row{"RulesAreNoList", "{tier: Admin, priority: 1, subject: {namespaces: {}}, egress: {}}",
            CLUSTER("kube-admin", "1") " egress on " EVERY_POD
                                       "\negress 1: Deny (not understood)\nerror: .egress: must be a list, but is an "
                                       "object"},
        Row{"NoSubject", "{tier: Admin, priority: 1}",
            "nothing of ClusterNetworkPolicy default\nerror: .subject: required; nobody knows which pods the policy is "
            "about"},
        Row{"EmptySubject", "{tier: Admin, priority: 1, subject: {}}",
            "nothing of ClusterNetworkPolicy default\nerror: .subject: needs one of namespaces, pods"},
        Row{"TwoSubjects",
            "{tier: Admin, priority: 1, subject: {namespaces: {}, pods: {namespaceSelector: {}, podSelector: {}}}}",
            "nothing of ClusterNetworkPolicy default\nerror: .subject: takes only one of namespaces, pods"},
        Row{"UnknownSubject", "{tier: Admin, priority: 1, subject: {nodes: {}}}",
            "nothing of ClusterNetworkPolicy default\nerror: .subject.nodes: unknown field"},
        Row{"HalfOfASubject", "{tier: Admin, priority: 1, subject: {pods: {podSelector: {}}}}",
            "nothing of ClusterNetworkPolicy default\nerror: .subject.pods.namespaceSelector: required; write {} to "
            "mean every namespace"},
        Row{"BadSubject", "{tier: Admin, priority: 1, subject: {namespaces: {matchLabels: {a: 1}}}}",
            "nothing of ClusterNetworkPolicy default\nerror: .subject.namespaces.matchLabels.a: must be text, but is "
            "the number 1; write it in quotes: \"1\""},
        Row{"NoObject", "[]", "nothing of ClusterNetworkPolicy default\nerror: : must be an object, but is a list"}),
    [](const testing::TestParamInfo<Row>& row) { return std::string(row.param.name); });

TEST(ClusterPolicyObject, NeedsASpecAndNothingUnknownBesideIt) {
  const std::string head =
      "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: p}\n";
  EXPECT_EQ(decode_one(head),
            "nothing of ClusterNetworkPolicy p\nf:1: error: ClusterNetworkPolicy p: spec: required\n");
  EXPECT_EQ(decode_one(head + "status: {conditions: []}\nspecs: {}\nspec: {tier: Admin, priority: 1, subject: "
                              "{namespaces: {}}, " ACCEPT),
            "KubernetesClusterNetworkPolicy p, tier kube-admin, order 1, ingress on " EVERY_POD CLOSED
            "f:5: error: ClusterNetworkPolicy p: specs: unknown field; did you mean spec?\n");
}

// ---- rules ----------------------------------------------------------------------------------------------------------

/// What becomes of the rules; the head line is always the same.
std::string decode_rules(const std::string& version, const std::string& kind, const std::string& head,
                         const std::string& rules) {
  std::string summary = decode_spec(version, kind, "{" + head + "subject: {namespaces: {}}, " + rules + "}");
  return summary.substr(summary.find('\n') + 1);
}

class ClusterRules : public testing::TestWithParam<Row> {};

TEST_P(ClusterRules, Mean) {
  EXPECT_EQ(decode_rules("v1alpha2", "ClusterNetworkPolicy", "tier: Admin, priority: 1, ", GetParam().text),
            std::string(GetParam().expected) + "\n");
}

#define TO_ALL "to: [{namespaces: {}}]"
#define ALL "{" EVERY_POD "}"

INSTANTIATE_TEST_SUITE_P(
    Peers, ClusterRules,
    testing::Values(
        Row{"PodsOfNamespaces", "ingress: [{action: Accept, from: [{namespaces: {matchLabels: {n: m}}}]}]",
            "ingress 1: Allow from {(" POD " && pcns.n == \"m\")}"},
        Row{"Pods",
            "ingress: [{action: Accept, from: [{pods: {namespaceSelector: {}, podSelector: {matchLabels: {a: b}}}}]}]",
            "ingress 1: Allow from {(" POD " && a == \"b\" && has(projectcalico.org/namespace))}"},
        Row{"Nodes", "egress: [{action: Deny, to: [{nodes: {matchLabels: {zone: a}}}, {nodes: {}}]}]",
            "egress 1: Deny to {nodes zone == \"a\"}\negress 1: Deny to {nodes all()}"},
        Row{"NetworksOfBothFamilies", "egress: [{action: Deny, to: [{networks: [10.0.0.7/8, 'fd00::/8']}]}]",
            "egress 1: Deny to {nets 10.0.0.0/8,fd00::/8}"},
        Row{"PeersTimesProtocols",
            "egress: [{name: first, action: Pass, to: [{networks: [10.0.0.0/8]}, {nodes: {}}], protocols: [{tcp: "
            "{destinationPort: {number: 80}}}, {udp: {destinationPort: {range: {start: 53, end: 54}}}}]}, {action: "
            "Deny, to: [{networks: [0.0.0.0/0]}]}]",
            "egress 1: Pass tcp to {nets 10.0.0.0/8; ports 80} [name=first]\n"
            "egress 1: Pass udp to {nets 10.0.0.0/8; ports 53-54} [name=first]\n"
            "egress 1: Pass tcp to {nodes all(); ports 80} [name=first]\n"
            "egress 1: Pass udp to {nodes all(); ports 53-54} [name=first]\n"
            "egress 2: Deny to {nets 0.0.0.0/0}"},
        Row{"PortsOfOneProtocolMerge",
            "egress: [{action: Accept, " TO_ALL
            ", protocols: [{sctp: {destinationPort: {number: 2}}}, {sctp: {destinationPort: {range: {start: 3, end: "
            "9}}}}, {destinationNamedPort: web}, {destinationNamedPort: dns}]}]",
            "egress 1: Allow sctp to {" EVERY_POD "; ports 2-9}\negress 1: Allow to {" EVERY_POD "; ports dns,web}"},
        Row{"NamedPortOfTheSubject",
            "ingress: [{action: Deny, from: [{namespaces: {}}], protocols: [{destinationNamedPort: web}]}]",
            "ingress 1: Deny from " ALL " to {ports web}"}),
    [](const testing::TestParamInfo<Row>& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    BadPeers, ClusterRules,
    testing::Values(
        Row{"AcceptLosesOnlyTheBadPeer", "egress: [{action: Accept, to: [{fqdns: [x]}, {networks: [10.0.0.0/8]}]}]",
            "egress 1: Allow to {nets 10.0.0.0/8}\nerror: .egress[0].to[0].fqdns: unknown field"},
        Row{"AcceptWithoutGoodPeersMatchesNothing", "egress: [{action: Accept, to: [{}]}]",
            "error: .egress[0].to[0]: needs one of namespaces, pods, nodes, networks"},
        Row{"DenyWithABadPeerDeniesAll", "egress: [{action: Deny, to: [{fqdns: [x]}, {networks: [10.0.0.0/8]}]}]",
            "egress 1: Deny (not understood)\nerror: .egress[0].to[0].fqdns: unknown field"},
        Row{"PassWithABadPeerDeniesAll", "ingress: [{name: n, action: Pass, from: [{namespaces: {}}, {}]}]",
            "ingress 1: Pass (not understood) [name=n]\nerror: .ingress[0].from[1]: needs one of namespaces, pods"},
        Row{"TwoInOnePeer", "egress: [{action: Accept, to: [{nodes: {}, networks: [10.0.0.0/8]}]}]",
            "error: .egress[0].to[0]: takes only one of nodes, networks"},
        Row{"HalfOfPods", "ingress: [{action: Accept, from: [{pods: {namespaceSelector: {}}}]}]",
            "error: .ingress[0].from[0].pods.podSelector: required; write {} to mean every pod"},
        Row{"EgressPeersInIngress",
            "ingress: [{action: Accept, from: [{networks: [10.0.0.0/8]}, {nodes: {}}, {domainNames: [a.b]}]}]",
            "error: .ingress[0].from[0].networks: possible in egress rules only\n"
            "error: .ingress[0].from[1].nodes: possible in egress rules only\n"
            "error: .ingress[0].from[2].domainNames: possible in egress rules only"},
        Row{"StrictNetworks",
            "egress: [{action: Accept, to: [{networks: [010.0.0.0/8]}, {networks: ['::ffff:10.0.0.0/104']}, {networks: "
            "[10.0.0.1]}, {networks: []}]}]",
            "error: .egress[0].to[0].networks[0]: '010.0.0.0' is not an IP address\n"
            "error: .egress[0].to[1].networks[0]: '::ffff:10.0.0.0' is IPv4-mapped: write the IPv4 address\n"
            "error: .egress[0].to[2].networks[0]: '10.0.0.1' is not a CIDR: the prefix length is missing\n"
            "error: .egress[0].to[3].networks: needs at least one entry"},
        Row{"DomainNames",
            "egress: [{action: Accept, to: [{domainNames: ['*.example.com']}, {networks: [10.0.0.0/8]}]}, {action: "
            "Deny, to: [{domainNames: [a.b]}]}]",
            "egress 1: Allow to {nets 10.0.0.0/8}\negress 2: Deny (not understood)\n"
            "error: .egress[0].to[0].domainNames: domainNames are not supported: names are not resolved, so as a peer "
            "they allow nothing, and a rule that denies or passes with them denies everything\n"
            "error: .egress[1].to[0].domainNames: domainNames are not supported: names are not resolved, so as a peer "
            "they allow nothing, and a rule that denies or passes with them denies everything"},
        Row{"NoPeers", "egress: [{action: Accept}, {action: Deny, to: []}, {action: Accept, to: {}}]",
            "egress 1: Allow (not understood)\negress 2: Deny (not understood)\negress 3: Allow (not understood)\n"
            "error: .egress[0].to: required; a rule names at least one peer\n"
            "error: .egress[1].to: needs at least one entry\n"
            "error: .egress[2].to: must be a list, but is an object"}),
    [](const testing::TestParamInfo<Row>& row) { return std::string(row.param.name); });

#define PROTOCOLS(action, list) "egress: [{action: " action ", " TO_ALL ", protocols: " list "}]"
#define AT "error: .egress[0].protocols"

INSTANTIATE_TEST_SUITE_P(
    BadRules, ClusterRules,
    testing::Values(
        Row{"NoAction", "egress: [{" TO_ALL "}]",
            "egress 1: Deny (not understood)\nerror: .egress[0].action: required"},
        Row{"ActionOfTheOldVersion", "egress: [{action: Allow, " TO_ALL "}]",
            "egress 1: Deny (not understood)\nerror: .egress[0].action: must be Accept, Deny, Pass, but is \"Allow\""},
        Row{"NoObject", "egress: [null, {action: Accept, " TO_ALL "}]",
            "egress 1: Deny (not understood)\negress 2: Allow to " ALL
            "\nerror: .egress[0]: must be an object, but is empty"},
        Row{"UnknownFieldClosesAnAccept", "egress: [{action: Accept, " TO_ALL ", ports: []}]",
            "egress 1: Allow (not understood)\nerror: .egress[0].ports: unknown field"},
        Row{"FromInEgress", "egress: [{action: Accept, from: [{namespaces: {}}]}]",
            "egress 1: Allow (not understood)\nerror: .egress[0].from: unknown field\n"
            "error: .egress[0].to: required; a rule names at least one peer"},
        Row{"AcceptLosesOnlyTheBadProtocol",
            PROTOCOLS("Accept", "[{icmp: {}}, {udp: {destinationPort: {number: 53}}}]"),
            "egress 1: Allow udp to {" EVERY_POD "; ports 53}\n" AT "[0].icmp: unknown field"},
        Row{"DenyWithABadProtocolDeniesAll", PROTOCOLS("Deny", "[{}, {udp: {destinationPort: {number: 53}}}]"),
            "egress 1: Deny (not understood)\n" AT "[0]: needs one of tcp, udp, sctp, destinationNamedPort"},
        Row{"EmptyProtocol", PROTOCOLS("Accept", "[{tcp: {}}]"),
            AT "[0].tcp.destinationPort: required; write the range from 1 to 65535 to mean every port"},
        Row{"TwoInOneProtocol",
            PROTOCOLS("Accept", "[{tcp: {destinationPort: {number: 1}}, udp: {destinationPort: {number: 1}}}]"),
            AT "[0]: takes only one of tcp, udp"},
        Row{"PortIsNumberOrRange",
            PROTOCOLS("Accept",
                      "[{tcp: {destinationPort: {}}}, {tcp: {destinationPort: {number: 1, range: {start: 1, "
                      "end: 2}}}}]"),
            AT "[0].tcp.destinationPort: needs one of number, range\n" AT
               "[1].tcp.destinationPort: takes only one of number, range"},
        Row{"PortNumber", PROTOCOLS("Accept", "[{tcp: {destinationPort: {number: 0}}}]"),
            AT "[0].tcp.destinationPort.number: must be from 1 to 65535, but is 0"},
        Row{"Ranges",
            PROTOCOLS("Accept",
                      "[{tcp: {destinationPort: {range: {start: 5, end: 5}}}}, {tcp: {destinationPort: "
                      "{range: {start: 5}}}}, {tcp: {destinationPort: {range: {end: 5}}}}]"),
            AT "[0].tcp.destinationPort.range.end: must be above start, which is 5, but is 5\n" AT
               "[1].tcp.destinationPort.range.end: required\n" AT "[2].tcp.destinationPort.range.start: required"},
        Row{"PortName", PROTOCOLS("Accept", "[{destinationNamedPort: Web}]"),
            AT "[0].destinationNamedPort: \"Web\" is no port name: at most 15 of a-z, 0-9 and '-', with a letter among "
               "them"},
        Row{"EmptyProtocols", PROTOCOLS("Accept", "[]"),
            "egress 1: Allow (not understood)\n" AT ": needs at least one entry"},
        Row{"NamedPortsBesideNetworks",
            "egress: [{action: Accept, to: [{namespaces: {}}, {networks: [10.0.0.0/8]}], protocols: "
            "[{destinationNamedPort: web}]}, {action: Deny, to: [{nodes: {}}], protocols: [{destinationNamedPort: "
            "web}]}]",
            "egress 1: Allow (not understood)\negress 2: Deny (not understood)\n"
            "error: .egress[0]: destinationNamedPort needs peers that are pods: nodes and networks have no named "
            "ports\n"
            "error: .egress[1]: destinationNamedPort needs peers that are pods: nodes and networks have no named "
            "ports"}),
    [](const testing::TestParamInfo<Row>& row) { return std::string(row.param.name); });

std::string repeated(const std::string& item, int times) {
  std::string list;
  for (int i = 0; i < times; ++i) list += (i == 0 ? "" : ", ") + item;
  return "[" + list + "]";
}

TEST(ClusterRuleLists, HaveBounds) {
  const auto decode = [](const std::string& rules) {
    return decode_rules("v1alpha2", "ClusterNetworkPolicy", "tier: Admin, priority: 1, ", rules);
  };
  const std::string many = decode("egress: " + repeated("{action: Accept, " TO_ALL "}", 26));
  EXPECT_NE(many.find("egress 26: Deny (not understood)\n"), std::string::npos) << many;
  EXPECT_NE(many.find("error: .egress: at most 25 rules, has 26\n"), std::string::npos) << many;
  EXPECT_EQ(many.find("Allow to"), std::string::npos) << "rules beyond the bound are unknown, so nothing is allowed";
  EXPECT_EQ(decode("egress: [{action: Accept, to: " + repeated("{namespaces: {}}", 26) + "}]"),
            "egress 1: Allow (not understood)\nerror: .egress[0].to: at most 25 entries, has 26\n");
  EXPECT_EQ(decode("egress: [{action: Accept, " TO_ALL ", protocols: " +
                   repeated("{tcp: {destinationPort: {number: 1}}}", 26) + "}]"),
            "egress 1: Allow (not understood)\nerror: .egress[0].protocols: at most 25 entries, has 26\n");
  EXPECT_EQ(decode("egress: [{action: Accept, to: [{networks: " + repeated("10.0.0.0/8", 26) + "}]}]"),
            "error: .egress[0].to[0].networks: at most 25 entries, has 26\n");
  const std::string name(101, 'n');
  EXPECT_EQ(
      decode("egress: [{name: " + name + ", action: Pass, " TO_ALL "}]"),
      "egress 1: Pass (not understood) [name=" + name + "]\nerror: .egress[0].name: at most 100 characters, has 101\n");
}

// ---- v1alpha1 -------------------------------------------------------------------------------------------------------

class AdminRules : public testing::TestWithParam<Row> {};

TEST_P(AdminRules, Mean) {
  EXPECT_EQ(decode_rules("v1alpha1", "AdminNetworkPolicy", "priority: 1, ", GetParam().text),
            std::string(GetParam().expected) + "\n");
}

#define PORTS(list) "egress: [{action: Allow, " TO_ALL ", ports: " list "}]"
#define AT_PORTS "error: .egress[0].ports"

INSTANTIATE_TEST_SUITE_P(
    Rules, AdminRules,
    testing::Values(
        Row{"Ports",
            PORTS("[{portNumber: {port: 80}}, {portNumber: {protocol: UDP, port: 53}}, {portRange: {start: 81, end: "
                  "90}}, {portRange: {protocol: SCTP, start: 5, end: 5}}, {namedPort: web}]"),
            "egress 1: Allow tcp to {" EVERY_POD "; ports 80-90}\negress 1: Allow udp to {" EVERY_POD
            "; ports 53}\negress 1: Allow sctp to {" EVERY_POD "; ports 5}\negress 1: Allow to {" EVERY_POD
            "; ports web}"},
        Row{"Peers", "egress: [{name: n, action: Pass, to: [{nodes: {}}, {networks: [10.0.0.0/8]}]}]",
            "egress 1: Pass to {nodes all()} [name=n]\negress 1: Pass to {nets 10.0.0.0/8} [name=n]"},
        Row{"ActionOfTheNewVersion", "egress: [{action: Accept, " TO_ALL "}]",
            "egress 1: Deny (not understood)\nerror: .egress[0].action: must be Allow, Deny, Pass, but is \"Accept\""},
        Row{"DomainNames", "egress: [{action: Deny, to: [{domainNames: [a.b]}]}]",
            "egress 1: Deny (not understood)\nerror: .egress[0].to[0].domainNames: domainNames are not supported: "
            "names "
            "are not resolved, so as a peer they allow nothing, and a rule that denies or passes with them denies "
            "everything"},
        Row{"BadPorts",
            PORTS("[{}, {portNumber: {}}, {portNumber: {protocol: ICMP, port: 1}}, {portRange: {start: 9, end: 8}}, "
                  "{namedPort: web, portNumber: {port: 1}}, {port: 80}]"),
            AT_PORTS "[0]: needs one of portNumber, portRange, namedPort\n" AT_PORTS
                     "[1].portNumber.port: required\n" AT_PORTS
                     "[2].portNumber.protocol: must be TCP, UDP, SCTP, but is \"ICMP\"\n" AT_PORTS
                     "[3].portRange.end: must be at least start, which is 9, but is 8\n" AT_PORTS
                     "[4]: takes only one of portNumber, namedPort\n" AT_PORTS "[5].port: unknown field"},
        Row{"NamedPortsBesideNodes", "egress: [{action: Allow, to: [{nodes: {}}], ports: [{namedPort: web}]}]",
            "egress 1: Allow (not understood)\nerror: .egress[0]: namedPort needs peers that are pods: nodes and "
            "networks have no named ports"}),
    [](const testing::TestParamInfo<Row>& row) { return std::string(row.param.name); });

TEST(AdminPolicy, StandsInTheAdminTierByItsPriority) {
  EXPECT_EQ(
      decode_spec("v1alpha1", "AdminNetworkPolicy",
                  "{priority: 55, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}"),
      "KubernetesAdminNetworkPolicy default, tier kube-admin, order 55, ingress on " EVERY_POD
      "\ningress 1: Deny from " ALL "\n");
  EXPECT_EQ(decode_spec("v1alpha1", "AdminNetworkPolicy", "{tier: Admin, priority: 1, subject: {namespaces: {}}}"),
            "KubernetesAdminNetworkPolicy default, tier kube-admin, order 1, on " EVERY_POD
            "\nerror: .tier: unknown field\n");
}

TEST(AdminPolicy, TakesAHundredOfEverything) {
  const auto decode = [](int rules) {
    return decode_rules("v1alpha1", "AdminNetworkPolicy", "priority: 1, ",
                        "egress: " + repeated("{action: Allow, " TO_ALL "}", rules));
  };
  EXPECT_EQ(decode(100).find("error"), std::string::npos);
  EXPECT_NE(decode(101).find("error: .egress: at most 100 rules, has 101\n"), std::string::npos);
}

TEST(BaselineAdminPolicy, IsTheOnlyOneAndDoesNotPass) {
  const auto decode = [](const std::string& spec) {
    return decode_spec("v1alpha1", "BaselineAdminNetworkPolicy", spec);
  };
#define BASELINE "KubernetesBaselineAdminNetworkPolicy default, tier kube-baseline, order 1000,"
  EXPECT_EQ(decode("{subject: {namespaces: {}}, ingress: [{action: Allow, from: [{namespaces: {}}]}]}"),
            BASELINE " ingress on " EVERY_POD "\ningress 1: Allow from " ALL "\n");
  EXPECT_EQ(decode("{subject: {namespaces: {}}, egress: [{action: Pass, " TO_ALL "}]}"),
            BASELINE " egress on " EVERY_POD
                     "\negress 1: Deny (not understood)\n"
                     "error: .egress[0].action: must be Allow, Deny, but is \"Pass\"\n");
  EXPECT_EQ(decode("{priority: 1, subject: {namespaces: {}}}"),
            BASELINE " on " EVERY_POD "\nerror: .priority: unknown field\n");
  EXPECT_EQ(decode("{subject: {namespaces: {}}, egress: [{action: Allow, to: [{domainNames: [a.b]}]}]}"),
            BASELINE " egress on " EVERY_POD "\nerror: .egress[0].to[0].domainNames: unknown field\n");
  EXPECT_EQ(
      decode_one("apiVersion: policy.networking.k8s.io/v1alpha1\nkind: BaselineAdminNetworkPolicy\n"
                 "metadata: {name: second}\n"
                 "spec: {subject: {namespaces: {}}, ingress: [{action: Allow, from: [{namespaces: {}}]}]}\n"),
      "KubernetesBaselineAdminNetworkPolicy second, tier kube-baseline, order 1000, ingress on " EVERY_POD
      "\ningress 1: Allow (not understood)\n"
      "f:3: error: BaselineAdminNetworkPolicy second: metadata.name: must be \"default\": there is only one policy "
      "of this kind\n");
}

}  // namespace
}  // namespace tierwall::daemon
