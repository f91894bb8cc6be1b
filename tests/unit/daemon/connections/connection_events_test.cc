// The contract of ConnectionEvents, kept by the fake, and by the kernel in a network namespace of the test's own.

#include "daemon/connections/connection_events.h"

#include <cstdlib>
#include <cstring>
#include <functional>
#include <set>

#include <arpa/inet.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "daemon/connections/netlink_connection_events.h"
#include "systemd/unique_fd.h"
#include "tests/fakes/fake_connection_events.h"
#include "tests/unit/daemon/connections/tracked.h"

namespace tierwall::daemon {
namespace {

constexpr std::uint16_t kFirstPort = 7000;
constexpr std::size_t kTooMany = 20'000;

bool is_readable(const ConnectionEvents& events) {
  pollfd polled{.fd = events.fd(), .events = POLLIN, .revents = 0};
  return ::poll(&polled, 1, 0) == 1 && (polled.revents & POLLIN) != 0;
}

std::vector<TrackedConnection> read_some(ConnectionEvents& events, std::size_t most) {
  Result<std::vector<TrackedConnection>> some = events.read(most);
  if (some) return *std::move(some);
  ADD_FAILURE() << some.error().message;
  return {};
}

/// `begin(PORT)` makes a connection over UDP from 127.0.0.1 to that port of it.
void expect_events_contract(ConnectionEvents& events, const std::function<void(std::uint16_t)>& begin) {
  EXPECT_FALSE(is_readable(events));
  EXPECT_TRUE(read_some(events, 10).empty()) << "it does not wait";
  for (std::uint16_t port = kFirstPort; port < kFirstPort + 3; ++port) begin(port);
  EXPECT_TRUE(is_readable(events));
  std::vector<TrackedConnection> told = read_some(events, 2);
  EXPECT_EQ(told.size(), 2U) << "not more than was asked for";
  EXPECT_TRUE(is_readable(events)) << "the rest waits";
  const std::vector<TrackedConnection> rest = read_some(events, 10);
  told.insert(told.end(), rest.begin(), rest.end());
  EXPECT_FALSE(is_readable(events));
  ASSERT_EQ(told.size(), 3U);
  for (std::size_t i = 0; i < told.size(); ++i) {
    EXPECT_EQ(told[i].original.destination, *policy::parse_address("127.0.0.1"));
    EXPECT_EQ(told[i].original.destination_port, kFirstPort + i) << "the oldest first";
    EXPECT_EQ(told[i].reply.source, told[i].original.destination);
  }
  EXPECT_EQ(events.lost(), 0U);
  // Nobody reads.
  for (std::size_t i = 0; i < kTooMany; ++i) begin(static_cast<std::uint16_t>(kFirstPort + 10 + i));
  std::uint64_t read = 0;
  for (std::size_t some = 1; some != 0; read += some) some = read_some(events, 64).size();
  EXPECT_GT(events.lost(), 0U);
  EXPECT_EQ(read + events.lost(), kTooMany) << "each is read or counted";
  begin(kFirstPort + 5);
  EXPECT_EQ(read_some(events, 10).size(), 1U) << "and it goes on";
}

TrackedConnection datagram_to(std::uint16_t port) {
  TrackedConnection connection = tracked_tcp("127.0.0.1", "127.0.0.1", port);
  connection.protocol = policy::kUdp;
  return connection;
}

TEST(ConnectionEvents, OfTheFake) {
  test::FakeConnectionEvents fake;
  expect_events_contract(fake, [&](std::uint16_t port) { fake.begin(datagram_to(port)); });
}

/// Loopback, and a table that asks for tracking.
bool enter_namespace_with_tracking() {
  return geteuid() == 0 && unshare(CLONE_NEWNET) == 0 && std::system("ip link set lo up") == 0 &&
         std::system("nft 'table inet others { chain c { type filter hook output priority 0; ct state new; }; }'") == 0;
}

TEST(ConnectionEvents, OfTheKernel) {
  if (!enter_namespace_with_tracking()) GTEST_SKIP() << "needs root, ip and nft";
  const auto kernel = NetlinkConnectionEvents::open();
  ASSERT_TRUE(kernel) << kernel.error().message;
  const systemd::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  expect_events_contract(**kernel, [&](std::uint16_t port) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // Nobody listens: what the kernel says about it comes with one of the next calls.
    while (::sendto(socket.raw(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 1) {
      ASSERT_EQ(errno, ECONNREFUSED) << std::strerror(errno);
    }
  });
}

TEST(ConnectionEvents, AreRefusedWhereTheKernelTellsNothing) {
  if (!enter_namespace_with_tracking()) GTEST_SKIP() << "needs root, ip and nft";
  if (std::system("echo 0 > /proc/sys/net/netfilter/nf_conntrack_events") != 0) {
    GTEST_SKIP() << "the setting cannot be changed here";
  }
  const auto kernel = NetlinkConnectionEvents::open();
  ASSERT_FALSE(kernel);
  EXPECT_EQ(kernel.error().kind, ErrorKind::Unsupported);
}

}  // namespace
}  // namespace tierwall::daemon
