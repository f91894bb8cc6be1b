// From the first bytes of a denied packet to what an operator reads about it.

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/control/drop_list.h"
#include "daemon/drop_memory.h"
#include "daemon/drops/drop_log.h"
#include "policy/resolve.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_state_store.h"
#include "tests/vocabulary/world.h"

namespace tierwall::daemon {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

// ---- bytes ---------------------------------------------------------------------------------------------------

/// "45 00 ..." as bytes.
std::string bytes_of(const std::string& hexadecimal) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hexadecimal.size(); i += 3) {
    bytes += static_cast<char>(std::stoi(hexadecimal.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

constexpr const char* kIpv4Udp = "45 00 00 20 00 01 00 00 40 11 00 00 0a 00 01 01 0a 00 01 02 9c 40 00 35 00 0c 00 00 ";
constexpr const char* kIpv4Options =
    "46 00 00 20 00 01 00 00 40 06 00 00 0a 00 01 01 0a 00 01 02 01 01 01 01 9c 40 00 50 00 00 00 00 ";
constexpr const char* kLaterFragment =
    "45 00 00 20 00 01 20 10 40 11 00 00 0a 00 01 01 0a 00 01 02 9c 40 00 35 00 0c 00 00 ";
constexpr const char* kIpv4Icmp = "45 00 00 20 00 01 00 00 40 01 00 00 0a 00 01 01 0a 00 01 02 08 00 00 00 ";
const std::string kIpv6Ends =
    "fd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 fd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 02 ";
const std::string kIpv6HopByHopTcp =
    "60 00 00 00 00 14 00 40 " + kIpv6Ends + "06 00 01 04 00 00 00 00 9c 40 01 bb 00 00 00 00 ";
const std::string kIpv6LaterFragment =
    "60 00 00 00 00 14 2c 40 " + kIpv6Ends + "11 00 00 08 00 00 00 01 9c 40 01 bb 00 00 00 00 ";
const std::string kIpv6EndlessHeaders = "60 00 00 00 00 14 00 40 " + kIpv6Ends + "00 ff 01 04 00 00 00 00 ";

struct HeaderRow {
  const char* name;
  std::string bytes;
  const char* source;
  std::uint8_t protocol;
  std::uint16_t destination_port;
};

TEST(PacketHeaders, AreReadFromWhatIsThere) {
  const HeaderRow rows[] = {
      {"udp", kIpv4Udp, "10.0.1.1", 17, 53},
      {"IPv4 options", kIpv4Options, "10.0.1.1", 6, 80},
      {"a later fragment has no ports", kLaterFragment, "10.0.1.1", 17, 0},
      {"icmp has no ports", kIpv4Icmp, "10.0.1.1", 1, 0},
      {"IPv6 extension headers", kIpv6HopByHopTcp, "fd00::1", 6, 443},
      {"a later IPv6 fragment has no ports", kIpv6LaterFragment, "fd00::1", 17, 0},
      {"headers that lead beyond the end", kIpv6EndlessHeaders, "fd00::1", 0, 0},
  };
  for (const HeaderRow& row : rows) {
    SCOPED_TRACE(row.name);
    const Result<PacketHeaders> headers = read_headers(bytes_of(row.bytes));
    ASSERT_TRUE(headers);
    EXPECT_EQ(policy::print_address(headers->source), row.source);
    EXPECT_EQ(headers->protocol.number, row.protocol);
    EXPECT_EQ(headers->destination_port, row.destination_port);
  }
  EXPECT_EQ(read_headers(bytes_of(kIpv4Icmp))->icmp_type, 8);
}

TEST(PacketHeaders, CutAnywhereAreNeverReadBeyondTheirEnd) {
  for (const std::string& whole : {std::string(kIpv4Options), kIpv6HopByHopTcp, kIpv6LaterFragment}) {
    const std::string bytes = bytes_of(whole);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      // A copy of its own, so that a sanitizer sees every byte too many.
      const std::vector<char> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      const Result<PacketHeaders> headers = read_headers({cut.data(), cut.size()});
      const std::size_t needed = bytes.front() == 0x60 ? 40 : 20;
      EXPECT_EQ(static_cast<bool>(headers), size >= needed) << size;
    }
  }
}

// ---- why -----------------------------------------------------------------------------------------------------

constexpr const char* kShop = R"yaml(
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: node-1, containers: [{name: c, image: none}]}
status: {phase: Running, podIPs: [{ip: 10.0.1.1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {nodeName: node-1, containers: [{name: c, image: none}]}
status: {phase: Running, podIPs: [{ip: 10.0.1.2}]}
---
apiVersion: v1
kind: Pod
metadata: {name: far, namespace: shop, labels: {app: far}}
spec: {nodeName: node-2, containers: [{name: c, image: none}]}
status: {phase: Running, podIPs: [{ip: 10.0.2.1}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: shop}
spec: {podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress]}
---
apiVersion: projectcalico.org/v3
kind: Tier
metadata: {name: security}
spec: {order: 10}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: no-smtp}
spec:
  tier: security
  selector: app == 'web'
  types: [Egress]
  egress: [{action: Pass, protocol: UDP}, {action: Deny, protocol: TCP, destination: {ports: [25]}}, {action: Pass}]
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: uplink}
spec: {node: node-1, interfaceName: eth0}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: web-only}
spec:
  selector: "!has(app)"
  order: 5
  types: [Ingress]
  applyOnForward: false
  ingress: [{action: Allow, protocol: TCP, destination: {ports: [80]}}]
)yaml";

struct PacketWords {
  const char* from;
  const char* to;
  std::uint16_t port = 80;
  nft::Hook hook = nft::Hook::Forward;
  const char* in = "cni0";
  const char* out = "cni0";
};

DeniedPacket packet_of(const PacketWords& words) {
  DeniedPacket packet{.hook = words.hook, .in_interface = words.in, .out_interface = words.out, .headers = {}};
  packet.headers.source = *policy::parse_address(words.from);
  packet.headers.destination = *policy::parse_address(words.to);
  packet.headers.protocol = policy::kTcp;
  packet.headers.source_port = 40000;
  packet.headers.destination_port = words.port;
  return packet;
}

Drop explain(const PacketWords& words) {
  static const policy::NodePolicy policy = policy::resolve(test::World::of(kShop).snapshot(), {.node = "node-1"});
  nft::CompileOptions options{.node = "node-1"};
  options.pod_cidrs = {*policy::parse_prefix("10.0.1.0/24")};
  options.endpoint_to_host = nft::CompileOptions::EndpointToHost::Drop;
  return explain_drop(packet_of(words), policy, options);
}

struct WhyRow {
  PacketWords packet;
  const char* by;
  const char* direction;
  const char* words;
  const char* counter;
};

TEST(Drops, AreExplainedByThePolicyInForce) {
  const WhyRow rows[] = {
      {{"10.0.1.1", "10.0.1.2"},
       "tier-default",
       "ingress",
       "tier default: no rule matched",
       "ingress/default/END-Deny"},
      {{"10.0.1.1", "192.0.2.9", 25, nft::Hook::Forward, "cni0", "eth0"},
       "rule",
       "egress",
       "tier security, GlobalNetworkPolicy no-smtp, rule 2",
       "egress/security/GlobalNetworkPolicy/no-smtp/2"},
      {{"10.0.1.77", "10.0.1.1"}, "unknown-pod", "", "10.0.1.77 is in this node's pod network", ""},
      {{"10.0.2.1", "10.0.1.78"}, "unknown-pod", "", "10.0.1.78 is in this node's pod network", ""},
      {{"10.0.1.2", "192.0.2.1", 22, nft::Hook::Input, "cni0", ""}, "endpoint-to-host", "", "no pod may reach", ""},
      {{"198.51.100.7", "192.0.2.1", 8080, nft::Hook::Input, "eth0", ""},
       "tier-default",
       "ingress",
       "tier default: no rule matched",
       "ingress/default/END-Deny"},
      {{"198.51.100.7", "192.0.2.1", 80, nft::Hook::Input, "eth0", ""}, "changed", "", "does not deny it", ""},
  };
  for (const WhyRow& row : rows) {
    SCOPED_TRACE(std::string(row.packet.from) + " -> " + row.packet.to);
    const Drop drop = explain(row.packet);
    EXPECT_EQ(drop.by, row.by);
    EXPECT_EQ(drop.direction, row.direction);
    EXPECT_THAT(drop.words, HasSubstr(row.words));
    EXPECT_EQ(drop.counter, row.counter);
  }
  EXPECT_EQ(explain({"198.51.100.7", "192.0.2.1", 8080, nft::Hook::Input, "eth0", ""}).endpoint, "uplink");
}

// ---- what is kept --------------------------------------------------------------------------------------------

TEST(DropLog, TheSameAgainWithinASecondIsOneEntry) {
  DropLog log;
  Drop drop = explain({"10.0.1.1", "10.0.1.2"});
  log.add(drop, milliseconds(0));
  drop.source_port = 40001;
  log.add(drop, milliseconds(900));
  log.add(explain({"10.0.1.1", "10.0.1.2", 81}), milliseconds(950));
  log.add(drop, milliseconds(1000));
  const std::vector<LoggedDrop> entries = log.since(0, 10);
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].packets, 2U);
  EXPECT_EQ(entries[0].last, milliseconds(900));
  EXPECT_EQ(entries[1].drop.destination_port, 81);
  EXPECT_EQ(entries[2].first, milliseconds(1000));
}

TEST(DropLog, KeepsTheNewestAndKnowsWhatCameBehind) {
  DropLog log;
  for (std::uint16_t i = 1; i <= DropLog::kMost + 10; ++i)
    log.add(explain({"10.0.1.1", "10.0.1.2", i}), milliseconds(i));
  EXPECT_EQ(log.since(0, 5'000).size(), DropLog::kMost);
  EXPECT_EQ(log.since(0, 5'000).front().drop.destination_port, 11);
  EXPECT_EQ(log.since(log.last_number() - 1, 5'000).size(), 1U);
  EXPECT_EQ(log.since(0, 2).back().number, log.last_number());
  EXPECT_TRUE(log.since(log.last_number(), 5'000).empty());
}

TEST(DropLog, CountsByWhoDeniedTheMostFirst) {
  DropLog log;
  log.add(explain({"10.0.1.1", "10.0.1.2", 79}), milliseconds(0));
  log.add(explain({"198.51.100.7", "192.0.2.1", 8080, nft::Hook::Input, "eth0", ""}), milliseconds(2'000));
  log.add(explain({"10.0.1.1", "10.0.1.2", 80}), milliseconds(2'000));
  log.add(explain({"10.0.1.1", "10.0.1.2", 81}), milliseconds(3'000));
  const std::vector<DropLog::Decider> deciders = log.deciders(milliseconds(1'000), milliseconds(61'000));
  ASSERT_EQ(deciders.size(), 2U);
  EXPECT_EQ(deciders[0].packets, 2U);
  EXPECT_THAT(deciders[0].words, HasSubstr("ingress, "));
  EXPECT_EQ(deciders[1].packets, 1U);
  EXPECT_THAT(deciders[1].words, HasSubstr("(HostEndpoint uplink)"));
}

TEST(DropLog, WhatIsFromBeforeTheClockWasSetBackIsNotOfTheLastMinute) {
  DropLog log;
  log.add(explain({"10.0.1.1", "10.0.1.2", 80}), milliseconds(3'600'000));
  log.add(explain({"10.0.1.1", "10.0.1.2", 80}), milliseconds(1'000));
  ASSERT_EQ(log.since(0, 10).size(), 2U) << "not the same moment";
  const std::vector<DropLog::Decider> deciders = log.deciders(milliseconds(0), milliseconds(60'000));
  ASSERT_EQ(deciders.size(), 1U);
  EXPECT_EQ(deciders[0].packets, 1U);
}

struct DropMemoryTest : ::testing::Test {
  void deny(std::uint16_t port) {
    log.add(explain({"10.0.1.1", "10.0.1.2", port}), clock.unix_time());
    memory.note();
  }
  std::vector<LoggedDrop> remembered() {
    const DropLog empty;
    auto entries = DropMemory(empty, store, clock).restore();
    EXPECT_TRUE(entries);
    return *std::move(entries);
  }

  test::FakeClock clock;
  test::FakeStateStore store;
  DropLog log;
  DropMemory memory{log, store, clock};
};

TEST_F(DropMemoryTest, WritesWhatIsNewSomeSecondsLaterAndOnce) {
  EXPECT_FALSE(memory.due());
  deny(80);
  deny(81);
  const auto due = memory.due();
  ASSERT_TRUE(due);
  EXPECT_EQ(*due, clock.monotonic() + DropMemory::kSettle);
  clock.advance(DropMemory::kSettle);
  memory.step();
  EXPECT_EQ(remembered(), log.since(0, 10));
  EXPECT_FALSE(memory.due());
  const std::size_t calls = store.calls();
  memory.flush();
  EXPECT_EQ(store.calls(), calls) << "nothing new";
}

TEST_F(DropMemoryTest, AnEntryThatGrowsIsWrittenAgain) {
  deny(80);
  memory.flush();
  deny(80);
  memory.flush();
  ASSERT_EQ(remembered().size(), 1U);
  EXPECT_EQ(remembered().front().packets, 2U);
}

TEST_F(DropMemoryTest, WhatCouldNotBeWrittenIsWrittenWithTheNext) {
  deny(80);
  store.refuse(0, {ErrorKind::Exhausted, "the disk is full", 0});
  clock.advance(DropMemory::kSettle);
  memory.step();
  EXPECT_EQ(memory.trouble(), "the disk is full");
  ASSERT_TRUE(memory.due()) << "tried again";
  clock.advance(DropMemory::kSettle);
  memory.step();
  EXPECT_EQ(memory.trouble(), std::nullopt);
  EXPECT_EQ(remembered().size(), 1U);
}

TEST_F(DropMemoryTest, AnotherStoresEntriesStayInFrontOfOurs) {
  DropLog long_log;
  for (std::uint16_t port = 1; port <= 100; ++port)
    long_log.add(explain({"10.0.1.1", "10.0.1.2", port}), clock.unix_time());
  test::FakeStateStore of_before;
  DropMemory(long_log, of_before, clock).flush();
  deny(80);
  memory.flush();

  memory.move_to(of_before);
  ASSERT_TRUE(memory.due()) << "what was told so far goes there, too";
  memory.flush();
  const DropLog empty;
  const auto entries = DropMemory(empty, of_before, clock).restore();
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 101U);
  EXPECT_EQ(entries->back().number, 101U);
  EXPECT_EQ(entries->back().drop.destination_port, 80);
}

TEST_F(DropMemoryTest, NumbersGoOnAfterARestart) {
  deny(80);
  memory.flush();
  DropLog later;
  later.remember(remembered());
  DropMemory of_later(later, store, clock);
  ASSERT_TRUE(of_later.restore());
  of_later.note();
  EXPECT_FALSE(of_later.due()) << "nothing is new yet";
  later.add(explain({"10.0.1.1", "10.0.1.2", 81}), clock.unix_time() + milliseconds(5'000));
  of_later.flush();
  ASSERT_EQ(remembered().size(), 2U);
  EXPECT_EQ(remembered().back().number, 2U);
}

TEST_F(DropMemoryTest, WhatCannotBeReadIsLeftOut) {
  deny(80);
  memory.flush();
  ASSERT_TRUE(store.put_drops({{2, "{"}, {3, "[]"}, {4, print_told(log.since(0, 1).front())}}));
  EXPECT_EQ(remembered().size(), 1U) << "no JSON, no entry, the entry of another number";
}

TEST(DropLog, PodsOfOtherNodesGetTheirNames) {
  DropLog log;
  log.add(explain({"10.0.2.1", "10.0.1.2"}), milliseconds(0));
  std::vector<LoggedDrop> entries = log.since(0, 1);
  EXPECT_EQ(entries.front().drop.source.pod, "");
  EXPECT_EQ(entries.front().drop.destination.pod, "shop/db");
  name_pods(entries, test::World::of(kShop).snapshot());
  EXPECT_EQ(entries.front().drop.source.pod, "shop/far");
}

TEST(DropPage, ComesBackAsItWas) {
  DropLog log;
  log.add(explain({"10.0.1.1", "10.0.1.2"}), milliseconds(5));
  const DropPage page{.drops = log.since(0, 1), .last = 1, .trouble = "why"};
  const Result<DropPage> read = drop_page_from_json(to_json(page));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, page);
}

}  // namespace
}  // namespace tierwall::daemon
