#include "daemon/guard/socket_flows.h"

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>

#include <fmt/format.h>

namespace tierwall::daemon {

namespace {

using policy::Address;
using policy::Family;

constexpr std::size_t kAnswerRoom = 32 * 1024;

struct CloseSocket {
  void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};
using SocketPtr = std::unique_ptr<mnl_socket, CloseSocket>;

Error netlink_error(const char* what) {
  const int number = errno;
  const ErrorKind kind = number == EPERM || number == EACCES ? ErrorKind::Denied : ErrorKind::Unavailable;
  return {kind, fmt::format("{}: {}", what, std::strerror(number)), number};
}

Result<SocketPtr> open_socket(int bus) {
  SocketPtr socket(mnl_socket_open2(bus, SOCK_CLOEXEC));
  if (!socket) return netlink_error("netlink socket");
  if (mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) return netlink_error("netlink socket");
  return socket;
}

/// Sends the request and collects the answers up to the end of the dump, or one if it is no dump.
Result<std::string> ask(const SocketPtr& socket, const nlmsghdr& request) {
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

Address to_address(int family, const void* bytes) {
  Address address;
  if (family == AF_INET) {
    address.family = Family::V4;
    std::memcpy(address.bytes.data(), bytes, 4);
    return address;
  }
  in6_addr wide{};
  std::memcpy(&wide, bytes, sizeof wide);
  if (IN6_IS_ADDR_V4MAPPED(&wide)) return to_address(AF_INET, wide.s6_addr + 12);
  address.family = Family::V6;
  std::memcpy(address.bytes.data(), &wide, sizeof wide);
  return address;
}

Result<std::string> dump_sockets(int family) {
  Result<SocketPtr> socket = open_socket(NETLINK_SOCK_DIAG);
  if (!socket) return socket.error();
  std::array<char, 256> room{};
  nlmsghdr* request = mnl_nlmsg_put_header(room.data());
  request->nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  auto* body = static_cast<inet_diag_req_v2*>(mnl_nlmsg_put_extra_header(request, sizeof(inet_diag_req_v2)));
  body->sdiag_family = static_cast<std::uint8_t>(family);
  body->sdiag_protocol = IPPROTO_TCP;
  body->idiag_states = 1U << TCP_ESTABLISHED;
  return ask(*socket, *request);
}

int note_interface(const nlattr* attribute, void* index) {
  if (mnl_attr_get_type(attribute) == RTA_OIF && mnl_attr_validate(attribute, MNL_TYPE_U32) == 0) {
    *static_cast<std::uint32_t*>(index) = mnl_attr_get_u32(attribute);
  }
  return MNL_CB_OK;
}

/// The interface by which the kernel would send to this address; empty if it would not.
std::string find_interface(const SocketPtr& socket, const Address& address) {
  std::array<char, 256> room{};
  nlmsghdr* request = mnl_nlmsg_put_header(room.data());
  request->nlmsg_type = RTM_GETROUTE;
  request->nlmsg_flags = NLM_F_REQUEST;
  auto* body = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(rtmsg)));
  const bool v4 = address.family == Family::V4;
  body->rtm_family = v4 ? AF_INET : AF_INET6;
  body->rtm_dst_len = v4 ? 32 : 128;
  mnl_attr_put(request, RTA_DST, v4 ? 4 : 16, address.bytes.data());
  const Result<std::string> answer = ask(socket, *request);
  std::array<char, IF_NAMESIZE> name{};
  if (!answer) return {};
  for_each_message(*answer, [&](const nlmsghdr& message) {
    if (message.nlmsg_type != RTM_NEWROUTE) return;
    std::uint32_t index = 0;
    mnl_attr_parse(&message, sizeof(rtmsg), note_interface, &index);
    if (if_indextoname(index, name.data()) == nullptr) name[0] = '\0';
  });
  return name.data();
}

/// Inodes of the sockets this process has open.
std::set<std::uint32_t> own_sockets() {
  constexpr std::string_view kPrefix = "socket:[";
  std::set<std::uint32_t> inodes;
  std::error_code failure;
  for (std::filesystem::directory_iterator at("/proc/self/fd", failure), end; !failure && at != end;
       at.increment(failure)) {
    std::error_code unreadable;
    const std::string target = std::filesystem::read_symlink(at->path(), unreadable).string();
    if (unreadable || target.rfind(kPrefix, 0) != 0) continue;
    std::uint32_t inode = 0;
    std::from_chars(target.data() + kPrefix.size(), target.data() + target.size(), inode);
    inodes.insert(inode);
  }
  return inodes;
}

/// A connection from the peer to a port of this node.
ManagementFlow inbound(std::string what, const Connection& connection, std::uint16_t port, const std::string& node,
                       const std::string& interface) {
  return {.what = std::move(what),
          .flow = {.source = connection.remote,
                   .destination = connection.local,
                   .family = connection.remote.family,
                   .protocol = policy::kTcp,
                   .source_port = connection.remote_port,
                   .destination_port = port},
          .passage = {.node = node, .in = interface}};
}

ManagementFlow outbound(std::string what, const Connection& connection, const std::string& node,
                        const std::string& interface) {
  return {.what = std::move(what),
          .flow = {.source = connection.local,
                   .destination = connection.remote,
                   .family = connection.remote.family,
                   .protocol = policy::kTcp,
                   .source_port = connection.local_port,
                   .destination_port = connection.remote_port},
          .passage = {.node = node, .out = interface}};
}

}  // namespace

std::string interface_to(const Address& address) {
  const Result<SocketPtr> routes = open_socket(NETLINK_ROUTE);
  return routes ? find_interface(*routes, address) : std::string();
}

std::vector<Connection> read_connections(const std::string& answers) {
  std::vector<Connection> connections;
  for_each_message(answers, [&](const nlmsghdr& message) {
    if (message.nlmsg_type != SOCK_DIAG_BY_FAMILY) return;
    if (mnl_nlmsg_get_payload_len(&message) < sizeof(inet_diag_msg)) return;
    const auto* socket = static_cast<const inet_diag_msg*>(mnl_nlmsg_get_payload(&message));
    if (socket->idiag_family != AF_INET && socket->idiag_family != AF_INET6) return;
    if (socket->idiag_state != TCP_ESTABLISHED) return;
    connections.push_back({.local = to_address(socket->idiag_family, socket->id.idiag_src),
                           .remote = to_address(socket->idiag_family, socket->id.idiag_dst),
                           .local_port = ntohs(socket->id.idiag_sport),
                           .remote_port = ntohs(socket->id.idiag_dport),
                           .inode = socket->idiag_inode});
  });
  return connections;
}

std::vector<ManagementFlow> select_flows(const std::vector<Connection>& connections, const std::set<std::uint32_t>& own,
                                         const Guarded& guarded,
                                         const std::function<std::string(const Address&)>& interface_to) {
  std::vector<ManagementFlow> flows;
  const auto add = [&](ManagementFlow flow) {
    const auto is_known = [&](const ManagementFlow& known) { return known.what == flow.what; };
    if (std::ranges::none_of(flows, is_known)) flows.push_back(std::move(flow));
  };
  for (const Connection& connection : connections) {
    const bool session = guarded.ports.count(connection.local_port) != 0;
    const bool api_server = own.count(connection.inode) != 0;
    if (!session && !api_server) continue;
    const std::string interface = interface_to(connection.remote);
    if (interface.empty() || interface == policy::kLoopback) continue;
    const std::string peer = policy::print_address(connection.remote);
    if (session) {
      add(inbound(fmt::format("the session of {} on tcp {}", peer, connection.local_port), connection,
                  connection.local_port, guarded.node, interface));
    }
    if (api_server) {
      add(outbound(fmt::format("the API server's address {} on tcp {}", peer, connection.remote_port), connection,
                   guarded.node, interface));
      add(inbound(fmt::format("the kubelet's port tcp {} for the API server's address {}", guarded.kubelet_port, peer),
                  connection, guarded.kubelet_port, guarded.node, interface));
    }
  }
  return flows;
}

Result<std::vector<ManagementFlow>> SocketFlows::observe() {
  std::vector<Connection> connections;
  for (const int family : {AF_INET, AF_INET6}) {
    const Result<std::string> answers = dump_sockets(family);
    if (!answers) return answers.error().in("established connections");
    const std::vector<Connection> found = read_connections(*answers);
    connections.insert(connections.end(), found.begin(), found.end());
  }
  std::ranges::sort(connections);
  const Result<SocketPtr> routes = open_socket(NETLINK_ROUTE);
  if (!routes) return routes.error().in("routes");
  return select_flows(connections, own_sockets(), guarded_,
                      [&](const Address& address) { return find_interface(*routes, address); });
}

}  // namespace tierwall::daemon
