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

void take_reading(CounterReadings& readings, const nlmsghdr* message) {
  const ObjectPtr counter = make_object();
  if (nftnl_obj_nlmsg_parse(message, counter.get()) < 0) return;
  const char* name = nftnl_obj_get_str(counter.get(), NFTNL_OBJ_NAME);
  const std::uint64_t packets = nftnl_obj_get_u64(counter.get(), NFTNL_OBJ_CTR_PKTS);
  if (name == nullptr || packets == 0) return;
  CounterReading& reading = readings[name];
  reading.packets += packets;
  reading.bytes += nftnl_obj_get_u64(counter.get(), NFTNL_OBJ_CTR_BYTES);
}

/// True at the end of the dump.
Result<bool> take_answer(CounterReadings& readings, const nlmsghdr* message, std::size_t length,
                         std::uint32_t sequence) {
  auto left = static_cast<int>(length);
  while (mnl_nlmsg_ok(message, left) && message->nlmsg_len <= static_cast<std::size_t>(left)) {
    if (message->nlmsg_seq == sequence) {
      if (message->nlmsg_type == NLMSG_DONE) return true;
      if (message->nlmsg_type == NLMSG_ERROR) {
        const int number = -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message))->error;
        if (number == ENOENT) return true;  // no such table
        return dump_failed("cannot read the counters", number);
      }
      // A dump that a transaction interrupted (NLM_F_DUMP_INTR) may leave some out, and gives them next time.
      take_reading(readings, message);
    }
    message = mnl_nlmsg_next(message, &left);
  }
  return false;
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
  alignas(nlmsghdr) std::array<char, kDumpRoom> room;
  for (;;) {
    const ssize_t received = mnl_socket_recvfrom(socket_.get(), room.data(), room.size());
    if (received < 0 && errno == EINTR) continue;
    if (received <= 0) return dump_failed("cannot read the counters", errno);
    const Result<bool> done = take_answer(readings, reinterpret_cast<const nlmsghdr*>(room.data()),
                                          static_cast<std::size_t>(received), sequence_);
    if (!done) return done.error();
    if (*done) return readings;
  }
}

}  // namespace tierwall::nft
