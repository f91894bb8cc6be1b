#include "daemon/connections/netlink_connection_events.h"

#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include <fmt/format.h>

#include "daemon/connections/connection_messages.h"

namespace tierwall::daemon {

namespace {

constexpr const char* kEventsSetting = "/proc/sys/net/netfilter/nf_conntrack_events";
// One connection per datagram, of some 200 bytes.
constexpr std::size_t kEventRoom = 8192;
// For a burst while the loop is busy; the kernel gives what net.core.rmem_max allows.
constexpr int kBacklogBytes = 1 << 20;

Error events_error(const char* what) {
  const ErrorKind kind = errno == EPERM || errno == EACCES ? ErrorKind::Denied : ErrorKind::Unavailable;
  return {kind, fmt::format("{}: {}", what, std::strerror(errno)), errno};
}

bool is_switched_off() {
  std::ifstream file(kEventsSetting);
  int setting = 1;
  return file >> setting && setting == 0;
}

void take_new(const char* bytes, std::size_t size, std::vector<TrackedConnection>& connections) {
  auto left = static_cast<int>(size);
  const auto* message = reinterpret_cast<const nlmsghdr*>(bytes);
  // libmnl takes a length beyond 2^31 for a negative one, which fits everywhere and never advances.
  while (mnl_nlmsg_ok(message, left) && message->nlmsg_len <= static_cast<std::uint32_t>(left)) {
    if (auto connection = read_tracked(*message)) connections.push_back(*connection);
    message = mnl_nlmsg_next(message, &left);
  }
}

}  // namespace

void NetlinkConnectionEvents::SocketCloser::operator()(mnl_socket* socket) const {
  mnl_socket_close(socket);
}

NetlinkConnectionEvents::NetlinkConnectionEvents(MnlSocket socket) : socket_(std::move(socket)), room_(kEventRoom) {}

Result<std::unique_ptr<ConnectionEvents>> NetlinkConnectionEvents::open() {
  if (is_switched_off()) {
    return Error{ErrorKind::Unsupported,
                 "the kernel tells of no connections: net.netfilter.nf_conntrack_events = 0 (sysctl)"};
  }
  MnlSocket socket(mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC));
  if (socket == nullptr || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) {
    return events_error("cannot open a netlink socket for new connections");
  }
  const int fd = mnl_socket_get_fd(socket.get());
  int on = 1;
  // What does not fit is counted (lost()), and is no error that would have to be read.
  if (mnl_socket_setsockopt(socket.get(), NETLINK_NO_ENOBUFS, &on, sizeof on) < 0 ||
      ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kBacklogBytes, sizeof kBacklogBytes) < 0) {
    return events_error("cannot set up a netlink socket for new connections");
  }
  int group = NFNLGRP_CONNTRACK_NEW;
  if (mnl_socket_setsockopt(socket.get(), NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0) {
    return events_error("cannot listen to new connections");
  }
  return std::unique_ptr<ConnectionEvents>(std::make_unique<NetlinkConnectionEvents>(std::move(socket)));
}

int NetlinkConnectionEvents::fd() const {
  return mnl_socket_get_fd(socket_.get());
}

Result<std::vector<TrackedConnection>> NetlinkConnectionEvents::read(std::size_t most) {
  std::vector<TrackedConnection> connections;
  for (std::size_t datagrams = 0; datagrams < most; ++datagrams) {
    const ssize_t received = recv(fd(), room_.data(), room_.size(), MSG_DONTWAIT);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0 && errno != EAGAIN) return events_error("cannot read new connections");
    if (received <= 0) break;
    take_new(room_.data(), static_cast<std::size_t>(received), connections);
  }
  return connections;
}

std::uint64_t NetlinkConnectionEvents::lost() const {
  std::array<std::uint32_t, SK_MEMINFO_VARS> of_socket{};
  socklen_t size = sizeof of_socket;
  if (::getsockopt(fd(), SOL_SOCKET, SO_MEMINFO, of_socket.data(), &size) < 0) return 0;
  return of_socket[SK_MEMINFO_DROPS];
}

}  // namespace tierwall::daemon
