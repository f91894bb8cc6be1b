#include "tests/lab/conntrack.h"

#include <cerrno>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <sys/socket.h>

namespace tierwall::lab {

void forget_connections(const Host& host) {
  const UniqueFd netlink(
      host.network.run([] { return ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER); }));
  if (!netlink) throw_errno("open a netlink socket in " + host.name);
  struct {
    nlmsghdr header;
    nfgenmsg family;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;  // of none in particular: of all
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  request.family.nfgen_family = AF_UNSPEC;
  request.family.version = NFNETLINK_V0;
  if (::send(netlink.number(), &request, sizeof request, 0) < 0) throw_errno("ask to forget connections");
  struct {
    nlmsghdr header;
    nlmsgerr error;
  } answer{};
  if (::recv(netlink.number(), &answer, sizeof answer, MSG_TRUNC) < 0) throw_errno("read netlink's answer");
  if (answer.header.nlmsg_type != NLMSG_ERROR || answer.error.error == 0) return;
  errno = -answer.error.error;
  throw_errno("forget connections");
}

}  // namespace tierwall::lab
