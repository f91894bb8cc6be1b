// What every TableCounters keeps to. The fake runs it always, the kernel in a network namespace of the test when it may
// make one.

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "nft/diff.h"
#include "nft/netlink_tables.h"
#include "nft/table_counters.h"
#include "systemd/unique_fd.h"
#include "tests/fakes/fake_kernel_tables.h"
#include "tests/unit/nft/kernel_namespace.h"
#include "tests/unit/nft/sample_rulesets.h"

namespace tierwall::nft {
namespace {

constexpr std::uint16_t kWeb = 80;
constexpr std::uint16_t kDns = 53;
constexpr std::size_t kPayload = 100;
constexpr std::uint64_t kPacket = 20 + 8 + kPayload;  // an IPv4 and a UDP header in front

std::string name_of(std::uint16_t port) {
  return port == kWeb ? "web" : "dns";
}

Rule counts(std::uint16_t port) {
  return counted(rule({is(Field::UdpDport, port)}, back()), name_of(port));
}

/// Counts what this node sends to two ports.
Ruleset counting(std::vector<std::uint16_t> ports = {kWeb, kDns}) {
  Chain output = make_base_chain("output", Hook::Output, 0);
  Ruleset ruleset;
  for (const std::uint16_t port : ports) {
    output.rules.push_back(counts(port));
    ruleset.counters[name_of(port)] = {name_of(port), {}};
  }
  ruleset.chains["output"] = std::move(output);
  return ruleset;
}

class FakeCounting {
 public:
  static bool is_there() { return true; }
  KernelTables& tables() { return tables_; }
  TableCounters& counters() { return tables_; }
  void send_to(std::uint16_t port) { tables_.hit(name_of(port), kPacket); }

 private:
  test::FakeKernelTables tables_;
};

class KernelCounting {
 public:
  static bool is_there() { return has_kernel(); }
  KernelCounting() {
    enter_fresh_namespace();
    EXPECT_EQ(std::system("ip link set lo up"), 0);
    auto tables = NetlinkTables::open();
    auto counters = NetlinkTableCounters::open();
    TIERWALL_CHECK(tables && counters);
    tables_ = std::move(*tables);
    counters_ = std::move(*counters);
  }
  KernelTables& tables() { return *tables_; }
  TableCounters& counters() { return *counters_; }
  void send_to(std::uint16_t port) {
    const systemd::UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const std::array<char, kPayload> payload{};
    EXPECT_EQ(sendto(fd.raw(), payload.data(), payload.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to),
              static_cast<ssize_t>(kPayload));
  }

 private:
  std::unique_ptr<NetlinkTables> tables_;
  std::unique_ptr<NetlinkTableCounters> counters_;
};

template <typename Subject>
class TableCountersContract : public testing::Test {
 protected:
  void SetUp() override {
    if (!Subject::is_there()) GTEST_SKIP() << "needs root and nft";
    subject_ = std::make_unique<Subject>();
  }
  void commit(const ChangeSet& changes) {
    const CommitOutcome outcome = subject_->tables().commit(changes);
    const auto* rejected = std::get_if<Rejected>(&outcome);
    ASSERT_EQ(rejected, nullptr) << rejected->message;
  }
  CounterReadings take() {
    const Result<CounterReadings> readings = subject_->counters().take();
    EXPECT_TRUE(readings);
    return readings ? *readings : CounterReadings();
  }
  void send_to(std::uint16_t port) { subject_->send_to(port); }

  std::unique_ptr<Subject> subject_;
};

using CountingImplementations = testing::Types<FakeCounting, KernelCounting>;
TYPED_TEST_SUITE(TableCountersContract, CountingImplementations);

TYPED_TEST(TableCountersContract, WithoutATableNothingIsCounted) {
  EXPECT_EQ(this->take(), CounterReadings());
}

TYPED_TEST(TableCountersContract, EveryPacketIsTakenOnce) {
  this->commit(rebuild(counting()));
  this->send_to(kWeb);
  this->send_to(kWeb);
  EXPECT_EQ(this->take(), (CounterReadings{{"web", {2, 2 * kPacket}}}));
  this->send_to(kDns);
  EXPECT_EQ(this->take(), (CounterReadings{{"dns", {1, kPacket}}}));
  EXPECT_EQ(this->take(), CounterReadings());
}

TYPED_TEST(TableCountersContract, ACounterOutlivesTheRulesThatNameIt) {
  this->commit(rebuild(counting()));
  this->send_to(kWeb);
  Ruleset other = counting();
  other.chains["output"].rules.push_back(rule({is(Field::UdpDport, 1)}, back()));
  this->commit(diff(counting(), other));
  this->send_to(kWeb);
  EXPECT_EQ(this->take(), (CounterReadings{{"web", {2, 2 * kPacket}}}));
}

TYPED_TEST(TableCountersContract, WhatACounterCountedGoesWithItAndWithTheTable) {
  this->commit(rebuild(counting()));
  this->send_to(kWeb);
  this->send_to(kDns);
  this->commit(diff(counting(), counting({kWeb})));
  EXPECT_EQ(this->take(), (CounterReadings{{"web", {1, kPacket}}}));
  this->send_to(kWeb);
  this->commit(rebuild(counting()));
  EXPECT_EQ(this->take(), CounterReadings());
}

TYPED_TEST(TableCountersContract, ThousandsAreReadInOneGo) {
  Ruleset many = counting();
  for (int i = 0; i < 3000; ++i) {
    const std::string name = "ingress/default/NetworkPolicy/some-namespace/some-policy-" + std::to_string(i);
    many.counters[name] = {name, {}};
  }
  many.counters["web"].comment = "also one with a comment";
  this->commit(rebuild(many));
  this->send_to(kWeb);
  EXPECT_EQ(this->take(), (CounterReadings{{"web", {1, kPacket}}}));
}

}  // namespace
}  // namespace tierwall::nft
