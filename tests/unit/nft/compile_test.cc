#include "nft/compile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "nft/cut_bit.h"
#include "nft/diff.h"
#include "nft/print.h"
#include "nft/simulate.h"
#include "policy/resolve.h"
#include "tests/fakes/fake_kernel_tables.h"
#include "tests/vocabulary/golden.h"
#include "tests/vocabulary/world.h"

namespace tierwall::nft {
namespace {

using test::World;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::VariantWith;

Ruleset compile_world(const World& world, const CompileOptions& options = {}) {
  const Result<Ruleset> ruleset = compile(policy::resolve(world.snapshot(), {"node-1"}), options);
  TIERWALL_CHECK(ruleset);
  return *ruleset;
}

struct Case {
  const char* name;
  CompileOptions options;
};

CompileOptions strict_options() {
  CompileOptions options;
  options.pod_cidrs = {*policy::parse_prefix("10.0.0.0/24"), *policy::parse_prefix("fd00::/64")};
  options.endpoint_to_host = CompileOptions::EndpointToHost::Drop;
  return options;
}

CompileOptions telling_options() {
  CompileOptions options = strict_options();
  options.denied_log = DeniedLog{.group = 7610, .per_second = 100};
  return options;
}

CompileOptions host_options() {
  CompileOptions options;
  options.node = "node-1";
  options.failsafes = {.inbound = {{policy::kTcp, *policy::parse_prefix("198.51.100.0/24"), 22}},
                       .outbound = {{policy::kUdp, std::nullopt, 53}}};
  return options;
}

CompileOptions recheck_options() {
  CompileOptions options = host_options();
  options.established = CompileOptions::Established::Recheck;
  return options;
}

TEST(Compile, GoldenRulesets) {
  for (const Case& one :
       {Case{"default-deny", {}}, Case{"tiers-with-pass", {}}, Case{"sets-and-ports", {}}, Case{"many-policies", {}},
        Case{"unknown-pods", strict_options()}, Case{"denied-told", telling_options()},
        Case{"host-endpoints", host_options()}, Case{"recheck-established", recheck_options()}}) {
    SCOPED_TRACE(one.name);
    const std::string folder = "rulesets/" + std::string(one.name);
    const World world = World::of(test::read_golden(folder + "/input.yaml"));
    EXPECT_THAT(world.problems(), ::testing::IsEmpty());
    test::expect_golden(folder + "/ruleset.nft", print(compile_world(world, one.options)));
  }
}

TEST(Compile, RecheckingAddsOneRuleBeforeEveryEstablishedAcceptAndNothingElse) {
  const World world = World::of(test::read_golden("rulesets/host-endpoints/input.yaml"));
  const Ruleset kept = compile_world(world, host_options());
  Ruleset rechecked = compile_world(world, recheck_options());
  std::size_t added = 0;
  for (auto& [name, chain] : rechecked.chains) {
    const std::size_t before = chain.rules.size();
    std::erase_if(chain.rules, [](const Rule& rule) { return print(rule).starts_with("ct mark & 0x40000000 != "); });
    const std::string kept_text = print(kept.chains.at(name).rules.front());
    EXPECT_EQ(before - chain.rules.size(), kept_text.starts_with("ct state established") ? 1U : 0U) << name;
    added += before - chain.rules.size();
  }
  EXPECT_EQ(added, 5U) << "forward, input, pre-dnat, output, postrouting";
  EXPECT_EQ(rechecked, kept);
}

TEST(Compile, WhatWasCutIsDroppedBothWaysAndOnlyThere) {
  const World world = World::of(test::read_golden("rulesets/recheck-established/input.yaml"));
  for (const bool rechecks : {false, true}) {
    const Ruleset ruleset = compile_world(world, rechecks ? recheck_options() : host_options());
    Packet reply{.hook = Hook::Forward,
                 .source = *policy::parse_address("10.0.0.1"),
                 .destination = *policy::parse_address("192.0.2.7"),
                 .ct_state = ct_state::kEstablished,
                 .ct_mark = 0x80};
    EXPECT_EQ(simulate(ruleset, reply).end, Walk::End::Accepted);
    reply.ct_mark |= kCutBit;
    EXPECT_EQ(simulate(ruleset, reply).end, rechecks ? Walk::End::Dropped : Walk::End::Accepted);
    reply.ct_state = ct_state::kRelated;
    EXPECT_EQ(simulate(ruleset, reply).end, rechecks ? Walk::End::Dropped : Walk::End::Accepted);
  }
}

std::string pod(const std::string& name, const std::string& address) {
  return "apiVersion: v1\nkind: Pod\nmetadata: {name: " + name + ", namespace: shop, labels: {app: web}}\n" +
         "spec: {nodeName: node-1, containers: [{name: c, image: none}]}\n" +
         "status: {phase: Running, podIPs: [{ip: " + address + "}]}\n";
}

TEST(Compile, APodThatComesTouchesElementsOnly) {
  const World before = World::of(test::read_golden("rulesets/default-deny/input.yaml"));
  const ChangeSet changes = diff(compile_world(before), compile_world(before.with(pod("web-3", "10.0.0.3"))));
  EXPECT_FALSE(changes.empty());
  EXPECT_THAT(changes.operations, Each(VariantWith<AddElements>(::testing::_)));
}

TEST(Compile, PodsThatAreTreatedAlikeShareTheirChains) {
  const World one = World::of(test::read_golden("rulesets/default-deny/input.yaml"));
  EXPECT_EQ(compile_world(one).chains, compile_world(one.with(pod("web-3", "10.0.0.3"))).chains);
}

TEST(Compile, WithoutPolicyThereIsNothingToDispatch) {
  const Ruleset ruleset = compile_world(World::of(pod("free", "10.0.0.1")));
  EXPECT_EQ(ruleset.chains.size(), 2U);
  for (const auto& [name, set] : ruleset.sets) EXPECT_TRUE(set.elements.empty()) << name;
}

/// `count` tiers, each with one policy that passes something on before the tier denies.
World nested_tiers(int count, const std::function<std::string(int)>& what) {
  std::string text = pod("web", "10.0.0.1");
  for (int i = 1; i <= count; ++i) {
    const std::string name = "t" + std::to_string(i);
    text += "---\napiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: " + name +
            "}\nspec: {order: " + std::to_string(i) +
            "}\n---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: p" +
            std::to_string(i) + "}\nspec: {tier: " + name + ", selector: all(), types: [Ingress], ingress: [" +
            "{action: Pass, protocol: TCP, " + what(i) + "}]}\n";
  }
  return World::of(text);
}

std::string a_source(int i) {
  return "source: {nets: [10." + std::to_string(i) + ".0.0/16]}";
}

std::string a_port(int i) {
  return "destination: {ports: [" + std::to_string(i) + "]}";
}

TEST(Compile, RefusesMoreNestedTiersThanTheKernelFollows) {
  EXPECT_TRUE(compile(policy::resolve(nested_tiers(15, a_source).snapshot(), {}), {}));
  const Result<Ruleset> refused = compile(policy::resolve(nested_tiers(16, a_source).snapshot(), {}), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::Unsupported);
  EXPECT_THAT(refused.error().message, HasSubstr("Pod shop/web: more than 15 tiers with Pass rules"));
}

TEST(Compile, TiersThatPassPortsOnDoNotNestOncePortsAreToldApart) {
  EXPECT_TRUE(compile(policy::resolve(nested_tiers(40, a_port).snapshot(), {}), {}));
}

TEST(Compile, RejectingTakesALevelOfNesting) {
  const std::string host =
      "---\napiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata: {name: uplink}\n"
      "spec: {node: node-1, interfaceName: eth0, profiles: [projectcalico-default-allow]}\n";
  CompileOptions rejecting = host_options();
  rejecting.host_deny = CompileOptions::HostDeny::Reject;
  const auto compile_nested = [&](int tiers, const CompileOptions& options) {
    return compile(policy::resolve(nested_tiers(tiers, a_source).with(host).snapshot(), {"node-1"}), options);
  };
  EXPECT_TRUE(compile_nested(15, host_options()));
  EXPECT_TRUE(compile_nested(14, rejecting));
  const Result<Ruleset> refused = compile_nested(15, rejecting);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("HostEndpoint uplink: more than 14 tiers"));
}

TEST(Compile, TellingOfDeniedPacketsRefusesNoPolicy) {
  const auto compile_nested = [&](int tiers) {
    return compile(policy::resolve(nested_tiers(tiers, a_source).snapshot(), {"node-1"}), telling_options());
  };
  const Result<Ruleset> deepest = compile_nested(15);
  ASSERT_TRUE(deepest) << deepest.error().message;
  test::FakeKernelTables tables;
  const CommitOutcome outcome = tables.commit(rebuild(*deepest));
  const auto* refused = std::get_if<Rejected>(&outcome);
  EXPECT_EQ(refused, nullptr) << refused->message;
  EXPECT_FALSE(compile_nested(16));
}

TEST(Compile, WhatIsRejectedIsToldToo) {
  const World world = World::of(test::read_golden("rulesets/host-endpoints/input.yaml"));
  CompileOptions rejecting = host_options();
  rejecting.host_deny = CompileOptions::HostDeny::Reject;
  rejecting.denied_log = DeniedLog{.group = 7610, .per_second = 100};
  const Ruleset ruleset = compile_world(world, rejecting);
  EXPECT_THAT(ruleset.chains.at("host-reject").rules.front().action, VariantWith<LogSample>(LogSample{7610, 100}));
}

TEST(Compile, ATableThatRejectsIsOneTheKernelTakes) {
  const World world = World::of(test::read_golden("rulesets/host-endpoints/input.yaml"));
  CompileOptions rejecting = host_options();
  rejecting.host_deny = CompileOptions::HostDeny::Reject;
  const Ruleset ruleset = compile_world(world, rejecting);
  ASSERT_TRUE(ruleset.chains.contains("postrouting"));
  test::FakeKernelTables tables;
  const CommitOutcome outcome = tables.commit(rebuild(ruleset));
  const auto* refused = std::get_if<Rejected>(&outcome);
  EXPECT_EQ(refused, nullptr) << refused->message;
}

}  // namespace
}  // namespace tierwall::nft
