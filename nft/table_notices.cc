#include "nft/table_notices.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>

#include "nft/change_notices.h"

namespace tierwall::nft {

namespace {

// The kernel packs notices into messages of at most one page or 8 KiB; one that is larger holds a single object.
constexpr std::size_t kNoticeRoom = 64 * 1024;

Error notices_error(const char* what) {
  const int number = errno;
  const ErrorKind kind = number == EPERM || number == EACCES ? ErrorKind::Denied : ErrorKind::Unavailable;
  return {kind, std::string(what) + ": " + std::strerror(number), number};
}

/// Drops messages of this port before they take room in the socket. All messages of one packet are of one transaction.
bool leave_out(int fd, std::uint32_t port) {
  std::array<sock_filter, 4> steps = {{
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(nlmsghdr, nlmsg_pid)},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, htonl(port)},  // the filter loads big-endian, netlink writes host order
      {BPF_RET | BPF_K, 0, 0, 0},
      {BPF_RET | BPF_K, 0, 0, 0xffffffff},
  }};
  const sock_fprog program{.len = steps.size(), .filter = steps.data()};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

}  // namespace

void NetlinkTableNotices::SocketCloser::operator()(mnl_socket* socket) const {
  mnl_socket_close(socket);
}

NetlinkTableNotices::NetlinkTableNotices(MnlSocket socket) : socket_(std::move(socket)) {}

Result<std::unique_ptr<NetlinkTableNotices>> NetlinkTableNotices::open(std::uint32_t own_port, int receive_room) {
  MnlSocket socket(mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (socket == nullptr) return notices_error("cannot open a netlink socket for notices");
  const int fd = mnl_socket_get_fd(socket.get());
  if (!leave_out(fd, own_port)) return notices_error("cannot filter notices of nftables");
  // In a user namespace there is less room; what is lost then is told of.
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_room, sizeof receive_room) < 0) {
    static_cast<void>(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_room, sizeof receive_room));
  }
  if (mnl_socket_bind(socket.get(), 1U << (NFNLGRP_NFTABLES - 1), MNL_SOCKET_AUTOPID) < 0) {
    return notices_error("cannot listen to nftables");
  }
  return std::make_unique<NetlinkTableNotices>(std::move(socket));
}

int NetlinkTableNotices::fd() const {
  return mnl_socket_get_fd(socket_.get());
}

Result<std::vector<ForeignChange>> NetlinkTableNotices::read() {
  std::vector<ForeignChange> changes;
  bool lost = false;
  alignas(nlmsghdr) std::array<std::uint8_t, kNoticeRoom> room;
  for (;;) {
    const ssize_t received = recv(fd(), room.data(), room.size(), MSG_DONTWAIT);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0 && errno == ENOBUFS) {
      // What was lost may be the end of one transaction and the objects of the next: nobody is blamed for both.
      lost = true;
      touched_ = false;
      continue;
    }
    if (received < 0 && errno != EAGAIN) return notices_error("cannot read notices of nftables");
    if (received <= 0) break;
    read_notices({room.data(), static_cast<std::size_t>(received)}, touched_, changes);
  }
  if (lost) return Error{ErrorKind::Exhausted, "notices of nftables were lost", ENOBUFS};
  return changes;
}

}  // namespace tierwall::nft
