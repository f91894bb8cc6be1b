// What is different between two worlds, where it is not about the cluster of the golden files.

#include "daemon/ctl/policy_difference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/resolve.h"
#include "tests/vocabulary/world.h"

namespace tierwall::daemon::ctl {
namespace {

using test::World;

std::string tell(const std::string& before, const std::string& after) {
  const World old_world = World::of(before);
  const World new_world = World::of(after);
  const auto resolve = [](const World& world) {
    return policy::resolve(world.snapshot(), policy::Scope{.node = "here"}, policy::TieBreak::Calico332);
  };
  const policy::NodePolicy old_policy = resolve(old_world);
  const policy::NodePolicy new_policy = resolve(new_world);
  return print_difference(compare_worlds({old_world.snapshot(), old_policy}, {new_world.snapshot(), new_policy}),
                          /*color=*/false);
}

std::string global_policy(const std::string& spec) {
  return "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: flood}\nspec: {" + spec + "}\n";
}

std::string host_endpoint(const std::string& labels, const std::string& spec) {
  return "apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata: {name: eth0, labels: {" + labels +
         "}}\nspec: {node: here, " + spec + "}\n";
}

TEST(PolicyDifference, WhenAPolicyJudgesIsTold) {
  EXPECT_EQ(tell(global_policy("selector: a == 'b', types: [Ingress], applyOnForward: true"),
                 global_policy("selector: a == 'b', types: [Ingress], preDNAT: true, applyOnForward: true")),
            "~ GlobalNetworkPolicy flood\n"
            "    stage none -> preDNAT\n"
            "    applyOnForward true -> none\n"
            "    selects nothing here\n");
}

TEST(PolicyDifference, WhatAHostEndpointStandsForIsTold) {
  EXPECT_EQ(tell(host_endpoint("zone: dmz", "interfaceName: eth0"),
                 host_endpoint("zone: lan", "interfaceName: eth1, expectedIPs: [192.0.2.1], profiles: [open]")),
            "~ HostEndpoint eth0\n"
            "    interface eth0 -> eth1\n"
            "    expectedIPs none -> 192.0.2.1\n"
            "    profiles none -> open\n"
            "    labels zone=dmz -> zone=lan\n");
}

}  // namespace
}  // namespace tierwall::daemon::ctl
