#include "daemon/guard/socket_dump.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

namespace tierwall::daemon {

namespace {

constexpr std::size_t kAnswerRoom = 32 * 1024;

Error netlink_error(const char* what) {
  const int number = errno;
  const ErrorKind kind = number == EPERM || number == EACCES ? ErrorKind::Denied : ErrorKind::Unavailable;
  return {kind, fmt::format("{}: {}", what, std::strerror(number)), number};
}

}  // namespace

Result<NetlinkSocket> open_netlink(int bus) {
  NetlinkSocket socket(mnl_socket_open2(bus, SOCK_CLOEXEC));
  if (!socket) return netlink_error("netlink socket");
  if (mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) return netlink_error("netlink socket");
  return socket;
}

Result<std::string> ask_kernel(const NetlinkSocket& socket, const nlmsghdr& request) {
  if (mnl_socket_sendto(socket.get(), &request, request.nlmsg_len) < 0) return netlink_error("netlink request");
  std::string answers;
  std::array<char, kAnswerRoom> room{};
  const bool dump = (request.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  for (bool done = false; !done;) {
    const ssize_t length = mnl_socket_recvfrom(socket.get(), room.data(), room.size());
    if (length < 0) return netlink_error("netlink answer");
    answers.append(room.data(), static_cast<std::size_t>(length));
    int left = static_cast<int>(length);
    done = !dump;
    for (const auto* message = reinterpret_cast<const nlmsghdr*>(room.data());
         mnl_nlmsg_ok(message, left) && message->nlmsg_len <= static_cast<std::uint32_t>(left);
         message = mnl_nlmsg_next(message, &left)) {
      done = done || message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR;
    }
  }
  return answers;
}

Result<std::string> dump_sockets(int family, int protocol, std::uint32_t states) {
  Result<NetlinkSocket> socket = open_netlink(NETLINK_SOCK_DIAG);
  if (!socket) return socket.error();
  std::array<char, 256> room{};
  nlmsghdr* request = mnl_nlmsg_put_header(room.data());
  request->nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  auto* body = static_cast<inet_diag_req_v2*>(mnl_nlmsg_put_extra_header(request, sizeof(inet_diag_req_v2)));
  body->sdiag_family = static_cast<std::uint8_t>(family);
  body->sdiag_protocol = static_cast<std::uint8_t>(protocol);
  body->idiag_states = states;
  return ask_kernel(*socket, *request);
}

policy::Address to_address(int family, const void* bytes) {
  policy::Address address;
  if (family == AF_INET) {
    address.family = policy::Family::V4;
    std::memcpy(address.bytes.data(), bytes, 4);
    return address;
  }
  in6_addr wide{};
  std::memcpy(&wide, bytes, sizeof wide);
  if (IN6_IS_ADDR_V4MAPPED(&wide)) return to_address(AF_INET, wide.s6_addr + 12);
  address.family = policy::Family::V6;
  std::memcpy(address.bytes.data(), &wide, sizeof wide);
  return address;
}

std::uint32_t socket_inode(const std::filesystem::path& descriptor) {
  constexpr std::string_view kPrefix = "socket:[";
  std::error_code failure;
  const std::string target = std::filesystem::read_symlink(descriptor, failure).string();
  std::uint32_t inode = 0;
  if (!failure && target.starts_with(kPrefix))
    std::from_chars(target.data() + kPrefix.size(), target.data() + target.size(), inode);
  return inode;
}

}  // namespace tierwall::daemon
