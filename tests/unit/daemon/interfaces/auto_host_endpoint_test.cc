#include "daemon/sources/auto_host_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/resolve.h"
#include "tests/vocabulary/world.h"

namespace tierwall::daemon {
namespace {

using test::World;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Change = policy::ResourceEvent::Change;

constexpr const char* kNode = R"(
apiVersion: v1
kind: Node
metadata: {name: node-1, labels: {role: edge}}
status: {addresses: [{type: InternalIP, address: 192.0.2.1}, {type: InternalIP, address: "2001:db8::1"}]}
)";

policy::NetworkInterface interface(const char* name, std::vector<const char*> addresses) {
  policy::NetworkInterface device{.name = name};
  for (const char* text : addresses) device.addresses.push_back(*policy::parse_address(text));
  return device;
}

std::vector<std::string> expected_addresses(const policy::Snapshot& world) {
  std::vector<std::string> lines;
  for (const policy::Address& address : make_auto_host_endpoint(world, "node-1").expected_addresses) {
    lines.push_back(policy::print_address(address));
  }
  return lines;
}

TEST(AutoHostEndpoint, IsAsCalicosControllersWouldMakeIt) {
  const World world = World::of(kNode);
  const policy::HostEndpoint endpoint = make_auto_host_endpoint(world.snapshot(), "node-1");
  EXPECT_EQ(endpoint.name, "node-1-auto-hep");
  EXPECT_EQ(endpoint.node, "node-1");
  EXPECT_EQ(endpoint.interface_name, "*");
  EXPECT_EQ(endpoint.labels, (policy::Labels{{"projectcalico.org/created-by", "tierwalld"}, {"role", "edge"}}));
  EXPECT_THAT(endpoint.profiles, ElementsAre("projectcalico-default-allow"));
  EXPECT_THAT(expected_addresses(world.snapshot()), ElementsAre("192.0.2.1", "2001:db8::1"));
}

TEST(AutoHostEndpoint, WithoutANodeObjectItsInterfacesSayWhichAddressesTheNodeHas) {
  policy::Snapshot world;
  world.put(interface("lo", {"127.0.0.1", "::1"}));
  world.put(interface("eth0", {"169.254.7.7", "192.0.2.7"}));
  world.put(interface("wg0", {"192.0.2.7", "2001:db8::7"}));
  EXPECT_THAT(expected_addresses(world), ElementsAre("192.0.2.7", "2001:db8::7"));
}

TEST(AutoHostEndpoint, ChangesWithTheNodeAndOnlyThen) {
  AutoHostEndpoint source;
  policy::Inventory inventory;
  const auto follow = [&](const std::optional<std::string>& node) {
    const std::vector<policy::ResourceEvent> events = source.follow(inventory.snapshot(), node);
    for (const policy::ResourceEvent& event : events) inventory.apply(event);
    return events;
  };
  EXPECT_THAT(follow(std::nullopt), IsEmpty()) << "switched off";
  EXPECT_THAT(follow("node-1"), SizeIs(1));
  EXPECT_THAT(follow("node-1"), IsEmpty());
  const policy::Node node = World::of(kNode).snapshot().nodes.at("node-1");
  inventory.apply({.source = "kubernetes", .key = policy::key_of(node), .resource = policy::Resource(node)});
  EXPECT_THAT(follow("node-1"), SizeIs(1));
  EXPECT_EQ(inventory.snapshot().host_endpoints.at("node-1-auto-hep").labels.find("role"), "edge");
  const auto renamed = follow("node-2");
  ASSERT_THAT(renamed, SizeIs(2));
  EXPECT_EQ(renamed[0].change, Change::Gone);
  EXPECT_THAT(follow(std::nullopt), SizeIs(1));
  EXPECT_THAT(inventory.snapshot().host_endpoints, IsEmpty());
}

TEST(AutoHostEndpoint, AWrittenOneOfItsNameCounts) {
  for (const char* source : {"directory", "kubernetes"}) {
    policy::Inventory inventory;
    const policy::HostEndpoint written{.name = "node-1-auto-hep", .node = "node-1", .interface_name = "eth0"};
    inventory.apply({.source = source, .key = policy::key_of(written), .resource = policy::Resource(written)});
    AutoHostEndpoint made;
    for (const auto& event : made.follow(inventory.snapshot(), "node-1")) inventory.apply(event);
    EXPECT_EQ(inventory.snapshot().host_endpoints.at("node-1-auto-hep").interface_name, "eth0") << source;
    EXPECT_THAT(inventory.problems(), IsEmpty()) << "that is no mistake: " << source;
    inventory.apply({.source = source, .key = policy::key_of(written), .change = Change::Gone});
    EXPECT_EQ(inventory.snapshot().host_endpoints.at("node-1-auto-hep").interface_name, "*") << source;
  }
}

TEST(AutoHostEndpoint, ChangesNothingUntilAPolicySelectsIt) {
  policy::Inventory inventory;
  AutoHostEndpoint made;
  for (const auto& event : made.follow(inventory.snapshot(), "node-1")) inventory.apply(event);
  const policy::NodePolicy policy = policy::resolve(inventory.snapshot(), {.node = "node-1"});
  ASSERT_THAT(policy.host_endpoints, SizeIs(1));
  EXPECT_TRUE(policy.host_endpoints[0].all_interfaces);
  ASSERT_THAT(policy.profiles, SizeIs(1));
  EXPECT_TRUE(policy.profiles[0].implicit) << "the profile allows, and need not be written";
  EXPECT_THAT(policy.remarks, IsEmpty());
}

}  // namespace
}  // namespace tierwall::daemon
