#include "daemon/sources/decode_manifest.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>
#include <string>

#include "daemon/sources/load_world.h"
#include "tests/unit/daemon/sources/summary.h"

namespace tierwall::daemon {
namespace {

using Lines = std::map<int, std::multiset<std::string>>;

/// What the comments of a text say must be reported, by line.
Lines expected_lines(const std::string& text) {
  Lines lines;
  std::istringstream input(text);
  int number = 0;
  for (std::string line; std::getline(input, line);) {
    ++number;
    const std::size_t mark = line.find("  #! ");
    if (mark == std::string::npos) continue;
    std::string rest = line.substr(mark + 5);
    for (std::size_t bar; (bar = rest.find(" | ")) != std::string::npos; rest.erase(0, bar + 3))
      lines[number].insert(rest.substr(0, bar));
    lines[number].insert(rest);
  }
  return lines;
}

Lines reported_lines(const DecodedManifest& manifest) {
  Lines lines;
  const auto add = [&lines](const policy::Diagnostic& problem) {
    lines[problem.where.line].insert(problem.field + ": " + problem.message);
  };
  for (const policy::Diagnostic& problem : manifest.problems) add(problem);
  for (const DecodedObject& object : manifest.objects) {
    for (const policy::Diagnostic& problem : object.problems) add(problem);
  }
  return lines;
}

TEST(BadInput, EveryMistakeIsReportedAtItsLineInOneGo) {
  const auto text = read_file(std::string(TIERWALL_SOURCE_DIR) + "/tests/unit/daemon/sources/bad_input.yaml");
  ASSERT_TRUE(text);
  const DecodedManifest manifest = decode_manifest(*text, "f");
  const Lines expected = expected_lines(*text), reported = reported_lines(manifest);
  for (const auto& [line, messages] : expected)
    EXPECT_EQ(reported.count(line) > 0 ? reported.at(line) : std::multiset<std::string>{}, messages) << "line " << line;
  for (const auto& [line, messages] : reported)
    EXPECT_GT(expected.count(line), 0u) << "line " << line << ": " << *messages.begin();
  EXPECT_FALSE(manifest.readable);
  EXPECT_EQ(manifest.objects.back().key, (policy::ResourceKey{policy::Kind::Namespace, "", "dev-app"}));
  EXPECT_TRUE(manifest.objects.back().problems.empty());
}

TEST(Lists, HoldObjects) {
  EXPECT_EQ(decode_one(R"({"apiVersion": "v1", "kind": "List", "items": [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}},
    {"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "b"}}]},
    {"kind": "Namespace", "metadata": {"name": "c"}}]})"),
            "f:4: error: apiVersion: required\n"
            "Namespace a [kubernetes.io/metadata.name=a]\nNamespace b [kubernetes.io/metadata.name=b]\n");
}

TEST(Lists, OfOneKindLendItToTheirItems) {
  const DecodedManifest manifest = decode_manifest(
      "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicyList\nitems:\n- metadata: {name: p, namespace: a}\n"
      "  spec: {}\n- metadata: {name: q, namespace: a}\n  spec: {}\n",
      "f");
  ASSERT_EQ(manifest.objects.size(), 2u);
  EXPECT_EQ(manifest.objects[1].object, "NetworkPolicy a/q");
  EXPECT_EQ(manifest.objects[1].where, (policy::Location{"f", 6, 3}));
  EXPECT_TRUE(manifest.objects[1].problems.empty());
}

TEST(SkippedKinds, AMisspeltKindIsAnErrorAndTheFileIsNotComplete) {
  const DecodedManifest manifest = decode_manifest(
      "{apiVersion: networking.k8s.io/v1, kind: NetworkPolciy, metadata: {name: d, namespace: a}}", "f");
  ASSERT_EQ(manifest.problems.size(), 1u);
  EXPECT_EQ(policy::print_diagnostic(manifest.problems[0]),
            "f:1: error: NetworkPolciy a/d: kind NetworkPolciy of networking.k8s.io/v1 is not known; did you mean "
            "NetworkPolicy?");
  EXPECT_FALSE(manifest.complete);
  EXPECT_TRUE(manifest.readable);
}

TEST(SkippedKinds, AreWarnedOfOnceEach) {
  EXPECT_EQ(decode_problems("{apiVersion: v1, kind: Endpoints, metadata: {name: s, namespace: a}}"),
            "f:1: warning: Endpoints a/s: kind Endpoints is not read and was skipped: EndpointSlice of "
            "discovery.k8s.io/v1 is\n");
  EXPECT_EQ(decode_problems("{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: a}}"),
            "f:1: warning: Deployment a/d: kind Deployment of apps/v1 is not known and was skipped\n");
  EXPECT_EQ(
      decode_problems("{apiVersion: extensions/v1beta1, kind: NetworkPolicy, metadata: {name: d, namespace: a}}"),
      "f:1: warning: NetworkPolicy a/d: kind NetworkPolicy of extensions/v1beta1 is not known and was skipped; did "
      "you mean networking.k8s.io/v1 or projectcalico.org/v3?\n");
  EXPECT_EQ(decode_problems("{apiVersion: policy.networking.k8s.io/v1alpha1, kind: ClusterNetworkPolicy}"),
            "f:1: warning: ClusterNetworkPolicy: kind ClusterNetworkPolicy of policy.networking.k8s.io/v1alpha1 is not "
            "known and was skipped; did you mean policy.networking.k8s.io/v1alpha2?\n");
}

TEST(SkippedKinds, OrdinaryObjectsOfAClusterAreNoMisspeltOnes) {
  const char* const rows[][2] = {{"v1", "Secret"},
                                 {"v1", "ConfigMap"},
                                 {"v1", "Event"},
                                 {"v1", "PersistentVolume"},
                                 {"v1", "PodTemplate"},
                                 {"v1", "ReplicationController"},
                                 {"networking.k8s.io/v1", "Ingress"},
                                 {"networking.k8s.io/v1", "ServiceCIDR"},
                                 {"projectcalico.org/v3", "IPPool"},
                                 {"projectcalico.org/v3", "BGPFilter"},
                                 {"projectcalico.org/v3", "FelixConfiguration"},
                                 {"projectcalico.org/v3", "ClusterInformation"}};
  for (const auto& row : rows) {
    const std::string kind = row[1];
    const DecodedManifest manifest =
        decode_manifest("{apiVersion: " + std::string(row[0]) + ", kind: " + kind + "}", "f");
    EXPECT_TRUE(manifest.complete) << kind;
    ASSERT_EQ(manifest.problems.size(), 1u) << kind;
    EXPECT_EQ(manifest.problems[0].severity, policy::Severity::Warning) << kind;
  }
}

TEST(Kinds, AreFoundInEveryGroupThatHasThem) {
  struct {
    const char* api_version;
    const char* kind;
    policy::Kind decoded;
  } const rows[] = {
      {"v1", "Node", policy::Kind::Node},
      {"v1", "Service", policy::Kind::Service},
      {"discovery.k8s.io/v1", "EndpointSlice", policy::Kind::EndpointSlice},
      {"networking.k8s.io/v1", "NetworkPolicy", policy::Kind::KubernetesNetworkPolicy},
      {"policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy", policy::Kind::KubernetesClusterNetworkPolicy},
      {"policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy", policy::Kind::KubernetesAdminNetworkPolicy},
      {"policy.networking.k8s.io/v1alpha1", "BaselineAdminNetworkPolicy",
       policy::Kind::KubernetesBaselineAdminNetworkPolicy},
      {"projectcalico.org/v3", "NetworkPolicy", policy::Kind::NetworkPolicy},
      {"projectcalico.org/v3", "StagedGlobalNetworkPolicy", policy::Kind::StagedGlobalNetworkPolicy},
      {"crd.projectcalico.org/v1", "StagedNetworkPolicy", policy::Kind::StagedNetworkPolicy},
      {"crd.projectcalico.org/v1", "StagedKubernetesNetworkPolicy", policy::Kind::StagedKubernetesNetworkPolicy},
  };
  for (const auto& row : rows) {
    const std::string ns = policy::is_namespaced(row.decoded) ? ", namespace: a" : "";
    const DecodedManifest manifest =
        decode_manifest(std::string("{apiVersion: ") + row.api_version + ", kind: " + row.kind +
                            ", metadata: {name: default" + ns + "}}",
                        "f");
    ASSERT_EQ(manifest.objects.size(), 1u) << row.kind;
    EXPECT_EQ(manifest.objects[0].key, (policy::ResourceKey{row.decoded, ns.empty() ? "" : "a", "default"}));
    EXPECT_EQ(manifest.objects[0].object, std::string(row.kind) + (ns.empty() ? " default" : " a/default"));
  }
}

TEST(Completeness, EndsWhereAnObjectCannotBeTold) {
  struct {
    const char* text;
    bool readable;
    bool complete;
  } const rows[] = {
      {"{apiVersion: v1, kind: Namespace, metadata: {name: a}}", true, true},
      {"{apiVersion: apps/v1, kind: Deployment}", true, true},
      {"{apiVersion: v1, kind: Namespace, metadata: {}}", true, false},
      {"{apiVersion: v1, kind: Pod, metadata: {name: a}}", true, false},
      {"{kind: Pod, metadata: {name: a}}", true, false},
      {"text", true, false},
      {"{", false, false},
  };
  for (const auto& row : rows) {
    const DecodedManifest manifest = decode_manifest(row.text, "f");
    EXPECT_EQ(manifest.readable, row.readable) << row.text;
    EXPECT_EQ(manifest.complete, row.complete) << row.text;
  }
}

TEST(Findings, AreBoundedPerObject) {
  std::string nets;
  for (int i = 0; i < 5000; ++i) nets += i == 0 ? "x" : ",x";
  const DecodedManifest manifest = decode_manifest(
      "{apiVersion: projectcalico.org/v3, kind: GlobalNetworkSet, metadata: {name: s}, spec: {nets: [" + nets + "]}}",
      "f");
  ASSERT_EQ(manifest.objects.size(), 1u);
  ASSERT_EQ(manifest.objects[0].problems.size(), 1001u);
  EXPECT_EQ(manifest.objects[0].problems.back().message, "4000 further problems are not listed");
}

}  // namespace
}  // namespace tierwall::daemon
