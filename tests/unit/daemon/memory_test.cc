// What outlives the process: events that go into the store and come out as the same objects, and what restore makes of
// them.

#include "daemon/memory.h"

#include <cerrno>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/restore.h"
#include "daemon/sources/decode_manifest.h"
#include "daemon/sources/network_interfaces.h"
#include "nft/fallback.h"
#include "nft/simulate.h"
#include "policy/resolve.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_kernel_tables.h"
#include "tests/fakes/fake_state_store.h"

namespace tierwall::daemon {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kPolicy =
    "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny, namespace: shop}, "
    "spec: {podSelector: {}, policyTypes: [Ingress]}}";
constexpr const char* kPod =
    "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}, spec: {nodeName: node-1, containers: []}, "
    "status: {phase: Running, podIPs: [{ip: 10.1.0.1}]}}";
constexpr const char* kNode = "{apiVersion: v1, kind: Node, metadata: {name: node-1}, spec: {podCIDRs: [10.1.0.0/24]}}";

policy::ResourceEvent event_of(const char* manifest) {
  DecodedObject object = decode_manifest(manifest, "kubernetes:/x").objects.at(0);
  return {.source = "kubernetes",
          .key = object.key,
          .resource = object.resource,
          .where = object.where,
          .problems = object.problems,
          .document = object.document,
          .resource_version = "17"};
}

struct MemoryTest : testing::Test {
  void remember(Memory& memory, const char* manifest) { memory.note(event_of(manifest)); }
  void commit(Memory& memory, std::uint64_t number) {
    Applied applied;
    applied.generation = number;
    memory.note_commit(applied);
  }
  void settle(Memory& memory) {
    clock.advance(Memory::kSettle);
    memory.step();
  }

  bool remembers_host_policy() {
    return Memory(store, clock, "boot-1").restore()->facts.at(kFactHostPolicy) == kFactYes;
  }

  test::FakeClock clock;
  test::FakeStateStore store;
};

TEST_F(MemoryTest, ABurstOfChangesIsOneTransaction) {
  Memory memory(store, clock, "boot-1");
  remember(memory, kPolicy);
  remember(memory, kPod);
  remember(memory, kPod);
  commit(memory, 1);
  memory.step();
  EXPECT_THAT(store.records(), IsEmpty()) << "not yet";
  settle(memory);
  ASSERT_THAT(store.records(), SizeIs(1));
  EXPECT_THAT(store.records()[0].upserts, SizeIs(2));
  ASSERT_TRUE(store.records()[0].generation);
  EXPECT_THAT(store.records()[0].generation->changes, SizeIs(2)) << "what changed up to this generation";
  EXPECT_FALSE(memory.due());
}

TEST_F(MemoryTest, WhatComesOutIsWhatWentIn) {
  {
    Memory memory(store, clock, "boot-1");
    remember(memory, kPolicy);
    remember(memory, kPod);
    commit(memory, 7);
    memory.flush();
  }
  const Result<Restored> restored = Memory(store, clock, "boot-1").restore();
  ASSERT_TRUE(restored);
  EXPECT_EQ(restored->generation, 7U);
  ASSERT_THAT(restored->events, SizeIs(2));
  for (const policy::ResourceEvent& event : restored->events) {
    const policy::ResourceEvent original = event_of(event.key.kind == policy::Kind::Pod ? kPod : kPolicy);
    EXPECT_EQ(event.resource, original.resource);
    EXPECT_EQ(event.resource_version, "17");
    EXPECT_THAT(event.problems, IsEmpty());
  }
}

TEST_F(MemoryTest, PodsOfAnEarlierBootAreForgotten) {
  Memory before(store, clock, "boot-1");
  remember(before, kPolicy);
  remember(before, kPod);
  commit(before, 1);
  before.flush();
  const Result<Restored> restored = Memory(store, clock, "boot-2").restore();
  ASSERT_TRUE(restored);
  ASSERT_THAT(restored->events, SizeIs(1));
  EXPECT_EQ(restored->events[0].key.kind, policy::Kind::KubernetesNetworkPolicy);
}

TEST_F(MemoryTest, ADeletedObjectDoesNotComeBack) {
  Memory memory(store, clock, "boot-1");
  remember(memory, kPolicy);
  memory.flush();
  policy::ResourceEvent gone = event_of(kPolicy);
  gone.change = policy::ResourceEvent::Change::Gone;
  gone.resource.reset();
  memory.note(gone);
  memory.flush();
  EXPECT_THAT(Memory(store, clock, "boot-1").restore()->events, IsEmpty());
}

TEST_F(MemoryTest, AFullDiskIsTriedAgainAndLosesNothing) {
  Memory memory(store, clock, "boot-1");
  store.refuse(0, Error{ErrorKind::Exhausted, "no space left on device"});
  remember(memory, kPolicy);
  settle(memory);
  ASSERT_TRUE(memory.trouble());
  EXPECT_THAT(*memory.trouble(), HasSubstr("no space left"));
  remember(memory, kPod);
  clock.advance(Memory::kRetry);
  memory.step();
  EXPECT_FALSE(memory.trouble());
  EXPECT_THAT(store.records().back().upserts, SizeIs(2));
}

TEST_F(MemoryTest, AStoreThatCanBeUsedLaterGetsEverythingThatWasNotedSince) {
  test::FakeStateStore refusing;
  for (std::size_t call = 0; call < 10; ++call) refusing.refuse(call, Error{ErrorKind::Denied, "read-only"});
  Memory memory(refusing, clock, "boot-2");
  remember(memory, kPolicy);
  commit(memory, 3);
  settle(memory);
  ASSERT_TRUE(memory.trouble());
  {
    // An earlier life left these: a policy that is not there any more, a pod of an earlier boot, and a higher number.
    Memory earlier(store, clock, "boot-1");
    remember(earlier, kNode);
    remember(earlier, kPod);
    commit(earlier, 57);
    earlier.flush();
  }
  const auto latest = memory.move_to(store, true);
  ASSERT_TRUE(latest);
  EXPECT_EQ(*latest, 57U);
  EXPECT_FALSE(memory.trouble());
  memory.step();
  EXPECT_FALSE(memory.trouble());
  commit(memory, 58);
  settle(memory);
  EXPECT_FALSE(memory.trouble());
  const Result<Restored> restored = Memory(store, clock, "boot-2").restore();
  ASSERT_TRUE(restored);
  EXPECT_EQ(restored->generation, 58U);
  ASSERT_THAT(restored->events, SizeIs(1));
  EXPECT_EQ(restored->events[0].key.kind, policy::Kind::KubernetesNetworkPolicy);
  EXPECT_THAT(store.records().back().generation->changes, SizeIs(1)) << "of the generation that had no store, too";
}

TEST_F(MemoryTest, WhileNotEverythingIsKnownALaterStoreLosesNothing) {
  {
    Memory earlier(store, clock, "boot-1");
    remember(earlier, kPolicy);
    earlier.flush();
  }
  test::FakeStateStore refusing;
  Memory memory(refusing, clock, "boot-1");
  remember(memory, kNode);
  ASSERT_TRUE(memory.move_to(store, false));
  memory.step();
  EXPECT_THAT(Memory(store, clock, "boot-1").restore()->events, SizeIs(2));
}

TEST_F(MemoryTest, AStoreThatCannotBeReadIsNotTaken) {
  Memory memory(store, clock, "boot-1");
  remember(memory, kPolicy);
  test::FakeStateStore broken;
  broken.refuse(1, Error{ErrorKind::Unavailable, "disk I/O error"});
  EXPECT_FALSE(memory.move_to(broken, true));
  settle(memory);
  EXPECT_THAT(store.records(), SizeIs(1));
}

policy::ResourceEvent interface_event(const char* name, const char* address) {
  const policy::NetworkInterface device{.name = name, .addresses = {*policy::parse_address(address)}};
  return {.source = std::string(kInterfacesSource),
          .key = policy::key_of(device),
          .resource = policy::Resource(device),
          .document = print_interface(device)};
}

TEST_F(MemoryTest, InterfacesAreKnownAfterARestart) {
  Memory before(store, clock, "boot-1");
  before.note(interface_event("eth0", "192.0.2.1"));
  before.note(interface_event("eth1", "192.0.2.2"));
  policy::ResourceEvent gone = interface_event("eth1", "192.0.2.2");
  gone.change = policy::ResourceEvent::Change::Gone;
  before.note(gone);
  before.flush();
  const Result<Restored> restored = Memory(store, clock, "boot-2").restore();
  ASSERT_THAT(restored->events, SizeIs(1));
  EXPECT_EQ(restored->events[0].resource, interface_event("eth0", "192.0.2.1").resource);
  EXPECT_THAT(restored->events[0].problems, IsEmpty());
}

TEST_F(MemoryTest, AnInterfaceThatCannotBeReadIsAProblemOfItsOwn) {
  Memory before(store, clock, "boot-1");
  policy::ResourceEvent event = interface_event("eth0", "192.0.2.1");
  event.document = R"({"addresses":["nonsense"]})";
  before.note(event);
  before.flush();
  const Result<Restored> restored = Memory(store, clock, "boot-1").restore();
  ASSERT_THAT(restored->events, SizeIs(1));
  EXPECT_FALSE(restored->events[0].resource);
  EXPECT_THAT(restored->events[0].problems, SizeIs(1));
}

constexpr const char* kUplink =
    "{apiVersion: projectcalico.org/v3, kind: HostEndpoint, metadata: {name: uplink}, "
    "spec: {node: node-1, expectedIPs: [192.0.2.1]}}";

/// A commit of what these events make of node-1.
Applied applied_of(std::uint64_t number, const std::vector<policy::ResourceEvent>& events) {
  policy::Inventory inventory;
  for (const policy::ResourceEvent& event : events) inventory.apply(event);
  Applied applied;
  applied.generation = number;
  applied.policy = policy::resolve(inventory.snapshot(), {.node = "node-1"});
  return applied;
}

TEST_F(MemoryTest, WhetherHostPolicyWasInForceIsKnown) {
  const struct {
    const char* why;
    std::vector<policy::ResourceEvent> events;
    bool host_policy;
  } kRows[] = {
      {"no host endpoint", {interface_event("eth0", "192.0.2.1")}, false},
      {"one whose addresses nobody has", {event_of(kUplink), interface_event("eth0", "192.0.2.2")}, false},
      {"one that governs", {event_of(kUplink), interface_event("eth0", "192.0.2.1")}, true},
      {"it is gone again", {}, false},
  };
  std::uint64_t number = 0;
  for (const auto& row : kRows) {
    Memory memory(store, clock, "boot-1");
    memory.note_commit(applied_of(++number, row.events));
    memory.flush();
    memory.note(interface_event("eth9", "192.0.2.9"));
    memory.flush();
    EXPECT_EQ(remembers_host_policy(), row.host_policy) << row.why;
  }
}

TEST_F(MemoryTest, ATableThatStaysAsItIsIsOneGenerationWhateverIsBehindIt) {
  Memory memory(store, clock, "boot-1");
  memory.note_commit(applied_of(1, {}));
  memory.flush();
  memory.note_commit(applied_of(1, {event_of(kUplink), interface_event("eth0", "192.0.2.1")}));
  memory.flush();
  EXPECT_FALSE(memory.trouble());
  EXPECT_TRUE(remembers_host_policy());
}

// ---- restore
// ---------------------------------------------------------------------------------------------------------

Config config() {
  Config config;
  config.node_name = "node-1";
  return config;
}

nft::Walk forwarded(const nft::Ruleset& table, const char* from, const char* to) {
  nft::Packet packet;
  packet.source = *policy::parse_address(from);
  packet.destination = *policy::parse_address(to);
  packet.destination_port = 80;
  return nft::simulate(table, packet);
}

TEST_F(MemoryTest, RestoreTreatsEveryPodAddressAsUnknown) {
  Memory before(store, clock, "boot-1");
  for (const char* manifest : {kPolicy, kPod, kNode}) remember(before, manifest);
  commit(before, 3);
  before.flush();
  const RestorePlan plan = plan_restore(Memory(store, clock, "boot-2").restore(), config());
  ASSERT_TRUE(plan.table);
  EXPECT_TRUE(plan.complete);
  EXPECT_THAT(plan.what, HasSubstr("policy of generation 3"));
  EXPECT_EQ(forwarded(*plan.table, "192.0.2.9", "10.1.0.1").end, nft::Walk::End::Dropped);
  EXPECT_EQ(forwarded(*plan.table, "10.1.0.1", "192.0.2.9").end, nft::Walk::End::Dropped);
  EXPECT_EQ(forwarded(*plan.table, "192.0.2.9", "198.51.100.1").end, nft::Walk::End::Accepted);
}

TEST_F(MemoryTest, RestoreWithoutAMemoryDoesNothingUnlessAskedTo) {
  const RestorePlan nothing = plan_restore(Memory(store, clock, "boot-1").restore(), config());
  EXPECT_FALSE(nothing.table);
  EXPECT_TRUE(nothing.complete) << "there was never anything";

  Config strict = config();
  strict.restore_fallback = RestoreFallback::Deny;
  const RestorePlan fallback = plan_restore(Error{ErrorKind::Unavailable, "disk I/O error"}, strict);
  ASSERT_TRUE(fallback.table);
  EXPECT_FALSE(fallback.complete);
  EXPECT_THAT(fallback.what, HasSubstr("disk I/O error"));
  EXPECT_EQ(forwarded(*fallback.table, "192.0.2.9", "198.51.100.1").end, nft::Walk::End::Dropped);
}

TEST_F(MemoryTest, RestoreKnowsTheHostEndpointsBeforeThereIsALink) {
  Memory before(store, clock, "boot-1");
  for (const auto& event : {event_of(kUplink), interface_event("eth0", "192.0.2.1")}) before.note(event);
  commit(before, 3);
  before.flush();
  const RestorePlan plan = plan_restore(Memory(store, clock, "boot-2").restore(), config());
  EXPECT_TRUE(plan.table);
  EXPECT_EQ(plan.what, "policy of generation 3, 1 objects, 1 host endpoint in force") << "interfaces are no objects";
}

TEST_F(MemoryTest, RestoreMakesTheHostEndpointThatNobodyWroteAgain) {
  Memory before(store, clock, "boot-1");
  commit(before, 3);
  before.flush();
  Config automatic = config();
  automatic.host_auto = true;
  const Result<Restored> remembered = Memory(store, clock, "boot-2").restore();
  EXPECT_EQ(plan_restore(remembered, config()).what, "policy of generation 3, 0 objects");
  EXPECT_EQ(plan_restore(remembered, automatic).what, "policy of generation 3, 0 objects, 1 host endpoint in force");
}

TEST_F(MemoryTest, WithoutAMemoryTheNodeIsClosedIfItsHostPolicyIsMissed) {
  const struct {
    const char* why;
    RestoreFallback fallback;
    bool host_policy;
    bool closed;
  } kRows[] = {
      {"nobody said anything, and it had been in force", RestoreFallback::IfHostPolicy, true, true},
      {"nobody said anything, and it had not", RestoreFallback::IfHostPolicy, false, false},
      {"\"none\" stays none", RestoreFallback::None, true, false},
      {"\"deny\" asks for it", RestoreFallback::Deny, false, true},
  };
  for (const auto& row : kRows) {
    Config wanted = config();
    wanted.restore_fallback = row.fallback;
    const Restored nothing_usable{
        .events = {}, .generation = 0, .facts = {{kFactHostPolicy, row.host_policy ? kFactYes : kFactNo}}};
    EXPECT_EQ(plan_restore(nothing_usable, wanted).table.has_value(), row.closed) << row.why;
  }
}

TEST_F(MemoryTest, AKernelThatRefusesIsAnError) {
  test::FakeKernelTables tables;
  EXPECT_TRUE(put_in_force(nft::fallback({}, {}), tables));
  tables.refuse(0, EPERM);
  const Result<void> refused = put_in_force(nft::fallback({}, {}), tables);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("the kernel refused the table"));
}

/// The file "own.yaml" is as it was before, "new.yaml" was not there, and what others gave stays.
TEST(WithoutAChange, WhatIsRestoredIsThePolicyFromBefore) {
  const auto of_file = [](const char* manifest, const std::string& file) {
    policy::ResourceEvent event = event_of(manifest);
    event.source = "directory";
    event.where.file = file;
    return event;
  };
  std::string changed = kPolicy;
  changed.replace(changed.find("Ingress"), 7, "Egress");
  std::string added = kPolicy;
  added.replace(added.find("deny"), 4, "more");
  Restored remembered;
  remembered.events = {of_file(changed.c_str(), "/policy.d/own.yaml"), of_file(added.c_str(), "/policy.d/new.yaml"),
                       of_file(kNode, "/policy.d/other.yaml"), event_of(kPod)};
  const Restored before = without_change(
      remembered, {.former = {{"own.yaml", kPolicy}, {"new.yaml", std::nullopt}}, .wait = Deadline{}}, "/policy.d");
  ASSERT_THAT(before.events, SizeIs(3));
  EXPECT_EQ(before.events[0].key.kind, policy::Kind::Node);
  EXPECT_EQ(before.events[1].key.kind, policy::Kind::Pod);
  EXPECT_EQ(before.events[2].resource, event_of(kPolicy).resource);
}

}  // namespace
}  // namespace tierwall::daemon
