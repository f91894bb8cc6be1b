#include "daemon/connections/new_connections.h"

#include <poll.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_compat.h>
#include <linux/netlink.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "daemon/connections/connection_messages.h"

namespace tierwall::daemon {

namespace {

constexpr std::size_t kDatagramRoom = std::size_t{64} * 1024;
/// The kernel keeps so much for a reader that is busy: some ten thousand connections.
constexpr int kQueueBytes = 4 << 20;

Error events_error(const char* what) {
  const int number = errno;
  const ErrorKind kind = number == EPERM || number == EACCES ? ErrorKind::Denied : ErrorKind::Unavailable;
  return {kind, fmt::format("{}: {}", what, std::strerror(number)), number};
}

void take_messages(const char* bytes, std::size_t size, std::vector<TrackedConnection>& connections) {
  const auto* message = reinterpret_cast<const nlmsghdr*>(bytes);
  auto left = static_cast<int>(size);
  // libmnl takes a length beyond 2^31 for a negative one, which fits everywhere and never advances.
  while (mnl_nlmsg_ok(message, left) && message->nlmsg_len <= static_cast<std::uint32_t>(left)) {
    if (auto connection = read_tracked(*message)) connections.push_back(*std::move(connection));
    message = mnl_nlmsg_next(message, &left);
  }
}

}  // namespace

void NewConnections::SocketCloser::operator()(mnl_socket* socket) const {
  mnl_socket_close(socket);
}

Result<NewConnections> NewConnections::open() {
  std::unique_ptr<mnl_socket, SocketCloser> socket(mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC));
  if (!socket || mnl_socket_bind(socket.get(), NF_NETLINK_CONNTRACK_NEW, MNL_SOCKET_AUTOPID) < 0)
    return events_error("cannot listen to new connections");
  setsockopt(mnl_socket_get_fd(socket.get()), SOL_SOCKET, SO_RCVBUFFORCE, &kQueueBytes, sizeof kQueueBytes);
  return NewConnections(std::move(socket));
}

Result<std::vector<TrackedConnection>> NewConnections::read(std::chrono::milliseconds patience) {
  if (std::exchange(lost_, false))
    return Error{ErrorKind::Exhausted, "some new connections were lost: there are more than can be told", ENOBUFS};
  pollfd readable{.fd = mnl_socket_get_fd(socket_.get()), .events = POLLIN, .revents = 0};
  std::vector<TrackedConnection> connections;
  if (poll(&readable, 1, static_cast<int>(patience.count())) <= 0) return connections;
  alignas(nlmsghdr) std::array<char, kDatagramRoom> room;
  for (;;) {
    const ssize_t received = recv(readable.fd, room.data(), room.size(), MSG_DONTWAIT);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0 && errno == ENOBUFS) {
      lost_ = true;
      continue;
    }
    if (received < 0 && errno != EAGAIN) return events_error("cannot read new connections");
    if (received <= 0) return connections;
    take_messages(room.data(), static_cast<std::size_t>(received), connections);
  }
}

}  // namespace tierwall::daemon
