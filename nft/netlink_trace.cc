#include "nft/netlink_trace.h"

#include <poll.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <string>
#include <utility>

namespace tierwall::nft {

namespace {

constexpr std::size_t kMostAtOnce = 10'000;
constexpr std::size_t kDatagramRoom = std::size_t{64} * 1024;

Error trace_error(const char* what) {
  const int number = errno;
  const bool denied = number == EPERM || number == EACCES;
  return {denied ? ErrorKind::Denied : ErrorKind::Unavailable, std::string(what) + ": " + std::strerror(number),
          number};
}

}  // namespace

void NetlinkTrace::SocketCloser::operator()(mnl_socket* socket) const {
  mnl_socket_close(socket);
}

NetlinkTrace::NetlinkTrace(MnlSocket events, MnlSocket questions)
    : events_(std::move(events)), questions_(std::move(questions)), room_(kDatagramRoom) {}

Result<std::unique_ptr<NetlinkTrace>> NetlinkTrace::open(int queue_bytes) {
  MnlSocket events(mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC));
  MnlSocket questions(mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC));
  if (!events || !questions || mnl_socket_bind(events.get(), 0, MNL_SOCKET_AUTOPID) < 0 ||
      mnl_socket_bind(questions.get(), 0, MNL_SOCKET_AUTOPID) < 0) {
    return trace_error("cannot open a netlink socket");
  }
  int group = NFNLGRP_NFTRACE;
  if (mnl_socket_setsockopt(events.get(), NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
    return trace_error("cannot listen to traced packets");
  setsockopt(mnl_socket_get_fd(events.get()), SOL_SOCKET, SO_RCVBUFFORCE, &queue_bytes, sizeof queue_bytes);
  return std::unique_ptr<NetlinkTrace>(new NetlinkTrace(std::move(events), std::move(questions)));
}

Result<void> NetlinkTrace::start(const TracedFlow& flow) {
  auto table = NetlinkTables::open();
  if (!table) return table.error();
  if (const Result<void> traced = (*table)->trace(flow); !traced) return traced.error();
  table_ = *std::move(table);
  return {};
}

Result<RuleComments> NetlinkTrace::list_comments() {
  alignas(nlmsghdr) std::array<char, 64> request{};
  nlmsghdr* header = mnl_nlmsg_put_header(request.data());
  header->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE;
  header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  header->nlmsg_seq = ++sequence_;
  auto* family = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
  family->nfgen_family = NFPROTO_UNSPEC;
  family->version = NFNETLINK_V0;
  if (mnl_socket_sendto(questions_.get(), header, header->nlmsg_len) < 0)
    return trace_error("cannot ask for the rules");
  RuleComments comments;
  for (;;) {
    const ssize_t received = mnl_socket_recvfrom(questions_.get(), room_.data(), room_.size());
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return trace_error("cannot read the rules");
    const RuleDump dump = read_rule_comments({room_.data(), static_cast<std::size_t>(received)}, sequence_, comments);
    if (dump.errno_value != 0)
      return Error{ErrorKind::Unavailable, std::string("the kernel lists no rules: ") + std::strerror(dump.errno_value),
                   dump.errno_value};
    if (dump.complete) return comments;
  }
}

Result<std::vector<TraceStep>> NetlinkTrace::read(std::chrono::milliseconds patience) {
  pollfd readable{.fd = mnl_socket_get_fd(events_.get()), .events = POLLIN, .revents = 0};
  std::vector<TraceStep> steps;
  if (poll(&readable, 1, static_cast<int>(patience.count())) <= 0) return steps;
  // Somebody else may have everything traced: the caller looks at the time in between.
  while (steps.size() < kMostAtOnce) {
    const ssize_t received = recv(readable.fd, room_.data(), room_.size(), MSG_DONTWAIT);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0 && errno == ENOBUFS) {
      has_lost_ = true;
      continue;
    }
    if (received < 0 && errno != EAGAIN) return trace_error("cannot read traced packets");
    if (received <= 0) break;
    std::vector<TraceStep> more = read_trace({room_.data(), static_cast<std::size_t>(received)});
    steps.insert(steps.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  return steps;
}

}  // namespace tierwall::nft
