#include "daemon/connections/connection_messages.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

#include <array>
#include <cstring>

#include "nft/cut_bit.h"

namespace tierwall::daemon {

namespace {

using policy::Address;
using policy::Family;

constexpr std::size_t kMessageRoom = 512;

bool is_icmp(policy::Protocol protocol) {
  return protocol == policy::kIcmp || protocol == policy::kIcmpv6;
}

// ---- reading -------------------------------------------------------------------------------------------------

template <typename Visit>
void for_each_attribute(const void* first, std::size_t bytes, Visit visit) {
  const auto* attribute = static_cast<const nlattr*>(first);
  auto left = static_cast<int>(bytes);
  while (mnl_attr_ok(attribute, left)) {
    visit(*attribute);
    left -= static_cast<int>(MNL_ALIGN(attribute->nla_len));
    attribute = mnl_attr_next(attribute);
  }
}

template <typename Visit>
void for_each_nested(const nlattr& nest, Visit visit) {
  for_each_attribute(mnl_attr_get_payload(&nest), mnl_attr_get_payload_len(&nest), visit);
}

/// A number in network order; 0 if the attribute is too short for it.
template <typename Number>
Number read_number(const nlattr& attribute) {
  Number number = 0;
  if (mnl_attr_get_payload_len(&attribute) < sizeof number) return 0;
  std::memcpy(&number, mnl_attr_get_payload(&attribute), sizeof number);
  if constexpr (sizeof number == sizeof(std::uint16_t)) return ntohs(number);
  if constexpr (sizeof number == sizeof(std::uint32_t)) return ntohl(number);
  return number;
}

std::optional<Address> read_address(const nlattr& attribute, Family family) {
  Address address{.family = family};
  const std::size_t length = address.octets().size();
  if (mnl_attr_get_payload_len(&attribute) != length) return std::nullopt;
  std::memcpy(address.bytes.data(), mnl_attr_get_payload(&attribute), length);
  return address;
}

/// One direction, and what of it both share.
struct TupleReading {
  std::optional<Address> source;
  std::optional<Address> destination;
  std::optional<std::uint8_t> protocol;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  policy::Icmp icmp = {};
  std::uint16_t icmp_id = 0;
  std::uint16_t zone = 0;

  [[nodiscard]] bool complete() const { return source && destination && protocol; }
  [[nodiscard]] ConnectionTuple ends() const { return {*source, *destination, source_port, destination_port}; }
};

void read_ends(const nlattr& nest, TupleReading& tuple) {
  for_each_nested(nest, [&](const nlattr& attribute) {
    switch (mnl_attr_get_type(&attribute)) {
      case CTA_IP_V4_SRC:
        tuple.source = read_address(attribute, Family::V4);
        break;
      case CTA_IP_V4_DST:
        tuple.destination = read_address(attribute, Family::V4);
        break;
      case CTA_IP_V6_SRC:
        tuple.source = read_address(attribute, Family::V6);
        break;
      case CTA_IP_V6_DST:
        tuple.destination = read_address(attribute, Family::V6);
        break;
      default:
        break;
    }
  });
}

void read_protocol(const nlattr& nest, TupleReading& tuple) {
  for_each_nested(nest, [&](const nlattr& attribute) {
    switch (mnl_attr_get_type(&attribute)) {
      case CTA_PROTO_NUM:
        tuple.protocol = read_number<std::uint8_t>(attribute);
        break;
      case CTA_PROTO_SRC_PORT:
        tuple.source_port = read_number<std::uint16_t>(attribute);
        break;
      case CTA_PROTO_DST_PORT:
        tuple.destination_port = read_number<std::uint16_t>(attribute);
        break;
      case CTA_PROTO_ICMP_ID:
      case CTA_PROTO_ICMPV6_ID:
        tuple.icmp_id = read_number<std::uint16_t>(attribute);
        break;
      case CTA_PROTO_ICMP_TYPE:
      case CTA_PROTO_ICMPV6_TYPE:
        tuple.icmp.type = read_number<std::uint8_t>(attribute);
        break;
      case CTA_PROTO_ICMP_CODE:
      case CTA_PROTO_ICMPV6_CODE:
        tuple.icmp.code = read_number<std::uint8_t>(attribute);
        break;
      default:
        break;
    }
  });
}

TupleReading read_tuple(const nlattr& nest) {
  TupleReading tuple;
  for_each_nested(nest, [&](const nlattr& attribute) {
    switch (mnl_attr_get_type(&attribute)) {
      case CTA_TUPLE_IP:
        return read_ends(attribute, tuple);
      case CTA_TUPLE_PROTO:
        return read_protocol(attribute, tuple);
      case CTA_TUPLE_ZONE:
        tuple.zone = read_number<std::uint16_t>(attribute);
        return;
      default:
        return;
    }
  });
  return tuple;
}

bool is_over(const nlattr& protocol_info) {
  bool over = false;
  for_each_nested(protocol_info, [&](const nlattr& of_tcp) {
    if (mnl_attr_get_type(&of_tcp) != CTA_PROTOINFO_TCP) return;
    for_each_nested(of_tcp, [&](const nlattr& attribute) {
      if (mnl_attr_get_type(&attribute) != CTA_PROTOINFO_TCP_STATE) return;
      const auto state = read_number<std::uint8_t>(attribute);
      over = state == TCP_CONNTRACK_TIME_WAIT || state == TCP_CONNTRACK_CLOSE;
    });
  });
  return over;
}

// ---- writing -------------------------------------------------------------------------------------------------

/// A message under construction.
class MessageWriter {
 public:
  MessageWriter(std::uint16_t type, std::uint16_t flags, std::uint8_t family, std::uint32_t sequence)
      : header_(mnl_nlmsg_put_header(room_.data())) {
    header_->nlmsg_type = static_cast<std::uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | type);
    header_->nlmsg_flags = flags;
    header_->nlmsg_seq = sequence;
    auto* body = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header_, sizeof(nfgenmsg)));
    body->nfgen_family = family;
    body->version = NFNETLINK_V0;
  }

  void put(std::uint16_t type, std::uint8_t number) { mnl_attr_put_u8(header_, type, number); }
  void put(std::uint16_t type, std::uint16_t number) { mnl_attr_put_u16(header_, type, htons(number)); }
  void put(std::uint16_t type, std::uint32_t number) { mnl_attr_put_u32(header_, type, htonl(number)); }
  void put(std::uint16_t type, const Address& address) {
    mnl_attr_put(header_, type, address.octets().size(), address.bytes.data());
  }
  template <typename Fill>
  void nest(std::uint16_t type, Fill fill) {
    nlattr* const nest = mnl_attr_nest_start(header_, type);
    fill();
    mnl_attr_nest_end(header_, nest);
  }
  [[nodiscard]] std::string bytes() const { return {room_.data(), header_->nlmsg_len}; }

 private:
  alignas(nlmsghdr) std::array<char, kMessageRoom> room_{};
  nlmsghdr* header_;
};

void put_protocol(MessageWriter& message, const TrackedConnection& connection) {
  message.put(CTA_PROTO_NUM, connection.protocol.number);
  if (is_icmp(connection.protocol)) {
    const bool v4 = connection.protocol == policy::kIcmp;
    message.put(v4 ? CTA_PROTO_ICMP_ID : CTA_PROTO_ICMPV6_ID, connection.icmp_id);
    message.put(v4 ? CTA_PROTO_ICMP_TYPE : CTA_PROTO_ICMPV6_TYPE, connection.icmp.type.value_or(std::uint8_t{0}));
    message.put(v4 ? CTA_PROTO_ICMP_CODE : CTA_PROTO_ICMPV6_CODE, connection.icmp.code.value_or(std::uint8_t{0}));
    return;
  }
  message.put(CTA_PROTO_SRC_PORT, connection.original.source_port);
  message.put(CTA_PROTO_DST_PORT, connection.original.destination_port);
}

}  // namespace

std::string encode_listing(std::uint32_t sequence) {
  return MessageWriter(IPCTNL_MSG_CT_GET, NLM_F_REQUEST | NLM_F_DUMP, AF_UNSPEC, sequence).bytes();
}

std::string encode_cut(const TrackedConnection& connection, bool cut, std::uint32_t sequence) {
  const ConnectionTuple& ends = connection.original;
  const bool v4 = ends.source.family == Family::V4;
  MessageWriter message(IPCTNL_MSG_CT_NEW, NLM_F_REQUEST | NLM_F_ACK, v4 ? AF_INET : AF_INET6, sequence);
  message.nest(CTA_TUPLE_ORIG, [&] {
    message.nest(CTA_TUPLE_IP, [&] {
      message.put(v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, ends.source);
      message.put(v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, ends.destination);
    });
    message.nest(CTA_TUPLE_PROTO, [&] { put_protocol(message, connection); });
  });
  message.put(CTA_MARK, cut ? nft::kCutBit : std::uint32_t{0});
  message.put(CTA_MARK_MASK, nft::kCutBit);
  return message.bytes();
}

std::optional<TrackedConnection> read_tracked(const nlmsghdr& message) {
  constexpr std::size_t kHeader = sizeof(nfgenmsg);
  if (message.nlmsg_type != (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW)) return std::nullopt;
  if (message.nlmsg_len < MNL_NLMSG_HDRLEN + kHeader) return std::nullopt;
  TupleReading original;
  TupleReading reply;
  TrackedConnection connection;
  const std::size_t bytes = message.nlmsg_len - MNL_NLMSG_HDRLEN - MNL_ALIGN(kHeader);
  for_each_attribute(mnl_nlmsg_get_payload_offset(&message, kHeader), bytes, [&](const nlattr& attribute) {
    switch (mnl_attr_get_type(&attribute)) {
      case CTA_TUPLE_ORIG:
        original = read_tuple(attribute);
        break;
      case CTA_TUPLE_REPLY:
        reply = read_tuple(attribute);
        break;
      case CTA_ZONE:
        connection.zone = read_number<std::uint16_t>(attribute);
        break;
      case CTA_MARK:
        connection.mark = read_number<std::uint32_t>(attribute);
        break;
      case CTA_STATUS:
        connection.expected = (read_number<std::uint32_t>(attribute) & IPS_EXPECTED) != 0;
        break;
      case CTA_PROTOINFO:
        connection.over = is_over(attribute);
        break;
      default:
        break;
    }
  });
  if (!original.complete() || !reply.complete()) return std::nullopt;
  if (original.source->family != original.destination->family || original.source->family != reply.source->family) {
    return std::nullopt;
  }
  connection.protocol = {*original.protocol};
  connection.original = original.ends();
  connection.reply = reply.ends();
  connection.icmp = original.icmp;
  connection.icmp_id = original.icmp_id;
  if (connection.zone == 0) connection.zone = original.zone != 0 ? original.zone : reply.zone;
  return connection;
}

}  // namespace tierwall::daemon
