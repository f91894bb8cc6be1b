// HostEndpoint as it is written and as it is stored (calico.md 1.4).

#include <gtest/gtest.h>

#include "daemon/sources/decode_manifest.h"
#include "policy/diagnostic.h"

namespace tierwall::daemon {
namespace {

DecodedManifest decode(const std::string& spec) {
  return decode_manifest(
      "{apiVersion: projectcalico.org/v3, kind: HostEndpoint, metadata: {name: ep, labels: {role: edge}}, spec: " +
          spec + "}",
      "f");
}

std::string problem_of(const std::string& spec) {
  const DecodedManifest manifest = decode(spec);
  if (manifest.objects.empty() || manifest.objects[0].problems.empty()) return "";
  return policy::print_diagnostic(manifest.objects[0].problems.front());
}

TEST(DecodeHostEndpoint, ReadsEveryField) {
  const DecodedManifest manifest = decode(
      "{node: node-1, interfaceName: bond0.100@x, expectedIPs: [192.0.2.2, 192.0.2.1, 192.0.2.2, 'fd00::1'], profiles: "
      "[a, "
      "b, a], ports: [{name: api, protocol: TCP, port: 6443}]}");
  ASSERT_EQ(manifest.objects.size(), 1u);
  EXPECT_TRUE(manifest.objects[0].problems.empty());
  const policy::HostEndpoint expected{
      .name = "ep",
      .labels = {{"role", "edge"}},
      .node = "node-1",
      .interface_name = "bond0.100@x",
      .expected_addresses = {*policy::parse_address("192.0.2.1"), *policy::parse_address("192.0.2.2"),
                             *policy::parse_address("fd00::1")},
      .profiles = {"a", "b"},
      .ports = {{"api", policy::kTcp, 6443}}};
  EXPECT_EQ(manifest.objects[0].resource, policy::Resource(expected));
}

TEST(DecodeHostEndpoint, SaysWhatIsWrong) {
  const struct {
    const char* spec;
    const char* problem;
  } rows[] = {
      {"{interfaceName: eth0}", "spec.node is missing: a host endpoint belongs to a node"},
      {"{node: n}", "spec needs interfaceName or expectedIPs"},
      {"{node: n, interfaceName: a-name-that-is-too-long}",
       "spec.interfaceName: \"a-name-that-is-too-long\" is no interface name: '*', or at most 15 of a-z, A-Z, 0-9 and "
       "_.-@:"},
      {"{node: n, interfaceName: 'eth0/1'}",
       "spec.interfaceName: \"eth0/1\" is no interface name: '*', or at most 15 of a-z, A-Z, 0-9 and _.-@:"},
      {"{node: n, expectedIPs: [192.0.2.0/24]}", "spec.expectedIPs[0]: "},
      {"{node: n, interfaceName: eth0, ports: [{name: api, port: 1}]}", "spec.ports[0]: needs name, protocol and port"},
      {"{node: n, interfaceName: eth0, interface: eth0}", "spec.interface: unknown field"},
  };
  for (const auto& row : rows) {
    EXPECT_NE(problem_of(row.spec).find(row.problem), std::string::npos) << row.spec << "\n" << problem_of(row.spec);
  }
}

}  // namespace
}  // namespace tierwall::daemon
