#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_log/libnetfilter_log.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <net/if.h>
#include <sys/socket.h>

#include "daemon/drops/denied_packets.h"

namespace tierwall::daemon {

namespace {

/// The kernel collects packets for so long, or until there are so many, before it wakes us up.
constexpr std::uint32_t kCollectHundredths = 10;
constexpr std::uint32_t kCollectPackets = 64;
/// Datagrams per read(): a flood must not keep the loop.
constexpr int kMostDatagrams = 32;
constexpr std::size_t kDatagramRoom = 64u << 10;

Error log_error(const char* action) {
  ErrorKind kind = ErrorKind::Unavailable;
  if (errno == EPERM) kind = ErrorKind::Denied;
  if (errno == EBUSY) kind = ErrorKind::Busy;
  if (errno == EINVAL || errno == EOPNOTSUPP || errno == ENOENT) kind = ErrorKind::Unsupported;
  return {kind, std::string(action) + ": " + std::strerror(errno), errno};
}

/// Sends one request and takes its acknowledgement. On failure errno says why.
bool ask(mnl_socket* socket, nlmsghdr* request) {
  alignas(nlmsghdr) std::array<char, 4096> room;
  request->nlmsg_flags |= NLM_F_ACK;
  request->nlmsg_seq = 1;
  if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0) return false;
  const ssize_t received = mnl_socket_recvfrom(socket, room.data(), room.size());
  if (received < 0) return false;
  return mnl_cb_run(room.data(), static_cast<std::size_t>(received), 1, mnl_socket_get_portid(socket), nullptr,
                    nullptr) >= 0;
}

nlmsghdr* request_for(std::array<char, 4096>& room, std::uint16_t group) {
  return nflog_nlmsg_put_header(room.data(), NFULNL_MSG_CONFIG, AF_UNSPEC, group);
}

bool bind_to(mnl_socket* socket, std::uint16_t group) {
  alignas(nlmsghdr) std::array<char, 4096> room{};
  nlmsghdr* request = request_for(room, group);
  if (nflog_attr_put_cfg_cmd(request, NFULNL_CFG_CMD_BIND) < 0 || !ask(socket, request)) return false;
  request = request_for(room, group);
  if (nflog_attr_put_cfg_mode(request, NFULNL_COPY_PACKET, nft::LogSample::kBytes) < 0) return false;
  mnl_attr_put_u32(request, NFULA_CFG_TIMEOUT, htonl(kCollectHundredths));
  mnl_attr_put_u32(request, NFULA_CFG_QTHRESH, htonl(kCollectPackets));
  return ask(socket, request);
}

struct Attributes {
  std::array<nlattr*, NFULA_MAX + 1> of{};

  [[nodiscard]] std::string_view payload(int type) const {
    const nlattr* attribute = of.at(static_cast<std::size_t>(type));
    if (attribute == nullptr) return {};
    return {static_cast<const char*>(mnl_attr_get_payload(attribute)), mnl_attr_get_payload_len(attribute)};
  }
};

std::string interface_of(std::string_view payload) {
  std::uint32_t index = 0;
  if (payload.size() != sizeof index) return {};
  std::memcpy(&index, payload.data(), sizeof index);
  std::array<char, IF_NAMESIZE> name{};
  const char* found = if_indextoname(ntohl(index), name.data());
  // Gone in the meantime: its number still says that there was one.
  return found != nullptr ? std::string(found) : "#" + std::to_string(ntohl(index));
}

std::optional<nft::Hook> hook_of(std::string_view payload) {
  if (payload.size() < sizeof(nfulnl_msg_packet_hdr)) return std::nullopt;
  switch (static_cast<std::uint8_t>(payload[offsetof(nfulnl_msg_packet_hdr, hook)])) {
    case NF_INET_PRE_ROUTING:
      return nft::Hook::Prerouting;
    case NF_INET_LOCAL_IN:
      return nft::Hook::Input;
    case NF_INET_FORWARD:
      return nft::Hook::Forward;
    case NF_INET_LOCAL_OUT:
      return nft::Hook::Output;
    case NF_INET_POST_ROUTING:
      return nft::Hook::Postrouting;
    default:
      return std::nullopt;
  }
}

std::optional<DeniedPacket> parse(const nlmsghdr* message) {
  Attributes attributes;
  if (nflog_nlmsg_parse(message, attributes.of.data()) != MNL_CB_OK) return std::nullopt;
  const auto hook = hook_of(attributes.payload(NFULA_PACKET_HDR));
  const Result<PacketHeaders> headers = read_headers(attributes.payload(NFULA_PAYLOAD));
  if (!hook || !headers) return std::nullopt;
  return DeniedPacket{*hook, interface_of(attributes.payload(NFULA_IFINDEX_INDEV)),
                      interface_of(attributes.payload(NFULA_IFINDEX_OUTDEV)), *headers};
}

bool is_packet(const nlmsghdr* message) {
  return NFNL_SUBSYS_ID(message->nlmsg_type) == NFNL_SUBSYS_ULOG &&
         NFNL_MSG_TYPE(message->nlmsg_type) == NFULNL_MSG_PACKET &&
         mnl_nlmsg_get_payload_len(message) >= sizeof(nfgenmsg);
}

void take_packets(const char* bytes, std::size_t size, std::vector<DeniedPacket>& packets) {
  const auto* message = reinterpret_cast<const nlmsghdr*>(bytes);
  auto left = static_cast<int>(size);
  // libmnl takes a length beyond 2^31 for a negative one, which fits everywhere and never advances.
  while (mnl_nlmsg_ok(message, left) && message->nlmsg_len <= static_cast<std::uint32_t>(left)) {
    if (is_packet(message)) {
      if (auto packet = parse(message)) packets.push_back(*std::move(packet));
    }
    message = mnl_nlmsg_next(message, &left);
  }
}

}  // namespace

void NetlinkDeniedPackets::SocketCloser::operator()(mnl_socket* socket) const {
  mnl_socket_close(socket);
}

NetlinkDeniedPackets::NetlinkDeniedPackets(MnlSocket socket) : socket_(std::move(socket)) {}

Result<std::unique_ptr<NetlinkDeniedPackets>> NetlinkDeniedPackets::open(std::uint16_t group) {
  MnlSocket socket(mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC));
  if (socket == nullptr || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) {
    return log_error("cannot open a netlink socket for denied packets");
  }
  if (!bind_to(socket.get(), group)) return log_error("cannot listen to denied packets");
  return std::make_unique<NetlinkDeniedPackets>(std::move(socket));
}

int NetlinkDeniedPackets::fd() const {
  return mnl_socket_get_fd(socket_.get());
}

Result<std::vector<DeniedPacket>> NetlinkDeniedPackets::read() {
  std::vector<DeniedPacket> packets;
  alignas(nlmsghdr) std::array<char, kDatagramRoom> room;
  for (int datagrams = 0; datagrams < kMostDatagrams; ++datagrams) {
    const ssize_t received = recv(fd(), room.data(), room.size(), MSG_DONTWAIT);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0 && errno == ENOBUFS) return Error{ErrorKind::Exhausted, "denied packets were lost", ENOBUFS};
    if (received < 0 && errno != EAGAIN) return log_error("cannot read denied packets");
    if (received <= 0) break;
    take_packets(room.data(), static_cast<std::size_t>(received), packets);
  }
  return packets;
}

}  // namespace tierwall::daemon
