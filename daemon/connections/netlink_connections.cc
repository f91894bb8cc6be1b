#include "daemon/connections/netlink_connections.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "daemon/connections/connection_messages.h"

namespace tierwall::daemon {

namespace {

// The kernel fills at most 32 KiB per answer to a listing.
constexpr std::size_t kListingRoom = std::size_t{64} * 1024;
constexpr std::size_t kAnswerRoom = 8192;
// It answers at once; the loop must not wait for one that does not.
constexpr timeval kPatienceWithKernel{.tv_sec = 1, .tv_usec = 0};

Error kernel_error(const char* what, int number) {
  ErrorKind kind = ErrorKind::Unavailable;
  if (number == EPERM || number == EACCES) kind = ErrorKind::Denied;
  if (number == ENOBUFS) kind = ErrorKind::Busy;  // answers were lost
  return {kind, fmt::format("{}: {}", what, std::strerror(number)), number};
}

int error_of(const nlmsghdr& message) {
  if (mnl_nlmsg_get_payload_len(&message) < sizeof(nlmsgerr)) return EBADMSG;
  return -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(&message))->error;
}

/// Sends the request and gives back the one message that answers it.
template <typename Visit>
Result<void> ask(const mnl_socket* socket, const std::string& request, std::uint32_t sequence, const char* what,
                 Visit visit) {
  if (mnl_socket_sendto(socket, request.data(), request.size()) < 0) return kernel_error(what, errno);
  alignas(nlmsghdr) std::array<char, kAnswerRoom> room;
  for (;;) {
    const ssize_t received = mnl_socket_recvfrom(socket, room.data(), room.size());
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return kernel_error(what, errno);
    auto left = static_cast<int>(received);
    const auto* message = reinterpret_cast<const nlmsghdr*>(room.data());
    for (; mnl_nlmsg_ok(message, left) && message->nlmsg_len <= static_cast<std::uint32_t>(left);
         message = mnl_nlmsg_next(message, &left)) {
      if (message->nlmsg_seq != sequence) continue;  // a late answer to what was given up
      visit(*message);
      return {};
    }
  }
}

/// A question about one TCP socket, or the order to end it.
std::string encode_socket(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence,
                          const inet_diag_req_v2& body) {
  alignas(nlmsghdr) std::array<char, 256> room{};
  nlmsghdr* const header = mnl_nlmsg_put_header(room.data());
  header->nlmsg_type = type;
  header->nlmsg_flags = flags;
  header->nlmsg_seq = sequence;
  std::memcpy(mnl_nlmsg_put_extra_header(header, sizeof body), &body, sizeof body);
  return {room.data(), header->nlmsg_len};
}

inet_diag_req_v2 question_about(const SocketEnds& ends) {
  inet_diag_req_v2 body{};
  body.sdiag_family = ends.local.family == policy::Family::V4 ? AF_INET : AF_INET6;
  body.sdiag_protocol = IPPROTO_TCP;
  body.idiag_states = ~0U;
  body.id.idiag_sport = htons(ends.local_port);
  body.id.idiag_dport = htons(ends.remote_port);
  std::memcpy(body.id.idiag_src, ends.local.bytes.data(), ends.local.octets().size());
  std::memcpy(body.id.idiag_dst, ends.remote.bytes.data(), ends.remote.octets().size());
  body.id.idiag_cookie[0] = body.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return body;
}

/// The kernel answers with the socket that would get such a packet: with one that listens if there is no connection.
bool is_connection_to(const inet_diag_msg& socket, const SocketEnds& ends) {
  return socket.idiag_state != TCP_LISTEN && socket.id.idiag_dport == htons(ends.remote_port) &&
         socket.id.idiag_sport == htons(ends.local_port);
}

std::optional<policy::Address> to_address(const sockaddr* generic) {
  policy::Address address;
  if (generic == nullptr) return std::nullopt;
  if (generic->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, generic, sizeof v4);
    std::memcpy(address.bytes.data(), &v4.sin_addr, sizeof v4.sin_addr);
    return address;
  }
  if (generic->sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 v6{};
  std::memcpy(&v6, generic, sizeof v6);
  address.family = policy::Family::V6;
  std::memcpy(address.bytes.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
  return address;
}

struct FreeAddresses {
  void operator()(ifaddrs* list) const { ::freeifaddrs(list); }
};

}  // namespace

Result<std::set<policy::Address>> NetlinkConnections::own_addresses() {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return kernel_error("addresses of this node", errno);
  const std::unique_ptr<ifaddrs, FreeAddresses> list(first);
  std::set<policy::Address> own;
  for (const ifaddrs* each = list.get(); each != nullptr; each = each->ifa_next) {
    if (const auto address = to_address(each->ifa_addr)) own.insert(*address);
  }
  return own;
}

void NetlinkConnections::SocketCloser::operator()(mnl_socket* socket) const {
  mnl_socket_close(socket);
}

Result<NetlinkConnections::MnlSocket> NetlinkConnections::open_socket(int bus) {
  MnlSocket socket(mnl_socket_open2(bus, SOCK_CLOEXEC));
  if (socket == nullptr || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0 ||
      ::setsockopt(mnl_socket_get_fd(socket.get()), SOL_SOCKET, SO_RCVTIMEO, &kPatienceWithKernel,
                   sizeof kPatienceWithKernel) < 0) {
    return kernel_error("netlink socket", errno);
  }
  return socket;
}

Result<void> NetlinkConnections::open_once(MnlSocket& socket, int bus) {
  if (socket) return {};
  Result<MnlSocket> opened = open_socket(bus);
  if (!opened) return opened.error();
  socket = *std::move(opened);
  return {};
}

void NetlinkConnections::close() {
  listing_.reset();
  changes_.reset();
  sockets_.reset();
  room_ = {};
}

Result<void> NetlinkConnections::begin_listing() {
  close();
  torn_ = false;
  if (Result<void> opened = open_once(listing_, NETLINK_NETFILTER); !opened) return opened;
  room_.resize(kListingRoom);
  listing_sequence_ = ++sequence_;
  const std::string request = encode_listing(listing_sequence_);
  if (mnl_socket_sendto(listing_.get(), request.data(), request.size()) < 0) {
    const Error failed = kernel_error("tracked connections", errno);
    close();
    return failed;
  }
  return {};
}

void NetlinkConnections::take(const nlmsghdr& message, Chunk& chunk) {
  chunk.torn = chunk.torn || (message.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
  if (message.nlmsg_type == NLMSG_ERROR) chunk.errno_value = error_of(message);
  if (message.nlmsg_type == NLMSG_DONE) chunk.last = true;
  if (auto connection = read_tracked(message)) chunk.connections.push_back(*connection);
}

Result<NetlinkConnections::Chunk> NetlinkConnections::receive() {
  ssize_t received = -1;
  do {
    received = mnl_socket_recvfrom(listing_.get(), room_.data(), room_.size());
  } while (received < 0 && errno == EINTR);
  if (received < 0) return kernel_error("tracked connections", errno);
  Chunk chunk;
  auto left = static_cast<int>(received);
  const auto* message = reinterpret_cast<const nlmsghdr*>(room_.data());
  while (mnl_nlmsg_ok(message, left) && message->nlmsg_len <= static_cast<std::uint32_t>(left)) {
    if (message->nlmsg_seq == listing_sequence_) take(*message, chunk);
    message = mnl_nlmsg_next(message, &left);
  }
  if (chunk.errno_value != 0) return kernel_error("tracked connections", chunk.errno_value);
  return chunk;
}

Result<std::optional<std::vector<TrackedConnection>>> NetlinkConnections::list_some() {
  if (!listing_) {
    close();
    return std::optional<std::vector<TrackedConnection>>();
  }
  Result<Chunk> chunk = receive();
  if (!chunk) {
    close();
    return chunk.error();
  }
  torn_ = torn_ || chunk->torn;
  if (!chunk->last) return std::optional(std::move(chunk->connections));
  listing_.reset();
  if (torn_) return Error{ErrorKind::Busy, "tracked connections: they changed too much while they were listed"};
  return std::optional(std::move(chunk->connections));
}

Result<bool> NetlinkConnections::set_cut(const TrackedConnection& connection, bool cut) {
  constexpr const char* kWhat = "mark of a tracked connection";
  if (const Result<void> opened = open_once(changes_, NETLINK_NETFILTER); !opened) return opened.error();
  const std::uint32_t sequence = ++sequence_;
  int failure = 0;
  const Result<void> answered =
      ask(changes_.get(), encode_cut(connection, cut, sequence), sequence, kWhat,
          [&](const nlmsghdr& message) { failure = message.nlmsg_type == NLMSG_ERROR ? error_of(message) : EBADMSG; });
  if (!answered) return answered.error();
  if (failure == ENOENT) return false;
  if (failure != 0) return kernel_error(kWhat, failure);
  return true;
}

Result<bool> NetlinkConnections::end_socket(const SocketEnds& ends) {
  constexpr const char* kWhat = "socket of a connection";
  if (const Result<void> opened = open_once(sockets_, NETLINK_SOCK_DIAG); !opened) return opened.error();
  inet_diag_req_v2 body = question_about(ends);
  bool found = false;
  std::uint32_t sequence = ++sequence_;
  const std::string question = encode_socket(SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, sequence, body);
  Result<void> answered = ask(sockets_.get(), question, sequence, kWhat, [&](const nlmsghdr& message) {
    if (message.nlmsg_type != SOCK_DIAG_BY_FAMILY) return;
    if (mnl_nlmsg_get_payload_len(&message) < sizeof(inet_diag_msg)) return;
    const auto* socket = static_cast<const inet_diag_msg*>(mnl_nlmsg_get_payload(&message));
    found = is_connection_to(*socket, ends);
    // The cookie makes sure that it is this one that ends, and none that takes its place.
    std::memcpy(body.id.idiag_cookie, socket->id.idiag_cookie, sizeof body.id.idiag_cookie);
  });
  if (!answered) return answered.error();
  if (!found) return false;
  sequence = ++sequence_;
  bool ended = false;
  const std::string order = encode_socket(SOCK_DESTROY, NLM_F_REQUEST | NLM_F_ACK, sequence, body);
  answered = ask(sockets_.get(), order, sequence, kWhat,
                 [&](const nlmsghdr& message) { ended = message.nlmsg_type == NLMSG_ERROR && error_of(message) == 0; });
  if (!answered) return answered.error();
  return ended;
}

}  // namespace tierwall::daemon
