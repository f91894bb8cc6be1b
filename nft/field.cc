#include "nft/field.h"

#include <algorithm>
#include <iterator>
#include <span>

namespace tierwall::nft {

namespace {

constexpr std::uint8_t kV4 = kNfprotoIpv4;
constexpr std::uint8_t kV6 = kNfprotoIpv6;
constexpr std::uint8_t kIcmp = policy::kIcmp.number;
constexpr std::uint8_t kIcmpv6 = policy::kIcmpv6.number;
constexpr std::uint8_t kTcp = policy::kTcp.number;
constexpr std::uint8_t kUdp = policy::kUdp.number;
constexpr std::uint8_t kSctp = policy::kSctp.number;
constexpr std::uint8_t kUdpLite = policy::kUdpLite.number;

constexpr FieldLayout kFields[] = {
    {Field::NfProto, "meta nfproto", Source::Nfproto, 0, 1, 0, 0, 2},
    {Field::L4Proto, "meta l4proto", Source::L4Proto, 0, 1, 0, 0, 12},
    {Field::IpSaddr, "ip saddr", Source::NetworkHeader, 12, 4, kV4, 0, 7},
    {Field::IpDaddr, "ip daddr", Source::NetworkHeader, 16, 4, kV4, 0, 7},
    {Field::Ip6Saddr, "ip6 saddr", Source::NetworkHeader, 8, 16, kV6, 0, 8},
    {Field::Ip6Daddr, "ip6 daddr", Source::NetworkHeader, 24, 16, kV6, 0, 8},
    {Field::TcpSport, "tcp sport", Source::TransportHeader, 0, 2, 0, kTcp, 13},
    {Field::TcpDport, "tcp dport", Source::TransportHeader, 2, 2, 0, kTcp, 13},
    {Field::UdpSport, "udp sport", Source::TransportHeader, 0, 2, 0, kUdp, 13},
    {Field::UdpDport, "udp dport", Source::TransportHeader, 2, 2, 0, kUdp, 13},
    {Field::SctpSport, "sctp sport", Source::TransportHeader, 0, 2, 0, kSctp, 13},
    {Field::SctpDport, "sctp dport", Source::TransportHeader, 2, 2, 0, kSctp, 13},
    {Field::UdpliteSport, "udplite sport", Source::TransportHeader, 0, 2, 0, kUdpLite, 13},
    {Field::UdpliteDport, "udplite dport", Source::TransportHeader, 2, 2, 0, kUdpLite, 13},
    {Field::ThSport, "th sport", Source::TransportHeader, 0, 2, 0, 0, 13},
    {Field::ThDport, "th dport", Source::TransportHeader, 2, 2, 0, 0, 13},
    {Field::IcmpType, "icmp type", Source::TransportHeader, 0, 1, kV4, kIcmp, 14},
    {Field::IcmpCode, "icmp code", Source::TransportHeader, 1, 1, kV4, kIcmp, 32},
    {Field::Icmpv6Type, "icmpv6 type", Source::TransportHeader, 0, 1, kV6, kIcmpv6, 29},
    {Field::Icmpv6Code, "icmpv6 code", Source::TransportHeader, 1, 1, kV6, kIcmpv6, 33},
    {Field::CtState, "ct state", Source::CtState, 0, 4, 0, 0, 26},
    {Field::Iif, "iif", Source::Iif, 0, 4, 0, 0, 20},
    {Field::Oif, "oif", Source::Oif, 0, 4, 0, 0, 20},
    {Field::IifName, "iifname", Source::IifName, 0, 16, 0, 0, 41},
    {Field::OifName, "oifname", Source::OifName, 0, 16, 0, 0, 41},
    {Field::CtStatus, "ct status", Source::CtStatus, 0, 4, 0, 0, 28},
    {Field::Mark, "meta mark", Source::Mark, 0, 4, 0, 0, 19},
    {Field::FibSaddrType, "fib saddr type", Source::FibSaddrType, 0, 4, 0, 0, 38},
    {Field::CtMark, "ct mark", Source::CtMark, 0, 4, 0, 0, 19},
};
static_assert(std::size(kFields) == static_cast<std::size_t>(Field::CtMark) + 1);

constexpr TypeLayout kTypes[] = {
    {FieldType::Ipv4Addr, "ipv4_addr", 7, 4},    {FieldType::Ipv6Addr, "ipv6_addr", 8, 16},
    {FieldType::InetProto, "inet_proto", 12, 1}, {FieldType::InetService, "inet_service", 13, 2},
    {FieldType::IfName, "ifname", 41, 16},
};
static_assert(std::size(kTypes) == static_cast<std::size_t>(FieldType::IfName) + 1);

struct NamedNumber {
  std::uint8_t number;
  const char* name;
};

constexpr NamedNumber kNfprotos[] = {{kV4, "ipv4"}, {kV6, "ipv6"}};

// nft asks the system's protocol database; these are Debian's names of what a firewall meets.
constexpr NamedNumber kProtocols[] = {
    {0, "ip"},
    {1, "icmp"},
    {2, "igmp"},
    {3, "ggp"},
    {4, "ipencap"},
    {5, "st"},
    {6, "tcp"},
    {8, "egp"},
    {9, "igp"},
    {12, "pup"},
    {17, "udp"},
    {20, "hmp"},
    {22, "xns-idp"},
    {27, "rdp"},
    {29, "iso-tp4"},
    {33, "dccp"},
    {36, "xtp"},
    {37, "ddp"},
    {38, "idpr-cmtp"},
    {41, "ipv6"},
    {43, "ipv6-route"},
    {44, "ipv6-frag"},
    {45, "idrp"},
    {46, "rsvp"},
    {47, "gre"},
    {50, "esp"},
    {51, "ah"},
    {57, "skip"},
    {58, "ipv6-icmp"},
    {59, "ipv6-nonxt"},
    {60, "ipv6-opts"},
    {73, "rspf"},
    {81, "vmtp"},
    {88, "eigrp"},
    {89, "ospf"},
    {93, "ax.25"},
    {94, "ipip"},
    {97, "etherip"},
    {98, "encap"},
    {103, "pim"},
    {108, "ipcomp"},
    {112, "vrrp"},
    {115, "l2tp"},
    {124, "isis"},
    {132, "sctp"},
    {133, "fc"},
    {135, "mobility-header"},
    {136, "udplite"},
    {137, "mpls-in-ip"},
    {138, "manet"},
    {139, "hip"},
    {140, "shim6"},
    {141, "wesp"},
    {142, "rohc"},
    {143, "ethernet"},
};

constexpr NamedNumber kIcmpTypes[] = {
    {0, "echo-reply"},         {3, "destination-unreachable"}, {4, "source-quench"},        {5, "redirect"},
    {8, "echo-request"},       {9, "router-advertisement"},    {10, "router-solicitation"}, {11, "time-exceeded"},
    {12, "parameter-problem"}, {13, "timestamp-request"},      {14, "timestamp-reply"},     {15, "info-request"},
    {16, "info-reply"},        {17, "address-mask-request"},   {18, "address-mask-reply"},
};

constexpr NamedNumber kIcmpCodes[] = {
    {0, "net-unreachable"}, {1, "host-unreachable"}, {2, "prot-unreachable"}, {3, "port-unreachable"},
    {4, "frag-needed"},     {9, "net-prohibited"},   {10, "host-prohibited"}, {13, "admin-prohibited"},
};

constexpr NamedNumber kIcmpv6Types[] = {
    {1, "destination-unreachable"}, {2, "packet-too-big"},        {3, "time-exceeded"},
    {4, "parameter-problem"},       {128, "echo-request"},        {129, "echo-reply"},
    {130, "mld-listener-query"},    {131, "mld-listener-report"}, {132, "mld-listener-done"},
    {133, "nd-router-solicit"},     {134, "nd-router-advert"},    {135, "nd-neighbor-solicit"},
    {136, "nd-neighbor-advert"},    {137, "nd-redirect"},         {138, "router-renumbering"},
    {141, "ind-neighbor-solicit"},  {142, "ind-neighbor-advert"}, {143, "mld2-listener-report"},
};

constexpr NamedNumber kIcmpv6Codes[] = {
    {0, "no-route"},         {1, "admin-prohibited"}, {3, "addr-unreachable"},
    {4, "port-unreachable"}, {5, "policy-fail"},      {6, "reject-route"},
};

constexpr NamedNumber kInterfaces[] = {{kLoopbackInterface, "\"lo\""}};
constexpr NamedNumber kAddressTypes[] = {{kLocalAddress, "local"}};

std::span<const NamedNumber> names_of(Field field) {
  switch (field) {
    case Field::NfProto:
      return kNfprotos;
    case Field::Iif:
    case Field::Oif:
      return kInterfaces;
    case Field::FibSaddrType:
      return kAddressTypes;
    case Field::L4Proto:
      return kProtocols;
    case Field::IcmpType:
      return kIcmpTypes;
    case Field::IcmpCode:
      return kIcmpCodes;
    case Field::Icmpv6Type:
      return kIcmpv6Types;
    case Field::Icmpv6Code:
      return kIcmpv6Codes;
    default:
      return {};
  }
}

}  // namespace

const FieldLayout& layout(Field field) {
  const FieldLayout& row = kFields[static_cast<std::size_t>(field)];
  TIERWALL_CHECK(row.field == field);
  return row;
}

Field in_protocol(Field field, std::uint8_t l4proto) {
  if (field != Field::ThSport && field != Field::ThDport) return field;
  const bool source = field == Field::ThSport;
  switch (l4proto) {
    case kTcp:
      return source ? Field::TcpSport : Field::TcpDport;
    case kUdp:
      return source ? Field::UdpSport : Field::UdpDport;
    case kSctp:
      return source ? Field::SctpSport : Field::SctpDport;
    case kUdpLite:
      return source ? Field::UdpliteSport : Field::UdpliteDport;
    default:
      return field;
  }
}

std::string print_number(Field field, std::uint32_t number) {
  const auto names = names_of(field);
  const auto found = std::ranges::find(names, number, [](const NamedNumber& row) { return std::uint32_t{row.number}; });
  return found == names.end() ? std::to_string(number) : found->name;
}

const TypeLayout& layout(FieldType type) {
  const TypeLayout& row = kTypes[static_cast<std::size_t>(type)];
  TIERWALL_CHECK(row.type == type);
  return row;
}

std::size_t padded_length(FieldType type, std::size_t fields) {
  const std::size_t length = layout(type).length;
  return fields == 1 ? length : (length + 3) / 4 * 4;
}

std::size_t key_length(const Set& set) {
  std::size_t length = 0;
  for (const FieldType type : set.type) length += padded_length(type, set.type.size());
  return length;
}

}  // namespace tierwall::nft
