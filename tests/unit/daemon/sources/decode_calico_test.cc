#include "daemon/sources/decode_calico.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/daemon/sources/summary.h"

namespace tierwall::daemon {
namespace {

std::string object(const std::string& kind, const std::string& metadata, const std::string& spec) {
  return "apiVersion: projectcalico.org/v3\nkind: " + kind + "\nmetadata: {" + metadata + "}\nspec: " + spec + "\n";
}

struct Row {
  const char* name;
  const char* kind;
  const char* metadata;
  const char* spec;
  const char* expected;
};

class DecodeCalico : public testing::TestWithParam<Row> {};

TEST_P(DecodeCalico, Means) {
  const Row& row = GetParam();
  EXPECT_EQ(decode_one(object(row.kind, row.metadata, row.spec)), std::string(row.expected) + "\n");
}

constexpr const char* kGlobal = "GlobalNetworkPolicy";
constexpr const char* kNamespaced = "NetworkPolicy";

INSTANTIATE_TEST_SUITE_P(
    Policies, DecodeCalico,
    testing::Values(
        Row{"Empty", kGlobal, "name: p", "{}", "GlobalNetworkPolicy p, tier default, order none, ingress on all()"},
        Row{"Full", kGlobal, "name: p",
            "{tier: t, order: 1.5, selector: has(a), namespaceSelector: n == 'm', serviceAccountSelector: has(s), "
            "types: "
            "[Egress], performanceHints: [AssumeNeededOnEveryNode], egress: [{action: Deny}]}",
            "GlobalNetworkPolicy p, tier t, order 1.5, egress on (has(a) && pcns.n == \"m\" && has(pcsa.s))\n"
            "egress 1: Deny"},
        Row{"EveryPod", kGlobal, "name: p", "{namespaceSelector: all()}",
            "GlobalNetworkPolicy p, tier default, order none, ingress on has(projectcalico.org/namespace)"},
        Row{"EveryServiceAccount", kGlobal, "name: p", "{serviceAccountSelector: all(), namespaceSelector: ''}",
            "GlobalNetworkPolicy p, tier default, order none, ingress on has(projectcalico.org/serviceaccount)"},
        Row{"InNamespace", kNamespaced, "name: p, namespace: a", "{selector: has(x) || has(y)}",
            "NetworkPolicy a/p, tier default, order none, ingress on ((has(x) || has(y)) && "
            "projectcalico.org/namespace "
            "== \"a\")"},
        // types, where absent: by the rules that are written.
        Row{"OnlyIngress", kGlobal, "name: p", "{ingress: [{action: Allow}]}",
            "GlobalNetworkPolicy p, tier default, order none, ingress on all()\ningress 1: Allow"},
        Row{"OnlyEgress", kGlobal, "name: p", "{egress: [{action: Allow}]}",
            "GlobalNetworkPolicy p, tier default, order none, egress on all()\negress 1: Allow"},
        Row{"Both", kGlobal, "name: p", "{egress: [{action: Allow}], ingress: [{action: Pass}]}",
            "GlobalNetworkPolicy p, tier default, order none, ingress egress on all()\ningress 1: Pass\negress 1: "
            "Allow"},
        Row{"EmptyEgress", kGlobal, "name: p", "{egress: [], types: []}",
            "GlobalNetworkPolicy p, tier default, order none, ingress on all()"},
        Row{"TypesWin", kGlobal, "name: p", "{types: [Ingress], egress: [{action: Allow}]}",
            "GlobalNetworkPolicy p, tier default, order none, ingress on all()"},
        // Other kinds.
        Row{"Tier", "Tier", "name: security", "{order: 100, defaultAction: Pass}", "Tier security, order 100, Pass"},
        Row{"BareTier", "Tier", "name: security", "{}", "Tier security, order none, Deny"},
        Row{"PinnedTier", "Tier", "name: kube-admin", "{order: 1000}", "Tier kube-admin, order 1000, Pass"},
        Row{"NetworkSet", "NetworkSet", "name: s, namespace: a, labels: {k: v}",
            "{nets: [10.0.0.1, 10.1.2.3/16, 'fd00::/8']}", "NetworkSet a/s [k=v] 10.0.0.1,10.1.0.0/16,fd00::/8"},
        Row{"GlobalNetworkSet", "GlobalNetworkSet", "name: s", "{}", "NetworkSet /s [] "},
        Row{"Profile", "Profile", "name: kns.a", "{ingress: [{action: Allow}], labelsToApply: {a: b}}",
            "Profile kns.a [a=b]\ningress 1: Allow"},
        Row{"ProfileRulesHaveDirections", "Profile", "name: x",
            "{ingress: [{action: Allow, source: {services: {name: s, namespace: a}}}], egress: [{action: Deny, "
            "destination: {services: {name: s, namespace: a}}}]}",
            "Profile x []\ningress 1: Allow from {service a/s}\negress 1: Deny to {service a/s}"}),
    [](const testing::TestParamInfo<Row>& row) { return std::string(row.param.name); });

#define ERROR(line, object) "\nf:" line ": error: " object ": "

INSTANTIATE_TEST_SUITE_P(
    BadObjects, DecodeCalico,
    testing::Values(
        Row{"UnknownFieldClosesAllows", kGlobal, "name: p",
            "{order: 1, oder: 2, ingress: [{action: Allow}, {action: Deny}, {action: Log}]}",
            "GlobalNetworkPolicy p, tier default, order 1, ingress on all()\n"
            "ingress 1: Allow (not understood)\ningress 2: Deny\ningress 3: Log" ERROR(
                "4", "GlobalNetworkPolicy p") "spec.oder: unknown field; did you mean order?"},
        Row{"WrongTypeOfOrder", kGlobal, "name: p", "{order: '1', ingress: [{action: Allow}]}",
            "GlobalNetworkPolicy p, tier default, order none, ingress on all()\n"
            "ingress 1: Allow (not understood)" ERROR(
                "4", "GlobalNetworkPolicy p") "spec.order: must be a number, but is the text \"1\""},
        Row{"BadRuleClosesOnlyItself", kGlobal, "name: p",
            "{ingress: [{action: Allow}, {action: Alow}, {action: Pass}]}",
            "GlobalNetworkPolicy p, tier default, order none, ingress on all()\n"
            "ingress 1: Allow\ningress 2: Deny (not understood)\ningress 3: Pass" ERROR(
                "4",
                "GlobalNetworkPolicy p") "spec.ingress[1].action: must be Allow, Deny, Log, Pass, but is \"Alow\"; did "
                                         "you mean Allow?"},
        Row{"RulesAreNoList", kGlobal, "name: p", "{egress: {action: Allow}, ingress: [{action: Allow}]}",
            "GlobalNetworkPolicy p, tier default, order none, ingress egress on all()\n"
            "ingress 1: Allow (not understood)\negress 1: Deny (not understood)" ERROR(
                "4", "GlobalNetworkPolicy p") "spec.egress: must be a list, but is an object"},
        Row{"BadType", kGlobal, "name: p", "{types: [ingress]}",
            "GlobalNetworkPolicy p, tier default, order none, ingress egress on all()" ERROR(
                "4",
                "GlobalNetworkPolicy p") "spec.types[0]: must be Ingress, Egress, but is \"ingress\"; did you mean "
                                         "Ingress?"},
        Row{"GlobalSubject", kGlobal, "name: p", "{namespaceSelector: global()}",
            "nothing of GlobalNetworkPolicy p" ERROR(
                "4",
                "GlobalNetworkPolicy p") "spec.namespaceSelector: global() is possible in the namespaceSelector of a "
                                         "rule only"},
        Row{"NoNamespaceSelectorInNamespaces", kNamespaced, "name: p, namespace: a", "{namespaceSelector: all()}",
            "NetworkPolicy a/p, tier default, order none, ingress on projectcalico.org/namespace == \"a\"" ERROR(
                "4", "NetworkPolicy a/p") "spec.namespaceSelector: unknown field"},
        Row{"HostEndpointPolicy", kGlobal, "name: p", "{preDNAT: true, doNotTrack: true}",
            "nothing of GlobalNetworkPolicy p" ERROR(
                "4", "GlobalNetworkPolicy p") "spec: doNotTrack and preDNAT exclude each other"},
        Row{"PreDnatJudgesIngressOnly", kGlobal, "name: p",
            "{preDNAT: true, applyOnForward: true, egress: [{action: Deny}]}",
            "GlobalNetworkPolicy p, tier default, order none, ingress on all(), preDNAT, applyOnForward" ERROR(
                "4", "GlobalNetworkPolicy p") "spec: a preDNAT policy judges what comes in: it has no egress rules and "
                                              "not the type Egress"},
        Row{"UntrackedSeesForwardedToo", kGlobal, "name: p", "{doNotTrack: true}",
            "GlobalNetworkPolicy p, tier default, order none, ingress on all(), doNotTrack, applyOnForward" ERROR(
                "4", "GlobalNetworkPolicy p") "spec: doNotTrack and preDNAT policies see forwarded traffic too: "
                                              "applyOnForward must be true"},
        Row{"PolicyName", kGlobal, "name: a.b.c", "{}",
            "GlobalNetworkPolicy a.b.c, tier default, order none, ingress on all()" ERROR(
                "1", "GlobalNetworkPolicy a.b.c") "\"a.b.c\" is no valid policy name: one or two parts of at most 63 "
                                                  "of a-z, "
                                                  "0-9 and '-'"},
        Row{"SpecIsText", kGlobal, "name: p", "x",
            "nothing of GlobalNetworkPolicy p" ERROR(
                "4", "GlobalNetworkPolicy p") "spec: must be an object, but is the text "
                                              "\"x\""},
        Row{"PinnedTierContradicted", "Tier", "name: default", "{order: 5}",
            "Tier default, order 1000000, Deny" ERROR(
                "1", "Tier default") "tier default always has order 1000000 and defaultAction Deny"},
        Row{"TierAction", "Tier", "name: t", "{defaultAction: Allow}",
            "Tier t, order none, Deny" ERROR("4", "Tier t") "spec.defaultAction: must be Deny, Pass, but is \"Allow\""},
        Row{"SetMember", "GlobalNetworkSet", "name: s", "{nets: [10.0.0.0/8, 10.0.0.0/33]}",
            "NetworkSet /s [] 10.0.0.0/8" ERROR(
                "4", "GlobalNetworkSet s") "spec.nets[1]: '10.0.0.0/33' has no prefix length "
                                           "from 0 to 32"},
        Row{"SetLabel", "GlobalNetworkSet", "name: s, labels: {projectcalico.org/namespace: a}", "{}",
            "NetworkSet /s [] " ERROR("1",
                                      "GlobalNetworkSet s") "the label projectcalico.org/namespace belongs to Calico "
                                                            "and cannot be written"}),
    [](const testing::TestParamInfo<Row>& row) { return std::string(row.param.name); });

TEST(BadSubject, LeavesNothingOfThePolicy) {
  const std::string summary =
      decode_one(object(kNamespaced, "name: p, namespace: a", "{selector: \"a == 'b') || (c == 'd'\"}"));
  EXPECT_TRUE(
      summary.starts_with("nothing of NetworkPolicy a/p\nf:4: error: NetworkPolicy a/p: spec.selector: column "))
      << summary;
}

/// As Calico stores it: the user's metadata as JSON in an annotation.
std::string stored(const std::string& kind, const std::string& metadata, const std::string& annotation) {
  return "apiVersion: crd.projectcalico.org/v1\nkind: " + kind + "\nmetadata:\n  " + metadata +
         (annotation.empty() ? "" : "\n  annotations:\n    projectcalico.org/metadata: '" + annotation + "'") +
         "\nspec: {}\n";
}

TEST(StoredObjects, TakeNameAndLabelsFromTheAnnotation) {
  EXPECT_EQ(decode_one(stored("GlobalNetworkSet", "name: s\n  labels: {a: own, b: own}",
                              R"({"labels":{"b":"user","c":"user"},"uid":"x"})")),
            "NetworkSet /s [a=own,b=user,c=user] \n");
  EXPECT_EQ(decode_one(stored("GlobalNetworkPolicy", "name: default.p", R"({"name":"default.p"})")),
            "GlobalNetworkPolicy default.p, tier default, order none, ingress on all()\n");
}

TEST(StoredObjects, LoseTheTierPrefixWithoutAnAnnotation) {
  EXPECT_EQ(decode_one(stored("GlobalNetworkPolicy", "name: default.p", "")),
            "GlobalNetworkPolicy p, tier default, order none, ingress on all()\n");
  EXPECT_EQ(decode_one(stored("NetworkPolicy", "name: default.p\n  namespace: a", "{}")),
            "NetworkPolicy a/p, tier default, order none, ingress on projectcalico.org/namespace == \"a\"\n");
  EXPECT_EQ(decode_one(stored("StagedGlobalNetworkPolicy", "name: default.p", "")),
            "StagedGlobalNetworkPolicy p, staged, tier default, order none, ingress on all()\n");
  EXPECT_EQ(decode_one(stored("StagedNetworkPolicy", "name: default.p\n  namespace: a", "{}")),
            "StagedNetworkPolicy a/p, staged, tier default, order none, ingress on projectcalico.org/namespace == "
            "\"a\"\n");
  EXPECT_EQ(decode_one(stored("GlobalNetworkSet", "name: default.s", "")), "NetworkSet /default.s [] \n");
}

TEST(StoredObjects, WithAnUnreadableAnnotationAreNoKnownObject) {
  const DecodedManifest manifest = decode_manifest(stored("GlobalNetworkPolicy", "name: p", "{"), "f");
  EXPECT_TRUE(manifest.objects.empty());
  EXPECT_FALSE(manifest.complete);
  ASSERT_EQ(manifest.problems.size(), 1u);
  EXPECT_EQ(policy::print_diagnostic(manifest.problems[0]),
            "f:6: error: GlobalNetworkPolicy p: metadata.annotations[\"projectcalico.org/metadata\"]: is not the JSON "
            "object Calico stores there");
}

}  // namespace
}  // namespace tierwall::daemon
