#include "daemon/sources/decode_staged.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/daemon/sources/summary.h"

namespace tierwall::daemon {
namespace {

struct Row {
  const char* name;
  const char* kind;
  const char* spec;
  const char* expected;
};

class DecodeStaged : public testing::TestWithParam<Row> {};

TEST_P(DecodeStaged, Means) {
  const std::string kind = GetParam().kind;
  const std::string metadata = kind == "StagedGlobalNetworkPolicy" ? "{name: p}" : "{name: p, namespace: a}";
  EXPECT_EQ(decode_one("apiVersion: projectcalico.org/v3\nkind: " + kind + "\nmetadata: " + metadata +
                       "\nspec: " + GetParam().spec + "\n"),
            std::string(GetParam().expected) + "\n");
}

constexpr const char* kGlobal = "StagedGlobalNetworkPolicy";
constexpr const char* kNamespaced = "StagedNetworkPolicy";
constexpr const char* kKubernetes = "StagedKubernetesNetworkPolicy";

#define PODS "(projectcalico.org/orchestrator == \"k8s\" && "
#define IN_A "projectcalico.org/namespace == \"a\""

INSTANTIATE_TEST_SUITE_P(
    Policies, DecodeStaged,
    testing::Values(
        Row{"SetIsTheDefault", kGlobal, "{tier: t, order: 5, selector: has(a), ingress: [{action: Deny}]}",
            "StagedGlobalNetworkPolicy p, staged, tier t, order 5, ingress on has(a)\ningress 1: Deny"},
        Row{"GlobalTakesWhatTheEnforcedKindTakes", kGlobal,
            "{stagedAction: Set, namespaceSelector: all(), serviceAccountSelector: has(s), types: [Egress]}",
            "StagedGlobalNetworkPolicy p, staged, tier default, order none, egress on "
            "(has(projectcalico.org/namespace) && has(pcsa.s))"},
        Row{"Namespaced", kNamespaced, "{stagedAction: Set, selector: has(a), egress: [{action: Allow}]}",
            "StagedNetworkPolicy a/p, staged, tier default, order none, egress on (has(a) && " IN_A
            ")\negress 1: Allow"},
        Row{"Delete", kNamespaced, "{stagedAction: Delete, tier: t}",
            "StagedNetworkPolicy a/p, staged deletion, tier t, order none, ingress on " IN_A},
        Row{"DeleteWithEmptyFields", kNamespaced,
            "{selector: '', types: [], ingress: [], order: null, stagedAction: Delete}",
            "StagedNetworkPolicy a/p, staged deletion, tier default, order none, ingress on " IN_A},
        Row{"Learn", kNamespaced, "{stagedAction: Learn}",
            "StagedNetworkPolicy a/p, staged, tier default, order none, ingress on " IN_A "\n"
            "f:4: warning: StagedNetworkPolicy a/p: spec.stagedAction: Tierwall treats Learn as Set"},
        Row{"Ignore", kKubernetes, "{stagedAction: Ignore}",
            "StagedKubernetesNetworkPolicy a/p, staged, tier default, order 1000, ingress on " PODS IN_A ")\n"
            "f:4: warning: StagedKubernetesNetworkPolicy a/p: spec.stagedAction: Tierwall treats Ignore as Set"},
        Row{"Kubernetes", kKubernetes,
            "{podSelector: {matchLabels: {b: c}}, ingress: [{from: [{podSelector: {}}], ports: [{port: 80}]}]}",
            "StagedKubernetesNetworkPolicy a/p, staged, tier default, order 1000, ingress on " PODS
            "b == \"c\" && " IN_A ")\ningress 1: Allow tcp from "
            "{" PODS IN_A ")} to {ports 80}"},
        Row{"KubernetesEgressMeansBoth", kKubernetes, "{egress: [{}]}",
            "StagedKubernetesNetworkPolicy a/p, staged, tier default, order 1000, ingress egress on " PODS IN_A
            ")\negress 1: Allow"},
        Row{"KubernetesDelete", kKubernetes, "{stagedAction: Delete, podSelector: {}}",
            "StagedKubernetesNetworkPolicy a/p, staged deletion, tier default, order 1000, ingress on " PODS IN_A ")"}),
    [](const testing::TestParamInfo<Row>& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    BadPolicies, DecodeStaged,
    testing::Values(
        Row{"UnknownActionStaysStaged", kNamespaced, "{stagedAction: delete, ingress: [{action: Allow}]}",
            "StagedNetworkPolicy a/p, staged, tier default, order none, ingress on " IN_A
            "\ningress 1: Allow (not understood)\n"
            "f:4: error: StagedNetworkPolicy a/p: spec.stagedAction: must be Set, Delete, Learn, Ignore, but is "
            "\"delete\"; did you mean Delete?"},
        Row{"DeleteSaysNothingElse", kGlobal,
            "{stagedAction: Delete, tier: t, order: 0, selector: has(a), ingress: [{action: Allow}]}",
            "StagedGlobalNetworkPolicy p, staged deletion, tier t, order 0, ingress on has(a)\n"
            "ingress 1: Allow (not understood)\n"
            "f:4: error: StagedGlobalNetworkPolicy p: spec.order: must be empty, because stagedAction is Delete\n"
            "f:4: error: StagedGlobalNetworkPolicy p: spec.selector: must be empty, because stagedAction is Delete\n"
            "f:4: error: StagedGlobalNetworkPolicy p: spec.ingress: must be empty, because stagedAction is Delete"},
        Row{"KubernetesDeleteSaysNothingElse", kKubernetes, "{stagedAction: Delete, policyTypes: [Egress]}",
            "StagedKubernetesNetworkPolicy a/p, staged deletion, tier default, order 1000, egress on " PODS IN_A
            ")\nf:4: error: StagedKubernetesNetworkPolicy a/p: spec.policyTypes: must be empty, because stagedAction "
            "is Delete"},
        Row{"KubernetesHasNoTier", kKubernetes, "{tier: t}",
            "StagedKubernetesNetworkPolicy a/p, staged, tier default, order 1000, ingress on " PODS IN_A
            ")\nf:4: error: StagedKubernetesNetworkPolicy a/p: spec.tier: unknown field"},
        Row{"BadRule", kNamespaced, "{ingress: [{action: Alow}]}",
            "StagedNetworkPolicy a/p, staged, tier default, order none, ingress on " IN_A
            "\ningress 1: Deny (not understood)\n"
            "f:4: error: StagedNetworkPolicy a/p: spec.ingress[0].action: must be Allow, Deny, Log, Pass, but is "
            "\"Alow\"; did you mean Allow?"}),
    [](const testing::TestParamInfo<Row>& row) { return std::string(row.param.name); });

TEST(StagedActions, BelongToStagedKinds) {
  EXPECT_EQ(decode_problems("apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: p, namespace: a}\n"
                            "spec: {stagedAction: Set}"),
            "f:4: error: NetworkPolicy a/p: spec.stagedAction: unknown field\n");
  EXPECT_EQ(decode_problems("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
                            "metadata: {name: p, namespace: a}\nspec: {stagedAction: Set}"),
            "f:4: error: NetworkPolicy a/p: spec.stagedAction: unknown field\n");
}

}  // namespace
}  // namespace tierwall::daemon
