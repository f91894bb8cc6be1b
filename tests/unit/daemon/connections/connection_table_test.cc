// The contract of ConnectionTable, kept by the fake, and by the kernel in a network namespace of the test's own.

#include "daemon/connections/connection_table.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <functional>

#include <arpa/inet.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "daemon/connections/netlink_connections.h"
#include "nft/cut_bit.h"
#include "systemd/unique_fd.h"
#include "tests/fakes/fake_connections.h"
#include "tests/unit/daemon/connections/tracked.h"

namespace tierwall::daemon {
namespace {

constexpr std::uint16_t kTrackedPort = 5353;
constexpr std::uint32_t kMarkOfOthers = 0x85;

std::vector<TrackedConnection> list_all(ConnectionTable& table) {
  std::vector<TrackedConnection> all;
  if (const Result<void> begun = table.begin_listing(); !begun) ADD_FAILURE() << begun.error().message;
  for (;;) {
    Result<std::optional<std::vector<TrackedConnection>>> some = table.list_some();
    if (!some) ADD_FAILURE() << some.error().message;
    if (!some || !*some) return all;
    all.insert(all.end(), (*some)->begin(), (*some)->end());
  }
}

/// What goes to the port, or is a ping.
std::vector<TrackedConnection> list_ours(ConnectionTable& table) {
  std::vector<TrackedConnection> ours = list_all(table);
  std::erase_if(ours, [](const TrackedConnection& each) {
    return each.original.destination_port != kTrackedPort && each.protocol != policy::kIcmp;
  });
  return ours;
}

/// `connect` makes connections of every sort to the port on loopback, and has others mark them.
void expect_contract(ConnectionTable& table, const std::function<void()>& connect) {
  const Result<std::set<policy::Address>> own = table.own_addresses();
  ASSERT_TRUE(own) << own.error().message;
  EXPECT_EQ(*own, (std::set{*policy::parse_address("127.0.0.1"), *policy::parse_address("::1")}));
  EXPECT_TRUE(list_ours(table).empty());
  connect();
  const std::vector<TrackedConnection> found = list_ours(table);
  ASSERT_FALSE(found.empty());
  for (const TrackedConnection& connection : found) {
    SCOPED_TRACE(static_cast<int>(connection.protocol.number));
    EXPECT_EQ(connection.mark, kMarkOfOthers);
    EXPECT_EQ(connection.reply.source, connection.original.destination);
    EXPECT_EQ(connection.reply.source_port, connection.original.destination_port);
    EXPECT_EQ(connection.zone, 0);
    for (const bool cut : {true, true, false, true}) {
      const Result<bool> marked = table.set_cut(connection, cut);
      ASSERT_TRUE(marked) << marked.error().message;
      EXPECT_TRUE(*marked);
      const std::vector<TrackedConnection> now = list_ours(table);
      EXPECT_EQ(now.size(), found.size());
      const TrackedConnection wanted = with_mark(connection, cut ? kMarkOfOthers | nft::kCutBit : kMarkOfOthers);
      EXPECT_EQ(std::count(now.begin(), now.end(), wanted), 1);
    }
  }
  // The kernel lists them in any order, and an echo request has no port that would make it another connection.
  TrackedConnection gone = *std::ranges::find_if(
      found, [](const TrackedConnection& connection) { return policy::has_ports(connection.protocol); });
  gone.original.source_port = 1;
  const Result<bool> marked = table.set_cut(gone, true);
  ASSERT_TRUE(marked) << marked.error().message;
  EXPECT_FALSE(*marked);
}

TEST(ConnectionTable, OfTheFake) {
  test::FakeConnections fake;
  fake.own = {*policy::parse_address("127.0.0.1"), *policy::parse_address("::1")};
  expect_contract(fake, [&] {
    fake.present = {with_mark(tracked_tcp("127.0.0.1", "127.0.0.1", kTrackedPort), kMarkOfOthers),
                    with_mark(tracked_tcp("::1", "::1", kTrackedPort), kMarkOfOthers),
                    with_mark(tracked_ping("127.0.0.1", "127.0.0.1"), kMarkOfOthers)};
  });
}

// ---- the kernel ----------------------------------------------------------------------------------------------

/// Loopback, of which others mark every connection.
bool enter_tracked_namespace() {
  return geteuid() == 0 && unshare(CLONE_NEWNET) == 0 && std::system("ip link set lo up") == 0 &&
         std::system(
             "nft 'table inet others { chain c { type filter hook output priority 0; "
             "ct state new ct mark set 0x85; }; }'") == 0;
}

sockaddr_storage loopback(int family, std::uint16_t port) {
  sockaddr_storage storage{};
  if (family == AF_INET) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::memcpy(&storage, &v4, sizeof v4);
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    v6.sin6_addr = in6addr_loopback;
    std::memcpy(&storage, &v6, sizeof v6);
  }
  return storage;
}

const sockaddr* generic(const sockaddr_storage& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

void send_datagram(int family) {
  const systemd::UniqueFd socket(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const sockaddr_storage to = loopback(family, kTrackedPort);
  EXPECT_EQ(::sendto(socket.raw(), "x", 1, 0, generic(to), sizeof to), 1) << std::strerror(errno);
}

void send_echo_request() {
  const systemd::UniqueFd socket(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
  const unsigned char echo[8] = {8, 0, 0xf7, 0xf8, 0, 7, 0, 0};  // type, code, checksum, id, sequence
  const sockaddr_storage to = loopback(AF_INET, 0);
  EXPECT_EQ(::sendto(socket.raw(), echo, sizeof echo, 0, generic(to), sizeof(sockaddr_in)), 8) << std::strerror(errno);
}

/// A TCP connection of this namespace with itself.
struct OwnConversation {
  explicit OwnConversation(int family)
      : listener(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)),
        client(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    ::setsockopt(listener.raw(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const sockaddr_storage at = loopback(family, kTrackedPort);
    EXPECT_EQ(::bind(listener.raw(), generic(at), sizeof at), 0) << std::strerror(errno);
    EXPECT_EQ(::listen(listener.raw(), 4), 0);
    EXPECT_EQ(::connect(client.raw(), generic(at), sizeof at), 0) << std::strerror(errno);
    server = systemd::UniqueFd(::accept4(listener.raw(), nullptr, nullptr, SOCK_CLOEXEC));
  }
  systemd::UniqueFd listener;
  systemd::UniqueFd client;
  systemd::UniqueFd server;
};

TEST(ConnectionTable, OfTheKernel) {
  if (!enter_tracked_namespace()) GTEST_SKIP() << "needs root, ip and nft";
  NetlinkConnections kernel;
  std::optional<OwnConversation> conversation;
  expect_contract(kernel, [&] {
    send_datagram(AF_INET);
    send_datagram(AF_INET6);
    send_echo_request();
    conversation.emplace(AF_INET);
  });
}

TEST(ConnectionTable, TheKernelEndsTheSocketThatIsMeantAndNoOther) {
  if (!enter_tracked_namespace()) GTEST_SKIP() << "needs root, ip and nft";
  NetlinkConnections kernel;
  for (const int family : {AF_INET, AF_INET6}) {
    OwnConversation conversation(family);
    std::vector<TrackedConnection> found = list_ours(kernel);
    std::erase_if(found, [&](const TrackedConnection& each) {
      return each.protocol != policy::kTcp ||
             (each.original.source.family == policy::Family::V4) != (family == AF_INET) || each.over;
    });
    ASSERT_EQ(found.size(), 1U);
    const ConnectionTuple& sent = found.front().original;
    SocketEnds nobodys{sent.destination, sent.source, sent.destination_port, 1};
    Result<bool> ended = kernel.end_socket(nobodys);
    ASSERT_TRUE(ended) << ended.error().message;
    EXPECT_FALSE(*ended) << "only the listener would take such a packet, and it stays";
    ended = kernel.end_socket({sent.destination, sent.source, sent.destination_port, sent.source_port});
    ASSERT_TRUE(ended) << ended.error().message;
    if (!*ended) GTEST_SKIP() << "this kernel ends no sockets";
    char byte = 0;
    EXPECT_EQ(::recv(conversation.server.raw(), &byte, 1, MSG_DONTWAIT), -1);
    EXPECT_EQ(errno, ECONNABORTED);
    const systemd::UniqueFd next(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_storage at = loopback(family, kTrackedPort);
    EXPECT_EQ(::connect(next.raw(), generic(at), sizeof at), 0) << "the listener is there";
  }
}

TEST(ConnectionTable, WithoutConnectionsTheKernelListsNone) {
  if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "needs root";
  NetlinkConnections kernel;
  EXPECT_TRUE(list_all(kernel).empty());
}

}  // namespace
}  // namespace tierwall::daemon
