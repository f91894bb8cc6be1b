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

#include "nft/ruleset.h"

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

const nlattr* attribute_of(const nlmsghdr* message, std::uint16_t type) {
  const auto* attribute = static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(message, sizeof(nfgenmsg)));
  const auto* end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(message));
  while (mnl_attr_ok(attribute, static_cast<int>(end - reinterpret_cast<const char*>(attribute)))) {
    if (mnl_attr_get_type(attribute) == type) return attribute;
    attribute = mnl_attr_next(attribute);
  }
  return nullptr;
}

/// Text up to its first zero byte, wherever the attribute ends.
std::string text_of(const nlattr* attribute) {
  if (attribute == nullptr) return {};
  const auto* text = static_cast<const char*>(mnl_attr_get_payload(attribute));
  return {text, strnlen(text, mnl_attr_get_payload_len(attribute))};
}

std::uint32_t number_of(const nlattr* attribute) {
  if (attribute == nullptr || mnl_attr_get_payload_len(attribute) < sizeof(std::uint32_t)) return 0;
  return ntohl(mnl_attr_get_u32(attribute));
}

// Every object but the generation names its table first.
static_assert(NFTA_TABLE_NAME == 1 && NFTA_CHAIN_TABLE == 1 && NFTA_RULE_TABLE == 1 && NFTA_SET_TABLE == 1 &&
              NFTA_SET_ELEM_LIST_TABLE == 1 && NFTA_OBJ_TABLE == 1 && NFTA_FLOWTABLE_TABLE == 1);

bool is_of_our_table(const nlmsghdr* message) {
  const auto* generic = static_cast<const nfgenmsg*>(mnl_nlmsg_get_payload(message));
  return generic->nfgen_family == NFPROTO_INET && text_of(attribute_of(message, NFTA_TABLE_NAME)) == kTableName;
}

/// The end of every transaction: who it was.
ForeignChange parse_generation(const nlmsghdr* message) {
  return {.generation = number_of(attribute_of(message, NFTA_GEN_ID)),
          .process = number_of(attribute_of(message, NFTA_GEN_PROC_PID)),
          .process_name = text_of(attribute_of(message, NFTA_GEN_PROC_NAME))};
}

bool is_nftables(const nlmsghdr* message) {
  return NFNL_SUBSYS_ID(message->nlmsg_type) == NFNL_SUBSYS_NFTABLES &&
         mnl_nlmsg_get_payload_len(message) >= sizeof(nfgenmsg);
}

/// The objects of a transaction come first, then its generation.
void take_notice(const nlmsghdr* message, bool& touched, std::vector<ForeignChange>& changes) {
  if (!is_nftables(message)) return;
  if (NFNL_MSG_TYPE(message->nlmsg_type) != NFT_MSG_NEWGEN) {
    touched = touched || is_of_our_table(message);
  } else if (std::exchange(touched, false)) {
    changes.push_back(parse_generation(message));
  }
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
  alignas(nlmsghdr) std::array<char, kNoticeRoom> room;
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
    const auto* message = reinterpret_cast<const nlmsghdr*>(room.data());
    auto left = static_cast<int>(received);
    // libmnl takes a length beyond 2^31 for a negative one, and then never comes to an end.
    while (mnl_nlmsg_ok(message, left) && message->nlmsg_len <= static_cast<std::uint32_t>(left)) {
      take_notice(message, touched_, changes);
      message = mnl_nlmsg_next(message, &left);
    }
  }
  if (lost) return Error{ErrorKind::Exhausted, "notices of nftables were lost", ENOBUFS};
  return changes;
}

}  // namespace tierwall::nft
