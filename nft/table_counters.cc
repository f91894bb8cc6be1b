#include "nft/table_counters.h"

#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "nft/counter_dump.h"
#include "nft/handles.h"
#include "nft/ruleset.h"

namespace tierwall::nft {

namespace {

// The kernel fills a page or two per answer to a dump.
constexpr std::size_t kDumpRoom = std::size_t{64} * 1024;

Error dump_failed(const char* what, int number) {
  const ErrorKind kind = number == EPERM || number == EACCES ? ErrorKind::Denied : ErrorKind::Unavailable;
  return {kind, std::string(what) + ": " + std::strerror(number), number};
}

}  // namespace

void NetlinkTableCounters::SocketCloser::operator()(mnl_socket* socket) const {
  mnl_socket_close(socket);
}

NetlinkTableCounters::NetlinkTableCounters(MnlSocket socket) : socket_(std::move(socket)) {}

Result<std::unique_ptr<NetlinkTableCounters>> NetlinkTableCounters::open() {
  MnlSocket socket(mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC));
  if (socket == nullptr) return dump_failed("cannot open a netlink socket", errno);
  if (mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0)
    return dump_failed("cannot bind a netlink socket", errno);
  return std::make_unique<NetlinkTableCounters>(std::move(socket));
}

Result<void> NetlinkTableCounters::ask() {
  std::array<char, 512> room{};
  nlmsghdr* const message =
      nftnl_nlmsg_build_hdr(room.data(), NFT_MSG_GETOBJ_RESET, NFPROTO_INET, NLM_F_DUMP, ++sequence_);
  const ObjectPtr wanted = make_object();
  nftnl_obj_set_str(wanted.get(), NFTNL_OBJ_TABLE, kTableName);
  nftnl_obj_set_u32(wanted.get(), NFTNL_OBJ_TYPE, NFT_OBJECT_COUNTER);
  nftnl_obj_nlmsg_build_payload(message, wanted.get());
  if (mnl_socket_sendto(socket_.get(), message, message->nlmsg_len) < 0) {
    return dump_failed("cannot ask for the counters", errno);
  }
  return {};
}

Result<CounterReadings> NetlinkTableCounters::take() {
  if (Result<void> asked = ask(); !asked) return asked.error();
  CounterReadings readings;
  alignas(nlmsghdr) std::array<std::uint8_t, kDumpRoom> room;
  for (;;) {
    const ssize_t received = mnl_socket_recvfrom(socket_.get(), room.data(), room.size());
    if (received < 0 && errno == EINTR) continue;
    if (received <= 0) return dump_failed("cannot read the counters", errno);
    const CounterDump dump = read_counters({room.data(), static_cast<std::size_t>(received)}, sequence_, readings);
    if (dump.errno_value == ENOENT) return readings;  // no such table
    if (dump.errno_value != 0) return dump_failed("cannot read the counters", dump.errno_value);
    if (dump.complete) return readings;
  }
}

}  // namespace tierwall::nft
