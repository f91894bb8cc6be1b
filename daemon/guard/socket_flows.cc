#include "daemon/guard/socket_flows.h"

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <linux/inet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "daemon/guard/socket_dump.h"

namespace tierwall::daemon {

namespace {

using policy::Address;
using policy::Family;

int note_interface(const nlattr* attribute, void* index) {
  if (mnl_attr_get_type(attribute) == RTA_OIF && mnl_attr_validate(attribute, MNL_TYPE_U32) == 0) {
    *static_cast<std::uint32_t*>(index) = mnl_attr_get_u32(attribute);
  }
  return MNL_CB_OK;
}

/// The interface by which the kernel would send to this address; empty if it would not.
std::string find_interface(const NetlinkSocket& socket, const Address& address) {
  std::array<char, 256> room{};
  nlmsghdr* request = mnl_nlmsg_put_header(room.data());
  request->nlmsg_type = RTM_GETROUTE;
  request->nlmsg_flags = NLM_F_REQUEST;
  auto* body = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(rtmsg)));
  const bool v4 = address.family == Family::V4;
  body->rtm_family = v4 ? AF_INET : AF_INET6;
  body->rtm_dst_len = v4 ? 32 : 128;
  mnl_attr_put(request, RTA_DST, v4 ? 4 : 16, address.bytes.data());
  const Result<std::string> answer = ask_kernel(socket, *request);
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
  std::set<std::uint32_t> inodes;
  std::error_code failure;
  for (std::filesystem::directory_iterator at("/proc/self/fd", failure), end; !failure && at != end;
       at.increment(failure)) {
    if (const std::uint32_t inode = socket_inode(at->path())) inodes.insert(inode);
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
  const Result<NetlinkSocket> routes = open_netlink(NETLINK_ROUTE);
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
    const Result<std::string> answers = dump_sockets(family, IPPROTO_TCP, 1U << TCP_ESTABLISHED);
    if (!answers) return answers.error().in("established connections");
    const std::vector<Connection> found = read_connections(*answers);
    connections.insert(connections.end(), found.begin(), found.end());
  }
  std::ranges::sort(connections);
  const Result<NetlinkSocket> routes = open_netlink(NETLINK_ROUTE);
  if (!routes) return routes.error().in("routes");
  return select_flows(connections, own_sockets(), guarded_,
                      [&](const Address& address) { return find_interface(*routes, address); });
}

}  // namespace tierwall::daemon
