#include "policy/model.h"

#include <gtest/gtest.h>

namespace tierwall::policy {
namespace {

TEST(ResourceKey, IsMadeFromTheObjectAndPrintedWithItsKind) {
  const struct {
    Resource resource;
    std::string_view printed;
  } kRows[] = {
      {Namespace{.name = "shop"}, "Namespace shop"},
      {ServiceAccount{.ns = "shop", .name = "robot"}, "ServiceAccount shop/robot"},
      {Pod{.ns = "shop", .name = "web"}, "Pod shop/web"},
      {PodSandbox{.ns = "shop", .name = "cbr0-1f-eth0", .pod = "web"}, "PodSandbox shop/cbr0-1f-eth0"},
      {Node{.name = "node-1"}, "Node node-1"},
      {Service{.ns = "shop", .name = "db"}, "Service shop/db"},
      {EndpointSlice{.ns = "shop", .name = "db-x7"}, "EndpointSlice shop/db-x7"},
      {Tier{.name = "security"}, "Tier security"},
      {Profile{.name = "kns.shop"}, "Profile kns.shop"},
      {NetworkSet{.ns = "", .name = "office"}, "GlobalNetworkSet office"},
      {NetworkSet{.ns = "shop", .name = "office"}, "NetworkSet shop/office"},
      {Policy{.kind = Kind::GlobalNetworkPolicy, .name = "web"}, "GlobalNetworkPolicy web"},
      {Policy{.kind = Kind::NetworkPolicy, .ns = "shop", .name = "web"}, "NetworkPolicy shop/web"},
      {Policy{.kind = Kind::KubernetesNetworkPolicy, .ns = "shop", .name = "web"}, "KubernetesNetworkPolicy shop/web"},
      {Policy{.kind = Kind::KubernetesClusterNetworkPolicy, .name = "guard"}, "KubernetesClusterNetworkPolicy guard"},
      {Policy{.kind = Kind::StagedGlobalNetworkPolicy, .name = "web"}, "StagedGlobalNetworkPolicy web"},
      {Policy{.kind = Kind::StagedNetworkPolicy, .ns = "shop", .name = "web"}, "StagedNetworkPolicy shop/web"},
  };
  for (const auto& row : kRows) {
    const ResourceKey key = key_of(row.resource);
    EXPECT_EQ(print_key(key), row.printed);
    EXPECT_EQ(is_namespaced(key.kind), !key.ns.empty()) << row.printed;
  }
}

TEST(Model, WordsArePrintedAsPolicyWritesThem) {
  EXPECT_EQ(print_action(Action::Allow), "Allow");
  EXPECT_EQ(print_action(Action::Deny), "Deny");
  EXPECT_EQ(print_action(Action::Pass), "Pass");
  EXPECT_EQ(print_action(Action::Log), "Log");
  EXPECT_EQ(print_direction(Direction::Ingress), "ingress");
  EXPECT_EQ(print_direction(Direction::Egress), "egress");
  EXPECT_EQ(namespace_profile("shop"), "kns.shop");
  EXPECT_EQ(written_kind(Kind::KubernetesNetworkPolicy), "NetworkPolicy") << "what its author knows it by";
  EXPECT_EQ(written_kind(Kind::KubernetesClusterNetworkPolicy), "ClusterNetworkPolicy");
}

TEST(Pod, IsAnEndpointOnThePodNetworkUntilItFinishes) {
  EXPECT_TRUE(Pod{.phase = PodPhase::Pending}.is_endpoint());
  EXPECT_TRUE(Pod{.phase = PodPhase::Unknown}.is_endpoint());
  EXPECT_FALSE(Pod{.phase = PodPhase::Succeeded}.is_endpoint());
  EXPECT_FALSE(Pod{.phase = PodPhase::Failed}.is_endpoint());
  EXPECT_FALSE(Pod{.host_network = true}.is_endpoint());
}

}  // namespace
}  // namespace tierwall::policy
