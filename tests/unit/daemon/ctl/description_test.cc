// tierwall describe, kind by kind, of a small shop.

#include "daemon/ctl/description.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/resolve.h"
#include "tests/vocabulary/golden.h"
#include "tests/vocabulary/world.h"

namespace tierwall::daemon::ctl {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kShop = R"(
apiVersion: v1
kind: Pod
metadata: {namespace: shop, name: web, labels: {app: web}}
spec: {nodeName: node-1}
status: {phase: Running, podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}]}
---
apiVersion: v1
kind: Pod
metadata: {namespace: shop, name: db, labels: {app: db}}
spec: {nodeName: node-1}
status: {phase: Running, podIPs: [{ip: 10.0.0.2}]}
---
apiVersion: projectcalico.org/v3
kind: Tier
metadata: {name: security}
spec: {order: 10, defaultAction: Pass}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkSet
metadata: {name: offices, labels: {role: office}}
spec: {nets: [192.0.2.0/24]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: security.web}
spec:
  tier: security
  order: 5
  selector: app == 'web' || role == 'uplink'
  types: [Ingress]
  ingress:
    - {action: Allow, protocol: TCP, source: {selector: role == 'office'}, destination: {ports: [443, "8000:8010"]}}
    - {action: Deny, protocol: ICMP, icmp: {type: 8}, source: {nets: [203.0.113.0/24], notSelector: role == 'office'}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {namespace: shop, name: db}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress]
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {namespace: elsewhere, name: db}
spec: {podSelector: {}, policyTypes: [Ingress]}
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: uplink, labels: {role: uplink}}
spec: {node: node-1, interfaceName: "*"}
)";

class DescriptionTest : public ::testing::Test {
 protected:
  [[nodiscard]] Result<Description> ask(std::string_view kind, std::string_view name) const {
    return describe({world_.snapshot(), settings_, policy_, table_, hits_}, kind, name);
  }
  [[nodiscard]] std::string print(std::string_view kind, std::string_view name) const {
    const Result<Description> description = ask(kind, name);
    return description ? print_description(*description, Output::Text) : description.error().message;
  }

  const test::World world_ = test::World::of(kShop);
  const NodeSettings settings_{.node = "node-1", .compile = {.node = "node-1"}};
  const policy::NodePolicy policy_ = policy::resolve(world_.snapshot(), {"node-1"});
  const nft::CompiledTable table_ = *nft::compile_table(policy_, settings_.compile);
  const std::vector<HitRow> hits_ = {{.direction = "ingress",
                                      .tier = "default",
                                      .kind = "KubernetesNetworkPolicy",
                                      .ns = "shop",
                                      .name = "db",
                                      .rule = 1,
                                      .action = "Allow",
                                      .words = "tier default, KubernetesNetworkPolicy shop/db, rule 1",
                                      .packets = 7,
                                      .bytes = 420,
                                      .last_hit_ms = 1'790'000'000'000},
                                     {.direction = "ingress",
                                      .tier = "default",
                                      .action = "Deny",
                                      .words = "tier default: no rule matched, default Deny",
                                      .packets = 1}};
};

TEST_F(DescriptionTest, EveryKindInFull) {
  std::string text;
  for (const auto& [kind, name] : {std::pair{"policy", "KubernetesNetworkPolicy/shop/db"},
                                   {"policy", "security.web"},
                                   {"policy", "elsewhere/db"},
                                   {"tier", "default"},
                                   {"tier", "security"},
                                   {"endpoint", "shop/web"},
                                   {"endpoint", "10.0.0.2"},
                                   {"hostendpoint", "uplink"},
                                   {"set", "ingress4"}}) {
    text += print(kind, name) + "\n";
  }
  test::expect_golden("cli/expected/describe.txt", text);
}

TEST_F(DescriptionTest, ASetIsTheAnswerToItsPolicies) {
  for (const auto& [name, set] : table_.parts.member_sets()) {
    const std::string text = print("sets", name);
    EXPECT_THAT(text, AllOf(HasSubstr("Meaning"), HasSubstr("Asked by"))) << name;
    EXPECT_THAT(text, ::testing::AnyOf(HasSubstr("shop/db"), HasSubstr("security.web"))) << text;
  }
}

TEST_F(DescriptionTest, TheJsonHasTheSameFacts) {
  const auto json = nlohmann::json::parse(print_description(*ask("policy", "shop/db"), Output::Json));
  EXPECT_EQ(json.at("name"), "KubernetesNetworkPolicy shop/db");
  EXPECT_THAT(json.at("facts").at("selects"), ElementsAre("pod shop/db"));
  EXPECT_THAT(json.at("facts").at("ingress_rules").size(), 1);
}

TEST_F(DescriptionTest, WhatIsNotThereOrNotClearIsSaid) {
  EXPECT_EQ(print("policy", "shop/dp"), "no policy 'shop/dp' on this node; did you mean 'shop/db'?");
  EXPECT_EQ(print("policy", "db"),
            "'db' may be KubernetesNetworkPolicy/elsewhere/db or KubernetesNetworkPolicy/shop/db");
  EXPECT_THAT(print("polcy", "db"), HasSubstr("did you mean 'policy'?"));
}

}  // namespace
}  // namespace tierwall::daemon::ctl
