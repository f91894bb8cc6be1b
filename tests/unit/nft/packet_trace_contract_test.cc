// The contract of PacketTrace, kept by the fake, and by the kernel in a network namespace of the test's own.

#include "nft/packet_trace.h"

#include <algorithm>
#include <cstdlib>
#include <functional>

#include <arpa/inet.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include "nft/encode.h"
#include "nft/netlink_trace.h"
#include "systemd/unique_fd.h"
#include "tests/fakes/fake_packet_trace.h"
#include "tests/unit/nft/kernel_namespace.h"

namespace tierwall::nft {
namespace {

constexpr std::chrono::milliseconds kShort{20};
constexpr std::uint16_t kTraced = 7000;
constexpr std::uint16_t kNotTraced = 7001;

/// Sends a datagram to that port of 127.0.0.1, past a rule of table "ip others", whose comment is "seen".
using Send = std::function<void(std::uint16_t port)>;

TracedFlow traced_flow(std::uint32_t packets) {
  return {.destination = *policy::parse_address("127.0.0.1"),
          .protocol = policy::kUdp,
          .destination_port = kTraced,
          .packets = packets};
}

std::vector<TraceStep> read_steps(PacketTrace& trace) {
  const auto steps = trace.read(kShort);
  if (steps) return *steps;
  ADD_FAILURE() << steps.error().message;
  return {};
}

std::size_t count_packets(const std::vector<TraceStep>& steps) {
  return static_cast<std::size_t>(std::ranges::count_if(steps, [](const TraceStep& step) {
    return step.table == kTraceName && step.chain == "sent" && step.at == TraceStep::At::Rule;
  }));
}

void expect_trace_contract(PacketTrace& trace, PacketTrace& another, const Send& send) {
  send(kTraced);
  EXPECT_TRUE(read_steps(trace).empty()) << "nothing is traced before it is asked for";
  ASSERT_TRUE(trace.start(traced_flow(2)));
  const Result<void> twice = another.start(traced_flow(1));
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().kind, ErrorKind::Conflict) << twice.error().message;

  send(kNotTraced);
  EXPECT_TRUE(read_steps(trace).empty());
  for (int i = 0; i < 3; ++i) send(kTraced);
  const std::vector<TraceStep> steps = read_steps(trace);
  EXPECT_EQ(count_packets(steps), 2U) << "no more than was asked for";
  const Result<RuleComments> comments = trace.list_comments();
  ASSERT_TRUE(comments) << comments.error().message;
  const auto seen = std::ranges::find(steps, "others", &TraceStep::table);
  ASSERT_NE(seen, steps.end());
  EXPECT_EQ(seen->at, TraceStep::At::Rule);
  EXPECT_EQ(seen->packet, steps.front().packet);
  ASSERT_TRUE(comments->contains(seen->key()));
  EXPECT_EQ(comments->at(seen->key()), "seen");
  EXPECT_FALSE(trace.has_lost());
}

void expect_loss_is_known(PacketTrace& trace, const Send& send) {
  ASSERT_TRUE(trace.start(traced_flow(100)));
  for (int i = 0; i < 100; ++i) send(kTraced);
  EXPECT_GT(count_packets(read_steps(trace)), 0U) << "what was not lost is told";
  EXPECT_TRUE(trace.has_lost());
}

const TraceStep kSeen{
    .at = TraceStep::At::Rule, .family = 2, .table = "others", .chain = "out", .rule = 2, .verdict = "continue"};

TEST(PacketTrace, OfTheFake) {
  test::FakePacketTrace fake;
  fake.comments = {{kSeen.key(), "seen"}};
  test::FakePacketTrace another;
  another.others_trace = true;
  expect_trace_contract(fake, another, [&](std::uint16_t port) { fake.send(port, {kSeen}); });
  test::FakePacketTrace small;
  small.room = 5;
  expect_loss_is_known(small, [&](std::uint16_t port) { small.send(port, {kSeen}); });
}

bool enter_namespace_with_others() {
  if (!has_kernel()) return false;
  enter_fresh_namespace();
  return std::system("ip link set lo up") == 0 &&
         load_with_nft(
             "table ip others { chain out { type filter hook output priority 0; counter comment \"seen\"; }; }")
                 .status == 0;
}

void send_datagram(std::uint16_t port) {
  const systemd::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::sendto(socket.raw(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to), 1);
}

TEST(PacketTrace, OfTheKernel) {
  if (!enter_namespace_with_others()) GTEST_SKIP() << "needs root, ip and nft";
  {
    const auto trace = NetlinkTrace::open();
    const auto another = NetlinkTrace::open();
    ASSERT_TRUE(trace) << trace.error().message;
    ASSERT_TRUE(another) << another.error().message;
    expect_trace_contract(**trace, **another, send_datagram);
  }
  EXPECT_EQ(run_nft("list tables").output, "table ip others\n") << "the tracing table goes with who made it";
  constexpr int kFewSteps = 4096;
  const auto small = NetlinkTrace::open(kFewSteps);
  ASSERT_TRUE(small) << small.error().message;
  expect_loss_is_known(**small, send_datagram);
}

}  // namespace
}  // namespace tierwall::nft
