#pragma once
// Questions to the kernel over netlink that the guard and its relatives ask: about sockets (sock_diag) and about
// routes.

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <libmnl/libmnl.h>

#include "policy/address.h"
#include "policy/result.h"

namespace tierwall::daemon {

struct CloseNetlink {
  void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};
using NetlinkSocket = std::unique_ptr<mnl_socket, CloseNetlink>;

/// Denied or Unavailable.
Result<NetlinkSocket> open_netlink(int bus);
/// Sends the request and collects the answers up to the end of the dump, or one if it is no dump.
Result<std::string> ask_kernel(const NetlinkSocket& socket, const nlmsghdr& request);
/// The sockets of one family (AF_INET, AF_INET6) and protocol in states, a bit each: 1 << TCP_LISTEN.
Result<std::string> dump_sockets(int family, int protocol, std::uint32_t states);

/// An address as sock_diag has it; IPv4 ones within IPv6 become IPv4.
policy::Address to_address(int family, const void* bytes);

/// Of the socket that a link in /proc/PID/fd stands for; 0: it stands for something else.
std::uint32_t socket_inode(const std::filesystem::path& descriptor);

/// Calls `visit` with every message; stops at bytes that are none.
template <typename Visit>
void for_each_message(const std::string& answers, Visit visit) {
  // Answers are appended at multiples of four bytes, but a string promises no alignment.
  std::vector<std::uint32_t> aligned((answers.size() + 3) / 4);
  if (!answers.empty()) std::memcpy(aligned.data(), answers.data(), answers.size());
  int left = static_cast<int>(answers.size());
  const auto* message = reinterpret_cast<const nlmsghdr*>(aligned.data());
  while (mnl_nlmsg_ok(message, left)) {
    // libmnl takes a length beyond 2^31 for a negative one, which fits everywhere and never advances.
    if (message->nlmsg_len > static_cast<std::uint32_t>(left)) return;
    visit(*message);
    message = mnl_nlmsg_next(message, &left);
  }
}

}  // namespace tierwall::daemon
