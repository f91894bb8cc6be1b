// While the table changes, a pod sends to another as fast as it can what no table allows. Nothing may arrive. (One
// datagram now and then, as in the other stories, does not find gaps of a tenth of a millisecond.)

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <variant>

#include <poll.h>
#include <sys/socket.h>

#include "nft/compile.h"
#include "nft/diff.h"
#include "nft/netlink_tables.h"
#include "nft/table_words.h"
#include "tests/lab/child_process.h"
#include "tests/lab/probe.h"
#include "tests/lab/socket_address.h"
#include "tests/lab/topology.h"

namespace tierwall::lab {
namespace {

constexpr const char* kFrom = "10.0.0.1";
constexpr const char* kTo = "10.0.0.2";
constexpr std::uint16_t kPort = 9999;

class Flood {
 public:
  Flood(const Host& from, const Host& to)
      : source_(open_socket(from, {.type = SOCK_DGRAM})),
        destination_(open_socket(to, {.type = SOCK_DGRAM, .address = &to.address(policy::Family::V4), .port = kPort})) {
    const SocketAddress target(to.address(policy::Family::V4), kPort);
    if (::connect(source_.number(), target.get(), target.length()) != 0) throw_errno("connect");
    receiver_ = std::jthread([this](const std::stop_token& stop) { receive(stop); });
    sender_ = std::jthread([this](const std::stop_token& stop) { send(stop); });
    while (sent_ == 0) std::this_thread::yield();
  }

  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  [[nodiscard]] std::uint64_t arrived() const { return arrived_; }

 private:
  void send(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (::send(source_.number(), "x", 1, MSG_NOSIGNAL) == 1) ++sent_;
    }
  }
  void receive(const std::stop_token& stop) {
    std::array<char, 8> buffer{};
    while (!stop.stop_requested()) {
      pollfd waiting{.fd = destination_.number(), .events = POLLIN, .revents = 0};
      if (::poll(&waiting, 1, 20) <= 0) continue;
      while (::recv(destination_.number(), buffer.data(), buffer.size(), MSG_DONTWAIT) > 0) ++arrived_;
    }
  }

  UniqueFd source_;
  UniqueFd destination_;
  std::atomic<std::uint64_t> sent_{0};
  std::atomic<std::uint64_t> arrived_{0};
  std::jthread receiver_;
  std::jthread sender_;
};

/// Pods of this node that nobody knows: an interval set decides.
nft::Ruleset unknown_pods() {
  return *nft::compile({}, {.pod_cidrs = {*policy::parse_prefix("10.0.0.0/24")}});
}

/// The same, by a set of another name and meaning.
nft::Ruleset with_other_set(nft::Ruleset table, const std::string& name) {
  nft::Set set{name, {nft::FieldType::Ipv4Addr}, true, false, "", {}};
  set.elements = {
      {nft::make_key(*policy::parse_address("10.0.0.0")), nft::make_key(*policy::parse_address("10.0.0.9")), {}, {}}};
  table.sets[name] = std::move(set);
  table.chains["forward"].rules = {{{nft::in_set(nft::Field::IpSaddr, name)}, nft::Verdict{}, "nobody"}};
  return table;
}

class NoGapTest : public ::testing::Test {
 protected:
  NoGapTest() {
    auto tables = lab_.node().network.run([] { return nft::NetlinkTables::open(); });
    TIERWALL_CHECK(tables);
    tables_ = std::move(*tables);
  }
  void commit(const nft::ChangeSet& changes) {
    ASSERT_TRUE(std::holds_alternative<nft::Committed>(tables_->commit(changes)));
  }
  [[nodiscard]] std::string tables_on_node() const {
    return run_command({.argv = {"nft", "list", "tables"}, .inside = &lab_.node().network}).output;
  }
  [[nodiscard]] const Host& sender() const { return lab_.host("app/a"); }
  [[nodiscard]] const Host& receiver() const { return lab_.host("app/b"); }

 private:
  Lab lab_{{.pods = {make_machine("app/a", {kFrom}), make_machine("app/b", {kTo})}}};
  std::unique_ptr<nft::NetlinkTables> tables_;
};

TEST_F(NoGapTest, WhileTheTableIsWrittenAnew) {
  commit(nft::rebuild(unknown_pods()));
  const Flood flood(sender(), receiver());
  for (int i = 0; i < 15; ++i) commit(nft::rebuild(unknown_pods()));
  EXPECT_EQ(flood.arrived(), 0U) << "of " << flood.sent();
  EXPECT_EQ(tables_on_node(), "table inet tierwall\n") << "the copy is gone";
}

TEST_F(NoGapTest, WhileAnIntervalSetTakesThePlaceOfAnother) {
  const nft::Ruleset one = with_other_set(unknown_pods(), "nets4-one");
  const nft::Ruleset other = with_other_set(unknown_pods(), "nets4-other");
  commit(nft::rebuild(one));
  const Flood flood(sender(), receiver());
  for (int i = 0; i < 50; ++i) {
    commit(nft::diff(one, other));
    commit(nft::diff(other, one));
  }
  EXPECT_EQ(flood.arrived(), 0U) << "of " << flood.sent();
}

TEST_F(NoGapTest, ThatItWouldBeSeen) {
  commit(nft::rebuild(*nft::compile({}, {})));
  const Flood flood(sender(), receiver());
  for (int i = 0; i < 1000 && flood.arrived() == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_GT(flood.arrived(), 0U);
}

}  // namespace
}  // namespace tierwall::lab
