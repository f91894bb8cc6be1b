// The lock-out guard: which changes of host policy are held, which are only warned of, and for how long.
//
// Node node-1 has eth0; an operator sits at 203.0.113.9 with a session on tcp 2222, which is no failsafe port.

#include "daemon/guard/guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/resolve.h"
#include "tests/fakes/fake_management_flows.h"

namespace tierwall::daemon {
namespace {

using namespace policy;
using testing::ElementsAre;
using testing::IsEmpty;

ManagementFlow session_from(const char* address) {
  return {.what = "the session of " + std::string(address) + " on tcp 2222",
          .flow = {.source = *parse_address(address),
                   .destination = *parse_address("192.0.2.1"),
                   .protocol = kTcp,
                   .source_port = 40000,
                   .destination_port = 2222},
          .passage = {.node = "node-1", .in = "eth0"}};
}

HostEndpoint endpoint() {
  return {.name = "ep", .node = "node-1", .interface_name = "eth0"};
}

/// Allows the session, or denies everything.
Policy ssh_policy(Action action) {
  Policy policy{.kind = Kind::GlobalNetworkPolicy, .name = "ssh", .applies_to_egress = false};
  policy.subject = all();
  policy.ingress = {Rule{.action = action, .protocol = kTcp}};
  return policy;
}

class GuardTest : public testing::Test {
 protected:
  GuardTest() { flows.flows = {session_from("203.0.113.9")}; }

  void say(const Resource& resource, const char* source = "directory") {
    inventory.apply({.source = source, .key = key_of(resource), .resource = resource});
  }
  void take_back(const Resource& resource, const char* source = "directory") {
    inventory.apply({.source = source, .key = key_of(resource), .change = ResourceEvent::Change::Gone});
  }
  /// One commit: what the guard rules comes into force.
  void commit() {
    const NodePolicy desired = resolve(inventory.snapshot(), {.node = settings.node}, settings.tie_break);
    const NodePolicy ruled =
        guard.rule(inventory, settings, desired, applied ? &*applied : nullptr, {.everything = true}).value_or(desired);
    guard.note_accepted(inventory, ruled);
    applied = ruled;
  }
  [[nodiscard]] bool session_passes() const {
    return find_cut(nullptr, *applied, {session_from("203.0.113.9")}, {}).empty();
  }
  [[nodiscard]] std::vector<std::string> held() const {
    std::vector<std::string> texts;
    for (const CutFlow& cut : guard.held()) texts.push_back(print_cut(cut));
    return texts;
  }

  Inventory inventory;
  NodeSettings settings{.node = "node-1", .compile = {}};
  test::FakeManagementFlows flows;
  Guard guard{flows};
  std::optional<NodePolicy> applied;
};

TEST_F(GuardTest, ADirectoryChangeThatWouldCutASessionIsHeld) {
  say(endpoint());
  say(ssh_policy(Action::Allow));
  commit();
  ASSERT_TRUE(session_passes());
  say(ssh_policy(Action::Deny));
  commit();
  EXPECT_THAT(held(),
              ElementsAre("the session of 203.0.113.9 on tcp 2222 would be cut by GlobalNetworkPolicy ssh (tier "
                          "default) rule 1 of HostEndpoint ep"));
  EXPECT_TRUE(session_passes()) << "the former policy stays in force";
}

TEST_F(GuardTest, HeldPolicyDoesNotKeepPodsFromComing) {
  say(endpoint());
  say(ssh_policy(Action::Allow));
  commit();
  say(ssh_policy(Action::Deny));
  say(Pod{.ns = "shop", .name = "web", .node = "node-1", .addresses = {*parse_address("10.0.0.1")}}, "kubernetes");
  commit();
  EXPECT_FALSE(guard.held().empty());
  EXPECT_EQ(applied->endpoints.size(), 1u);
}

TEST_F(GuardTest, TheFirstHostEndpointWaitsButPoliciesOfPodsDoNot) {
  say(Pod{.ns = "shop", .name = "web", .node = "node-1", .addresses = {*parse_address("10.0.0.1")}});
  say(ssh_policy(Action::Deny));
  say(endpoint());
  commit();
  EXPECT_THAT(held(), testing::SizeIs(1));
  EXPECT_TRUE(applied->host_endpoints.empty());
  ASSERT_EQ(applied->tiers.size(), 1u) << "the pod has its policy";
}

TEST_F(GuardTest, AChangeOfTheApiServerIsMadeAndWarnedOf) {
  say(endpoint(), "kubernetes");
  say(ssh_policy(Action::Allow), "kubernetes");
  commit();
  say(ssh_policy(Action::Deny), "kubernetes");
  commit();
  EXPECT_THAT(guard.held(), IsEmpty());
  EXPECT_THAT(guard.warned(), testing::SizeIs(1));
  EXPECT_FALSE(session_passes());
}

TEST_F(GuardTest, TheModeSaysWhatHappens) {
  const struct {
    GuardMode mode;
    const char* source;
    bool held;
    bool warned;
  } rows[] = {{GuardMode::HoldDirectory, "directory", true, false},
              {GuardMode::HoldDirectory, "kubernetes", false, true},
              {GuardMode::Hold, "kubernetes", true, false},
              {GuardMode::Warn, "directory", false, true},
              {GuardMode::Off, "directory", false, false}};
  for (const auto& row : rows) {
    Inventory world;
    Guard fresh(flows);
    settings.guard = row.mode;
    for (const Resource& resource : {Resource(endpoint()), Resource(ssh_policy(Action::Deny))}) {
      world.apply({.source = row.source, .key = key_of(resource), .resource = resource});
    }
    static_cast<void>(
        fresh.rule(world, settings, resolve(world.snapshot(), {.node = settings.node}), nullptr, {.everything = true}));
    EXPECT_EQ(!fresh.held().empty(), row.held) << row.source;
    EXPECT_EQ(!fresh.warned().empty(), row.warned) << row.source;
  }
}

TEST_F(GuardTest, WhatIsHeldStaysHeldWhenTheSessionEnds) {
  say(endpoint());
  say(ssh_policy(Action::Deny));
  commit();
  ASSERT_FALSE(guard.held().empty());
  flows.flows.clear();
  commit();
  EXPECT_FALSE(guard.held().empty()) << "its operator could not come back";
}

TEST_F(GuardTest, ACorrectedPolicyEndsTheHold) {
  say(endpoint());
  say(ssh_policy(Action::Deny));
  commit();
  say(ssh_policy(Action::Allow));
  commit();
  EXPECT_THAT(guard.held(), IsEmpty());
  EXPECT_EQ(applied->host_endpoints.size(), 1u);
}

TEST_F(GuardTest, AReleasedChangeComesIntoForceAndStays) {
  say(endpoint());
  say(ssh_policy(Action::Deny));
  commit();
  EXPECT_TRUE(guard.release());
  commit();
  EXPECT_THAT(guard.held(), IsEmpty());
  EXPECT_FALSE(session_passes());
  EXPECT_FALSE(guard.release()) << "nothing is held any more";
  commit();
  EXPECT_THAT(guard.held(), IsEmpty());
}

TEST_F(GuardTest, DeletingTheRuleThatAllowedIsHeldToo) {
  say(endpoint());
  say(ssh_policy(Action::Allow));
  commit();
  take_back(ssh_policy(Action::Allow));
  commit();
  EXPECT_FALSE(guard.held().empty());
  EXPECT_TRUE(session_passes());
}

TEST_F(GuardTest, WhatWasInForceBeforeARestartIsNotHeld) {
  say(endpoint());
  say(ssh_policy(Action::Deny));
  guard.begin_with(inventory, settings);
  commit();
  EXPECT_THAT(guard.held(), IsEmpty());
  EXPECT_FALSE(session_passes());
}

TEST_F(GuardTest, FailsafePortsAreNeverCut) {
  settings.failsafes.inbound = {{kTcp, std::nullopt, 2222}};
  say(endpoint());
  say(ssh_policy(Action::Deny));
  commit();
  EXPECT_THAT(guard.held(), IsEmpty());
}

TEST_F(GuardTest, WithoutEyesItSaysSo) {
  flows.failure = Error{ErrorKind::Denied, "no", 1};
  say(endpoint());
  commit();
  EXPECT_THAT(guard.blind(), testing::Optional(std::string("no")));
}

}  // namespace
}  // namespace tierwall::daemon
