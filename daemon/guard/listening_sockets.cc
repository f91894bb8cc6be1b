#include "daemon/guard/listening_sockets.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "daemon/guard/socket_dump.h"

namespace tierwall::daemon {

namespace {

using policy::Address;

bool is_unspecified(const Address& address) {
  return std::ranges::all_of(address.bytes, [](std::uint8_t byte) { return byte == 0; });
}

int note_v6_only(const nlattr* attribute, void* only) {
  if (mnl_attr_get_type(attribute) == INET_DIAG_SKV6ONLY && mnl_attr_validate(attribute, MNL_TYPE_U8) == 0) {
    *static_cast<bool*>(only) = mnl_attr_get_u8(attribute) != 0;
  }
  return MNL_CB_OK;
}

std::optional<ListeningSocket> read_socket(policy::Protocol protocol, const nlmsghdr& message) {
  if (message.nlmsg_type != SOCK_DIAG_BY_FAMILY) return std::nullopt;
  if (mnl_nlmsg_get_payload_len(&message) < sizeof(inet_diag_msg)) return std::nullopt;
  const auto* socket = static_cast<const inet_diag_msg*>(mnl_nlmsg_get_payload(&message));
  if (socket->idiag_family != AF_INET && socket->idiag_family != AF_INET6) return std::nullopt;
  ListeningSocket listening{.protocol = protocol, .port = ntohs(socket->id.idiag_sport), .inode = socket->idiag_inode};
  const Address address = to_address(socket->idiag_family, socket->id.idiag_src);
  if (policy::is_loopback(address) || listening.port == 0) return std::nullopt;
  if (!is_unspecified(address)) {
    listening.address = address;
    (address.family == policy::Family::V4 ? listening.v4 : listening.v6) = true;
    return listening;
  }
  bool v6_only = false;
  mnl_attr_parse(&message, sizeof(inet_diag_msg), note_v6_only, &v6_only);
  listening.v6 = socket->idiag_family == AF_INET6;
  listening.v4 = !listening.v6 || !v6_only;
  return listening;
}

/// Processes that end while they are looked at are nobody's loss.
std::map<std::uint32_t, std::string> programs_by_socket() {
  std::map<std::uint32_t, std::string> programs;
  std::error_code failure;
  for (std::filesystem::directory_iterator process("/proc", failure), end; !failure && process != end;
       process.increment(failure)) {
    std::error_code unreadable;
    std::filesystem::directory_iterator descriptor(process->path() / "fd", unreadable);
    if (unreadable) continue;
    std::string name;
    std::getline(std::ifstream(process->path() / "comm"), name);
    for (; !unreadable && descriptor != end; descriptor.increment(unreadable)) {
      if (const std::uint32_t inode = socket_inode(descriptor->path())) programs.emplace(inode, name);
    }
  }
  return programs;
}

}  // namespace

std::vector<ListeningSocket> read_listening(policy::Protocol protocol, const std::string& answers) {
  std::vector<ListeningSocket> sockets;
  for_each_message(answers, [&](const nlmsghdr& message) {
    if (const auto socket = read_socket(protocol, message)) sockets.push_back(*socket);
  });
  return sockets;
}

Result<std::vector<ListeningSocket>> list_listening_sockets() {
  struct Sort {
    policy::Protocol protocol;
    int number;
    std::uint32_t states;
  };
  // An unconnected UDP socket is in the state that TCP calls closed.
  const Sort sorts[] = {{policy::kTcp, IPPROTO_TCP, 1U << TCP_LISTEN}, {policy::kUdp, IPPROTO_UDP, 1U << TCP_CLOSE}};
  std::vector<ListeningSocket> sockets;
  for (const Sort& sort : sorts) {
    for (const int family : {AF_INET, AF_INET6}) {
      const Result<std::string> answers = dump_sockets(family, sort.number, sort.states);
      if (!answers) return answers.error().in("listening sockets");
      const std::vector<ListeningSocket> found = read_listening(sort.protocol, *answers);
      sockets.insert(sockets.end(), found.begin(), found.end());
    }
  }
  const std::map<std::uint32_t, std::string> programs = programs_by_socket();
  for (ListeningSocket& socket : sockets) {
    const auto program = programs.find(socket.inode);
    if (program != programs.end()) socket.program = program->second;
  }
  std::ranges::sort(sockets);
  return sockets;
}

}  // namespace tierwall::daemon
