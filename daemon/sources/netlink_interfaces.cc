#include "daemon/sources/netlink_interfaces.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

namespace tierwall::daemon {

namespace {

// A hundred pods that start at once send some thousand notices of about a kilobyte.
constexpr int kReceiveRoom = 4 << 20;
// The kernel fills at most this much of a buffer when it lists.
constexpr std::size_t kDatagramRoom = 32U << 10;
constexpr int kTries = 8;

using Room = std::array<std::uint8_t, kDatagramRoom>;

Error failure(const char* what, int number) {
  const ErrorKind kind = number == EPERM || number == EACCES ? ErrorKind::Denied : ErrorKind::Unavailable;
  return {kind, std::string(what) + ": " + std::strerror(number), number};
}

/// Bytes received, or 0 if nothing waits.
Result<std::size_t> receive(int fd, Room& room, int flags) {
  for (;;) {
    const ssize_t received = recv(fd, room.data(), room.size(), flags);
    if (received >= 0) return static_cast<std::size_t>(received);
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return std::size_t{0};
    if (errno == ENOBUFS) return Error{ErrorKind::Exhausted, "notices about network interfaces were lost", ENOBUFS};
    return failure("cannot read about network interfaces", errno);
  }
}

}  // namespace

void NetlinkInterfaces::SocketCloser::operator()(mnl_socket* socket) const {
  mnl_socket_close(socket);
}

NetlinkInterfaces::NetlinkInterfaces(MnlSocket socket) : socket_(std::move(socket)) {}

Result<std::unique_ptr<NetlinkInterfaces>> NetlinkInterfaces::open() {
  MnlSocket socket(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (socket == nullptr) return failure("cannot open a netlink socket", errno);
  const int room = kReceiveRoom;
  // Without the right to it the ordinary room stays, and more is read anew when notices are lost.
  static_cast<void>(setsockopt(mnl_socket_get_fd(socket.get()), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room));
  constexpr unsigned kGroups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (mnl_socket_bind(socket.get(), kGroups, MNL_SOCKET_AUTOPID) < 0) {
    return failure("cannot bind a netlink socket", errno);
  }
  return std::make_unique<NetlinkInterfaces>(std::move(socket));
}

int NetlinkInterfaces::fd() const {
  return mnl_socket_get_fd(socket_.get());
}

/// On a socket of its own, so that notices and answers do not mix and an abandoned list leaves nothing behind.
Result<bool> NetlinkInterfaces::ask(std::uint16_t type, std::vector<InterfaceNotice>& found) {
  const MnlSocket socket(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
  if (socket == nullptr) return failure("cannot open a netlink socket", errno);
  alignas(nlmsghdr) std::array<char, 64> request{};
  nlmsghdr* message = mnl_nlmsg_put_header(request.data());
  message->nlmsg_type = type;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  mnl_nlmsg_put_extra_header(message, type == RTM_GETLINK ? sizeof(ifinfomsg) : sizeof(ifaddrmsg));
  if (mnl_socket_sendto(socket.get(), message, message->nlmsg_len) < 0) {
    return failure("cannot ask for the network interfaces", errno);
  }
  alignas(nlmsghdr) Room room;
  for (bool of_one_moment = true;;) {
    const Result<std::size_t> length = receive(mnl_socket_get_fd(socket.get()), room, 0);
    if (!length) return length.error();
    InterfaceNotices answer = decode_interface_notices({room.data(), *length});
    if (answer.errno_value != 0) return failure("cannot list the network interfaces", answer.errno_value);
    std::move(answer.notices.begin(), answer.notices.end(), std::back_inserter(found));
    of_one_moment = of_one_moment && !answer.interrupted;
    if (answer.complete) return of_one_moment;
  }
}

Result<std::vector<InterfaceNotice>> NetlinkInterfaces::list() {
  for (int i = 0; i < kTries; ++i) {
    std::vector<InterfaceNotice> found;
    const Result<bool> links = ask(RTM_GETLINK, found);
    if (!links) return links.error();
    const Result<bool> addresses = ask(RTM_GETADDR, found);
    if (!addresses) return addresses.error();
    if (*links && *addresses) return found;
  }
  return Error{ErrorKind::Busy, "the network interfaces change faster than they can be listed"};
}

Result<std::vector<InterfaceNotice>> NetlinkInterfaces::read() {
  std::vector<InterfaceNotice> notices;
  std::optional<Error> lost;
  alignas(nlmsghdr) Room room;
  for (;;) {
    const Result<std::size_t> length = receive(fd(), room, MSG_DONTWAIT);
    if (!length && length.error().kind != ErrorKind::Exhausted) return length.error();
    if (!length) {
      lost = length.error();  // what waits still is older than what was lost, so it must not be believed
      continue;
    }
    if (*length == 0) break;
    InterfaceNotices read = decode_interface_notices({room.data(), *length});
    std::move(read.notices.begin(), read.notices.end(), std::back_inserter(notices));
  }
  if (lost) return *lost;
  return notices;
}

}  // namespace tierwall::daemon
