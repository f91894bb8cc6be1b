#include "nft/compile_rule.h"

#include <algorithm>
#include <utility>

namespace tierwall::nft {

namespace {

using policy::Family;
using policy::Protocol;
using Matches = std::vector<Match>;

/// The words for one side of a packet.
struct Side {
  Field address;
  Field port;  ///< th sport or th dport
  Family family;
};

Side source_side(Family family) {
  return {family == Family::V4 ? Field::IpSaddr : Field::Ip6Saddr, Field::ThSport, family};
}

Side destination_side(Family family) {
  return {family == Family::V4 ? Field::IpDaddr : Field::Ip6Daddr, Field::ThDport, family};
}

Match match_number(Field field, std::uint32_t value, bool negated = false) {
  return {{field}, negated, Numbers{{value, value}}};
}

Match match_set(std::vector<Field> fields, const std::string& set, bool negated) {
  return {std::move(fields), negated, InSet{set}};
}

/// The port field that implies the protocol: `tcp dport` instead of `th dport`.
Field port_field(Field port, std::optional<Protocol> protocol) {
  const bool source = port == Field::ThSport;
  if (protocol == policy::kTcp) return source ? Field::TcpSport : Field::TcpDport;
  if (protocol == policy::kUdp) return source ? Field::UdpSport : Field::UdpDport;
  if (protocol == policy::kSctp) return source ? Field::SctpSport : Field::SctpDport;
  return port;
}

Match match_ports(const std::vector<policy::PortRange>& ranges, Field field, bool negated) {
  Numbers numbers;
  for (const policy::PortRange& range : ranges) numbers.push_back({range.first, range.last});
  return {{field}, negated, std::move(numbers)};
}

Match match_services(const std::string& set, const Side& side, bool negated) {
  return match_set({side.address, Field::L4Proto, side.port}, set, negated);
}

/// Every way to hold all of `left` and one of `right`.
std::vector<Matches> with_alternatives(const std::vector<Matches>& left, const std::vector<Matches>& right) {
  std::vector<Matches> product;
  for (const Matches& head : left) {
    for (const Matches& tail : right) {
      Matches joined = head;
      joined.insert(joined.end(), tail.begin(), tail.end());
      product.push_back(std::move(joined));
    }
  }
  return product;
}

bool covers_family(const policy::RangeSet& nets, Family family) {
  policy::RangeSet everything;
  everything.insert(policy::Prefix{policy::Address{family, {}}, 0});
  return nets.only(family) == everything;
}

void append_nets(Matches& matches, const policy::RangeSet& nets, const Side& side, bool negated) {
  if (!negated && covers_family(nets, side.family)) return;
  matches.push_back({{side.address}, negated, Addresses(nets.only(side.family).ranges())});
}

/// What one side must hold without alternatives.
Matches certain_matches(const policy::ResolvedPeer& peer, const Side& side, const SetNames& sets) {
  Matches matches;
  if (peer.not_in_set) {
    const auto& names = sets.address_set(*peer.not_in_set);
    matches.push_back(match_set({side.address}, names.exact, true));
    if (!names.ranges.empty()) matches.push_back(match_set({side.address}, names.ranges, true));
  }
  if (peer.nets) append_nets(matches, *peer.nets, side, false);
  if (peer.not_nets) append_nets(matches, *peer.not_nets, side, true);
  return matches;
}

std::vector<Matches> set_alternatives(const policy::ResolvedPeer& peer, const Side& side, const SetNames& sets) {
  if (!peer.in_set) return {{}};
  const auto& names = sets.address_set(*peer.in_set);
  std::vector<Matches> alternatives = {{match_set({side.address}, names.exact, false)}};
  if (!names.ranges.empty()) alternatives.push_back({match_set({side.address}, names.ranges, false)});
  return alternatives;
}

std::vector<Matches> port_alternatives(const policy::ResolvedPeer& peer, const Side& side, const SetNames& sets,
                                       std::optional<Protocol> protocol) {
  Matches unwanted;
  const Field field = port_field(side.port, protocol);
  if (!peer.not_ports.ranges.empty()) unwanted.push_back(match_ports(peer.not_ports.ranges, field, true));
  for (const policy::SetId id : peer.not_ports.services) {
    unwanted.push_back(match_services(sets.service_set(id), side, true));
  }
  std::vector<Matches> not_unwanted = {unwanted};
  // Without a protocol the rule speaks of packets without ports too, and those names denote none of them.
  if (!unwanted.empty() && !protocol) {
    not_unwanted.push_back({{{Field::L4Proto}, true, Numbers{{6, 6}, {17, 17}, {132, 132}}}});
  }
  std::vector<Matches> alternatives;
  if (!peer.ports.ranges.empty()) alternatives.push_back({match_ports(peer.ports.ranges, field, false)});
  for (const policy::SetId id : peer.ports.services) {
    alternatives.push_back({match_services(sets.service_set(id), side, false)});
  }
  if (alternatives.empty()) alternatives.push_back({});
  return with_alternatives(not_unwanted, alternatives);
}

struct IcmpWords {
  Protocol protocol;
  Field type;
  Field code;
};

IcmpWords icmp_words(Family family) {
  return family == Family::V4 ? IcmpWords{policy::kIcmp, Field::IcmpType, Field::IcmpCode}
                              : IcmpWords{policy::kIcmpv6, Field::Icmpv6Type, Field::Icmpv6Code};
}

Matches match_icmp(const policy::Icmp& icmp, Family family) {
  const IcmpWords words = icmp_words(family);
  if (!icmp.type) return {match_number(Field::L4Proto, words.protocol.number)};
  Matches matches = {match_number(words.type, *icmp.type)};
  if (icmp.code) matches.push_back(match_number(words.code, *icmp.code));
  return matches;
}

/// Everything that is not this ICMP: another protocol (unless the rule names this one), another type, or the type with
/// another code.
std::vector<Matches> not_icmp_alternatives(const policy::Icmp& icmp, Family family, std::optional<Protocol> protocol) {
  const IcmpWords words = icmp_words(family);
  if (protocol && *protocol != words.protocol) return {{}};
  std::vector<Matches> alternatives;
  if (!protocol) alternatives.push_back({match_number(Field::L4Proto, words.protocol.number, true)});
  if (icmp.type) alternatives.push_back({match_number(words.type, *icmp.type, true)});
  if (icmp.type && icmp.code) {
    alternatives.push_back({match_number(words.type, *icmp.type), match_number(words.code, *icmp.code, true)});
  }
  return alternatives;
}

/// Do the matches already imply that the packet has this protocol?
bool implies_protocol(const Matches& matches, Protocol protocol) {
  return std::ranges::any_of(matches, [&](const Match& match) {
    if (match.fields.size() != 1) return !match.negated && match.fields[1] == Field::L4Proto;
    switch (match.fields[0]) {
      case Field::TcpSport:
      case Field::TcpDport:
        return protocol == policy::kTcp;
      case Field::UdpSport:
      case Field::UdpDport:
        return protocol == policy::kUdp;
      case Field::SctpSport:
      case Field::SctpDport:
        return protocol == policy::kSctp;
      case Field::IcmpType:
      case Field::IcmpCode:
        return protocol == policy::kIcmp;
      case Field::Icmpv6Type:
      case Field::Icmpv6Code:
        return protocol == policy::kIcmpv6;
      case Field::L4Proto:
        return !match.negated && std::get<Numbers>(match.right) == Numbers{{protocol.number, protocol.number}};
      default:
        return false;
    }
  });
}

/// `th dport` must not read the bytes of protocols without ports: a range on its own is given those that have them.
bool needs_port_protocols(const Matches& matches) {
  return std::ranges::any_of(matches, [](const Match& match) {
    return match.fields.size() == 1 && (match.fields[0] == Field::ThSport || match.fields[0] == Field::ThDport);
  });
}

void complete_protocol(Matches& matches, const policy::ResolvedRule& rule) {
  Matches front;
  if (rule.protocol && !implies_protocol(matches, *rule.protocol)) {
    front.push_back(match_number(Field::L4Proto, rule.protocol->number));
  } else if (!rule.protocol && needs_port_protocols(matches)) {
    front.push_back({{Field::L4Proto}, false, Numbers{{6, 6}, {17, 17}, {132, 132}}});
  }
  if (rule.not_protocol) front.push_back(match_number(Field::L4Proto, rule.not_protocol->number, true));
  matches.insert(matches.begin(), front.begin(), front.end());
}

}  // namespace

std::vector<Matches> compile_matches(const policy::ResolvedRule& rule, Family family, const SetNames& sets) {
  if (!rule.understood) return {{}};
  if (!rule.speaks_of(family)) return {};
  const Side source = source_side(family);
  const Side destination = destination_side(family);

  std::vector<Matches> alternatives = {{}};
  for (const auto& [peer, side] : {std::pair(&rule.source, source), std::pair(&rule.destination, destination)}) {
    alternatives = with_alternatives(alternatives, set_alternatives(*peer, side, sets));
    alternatives = with_alternatives(alternatives, {certain_matches(*peer, side, sets)});
    alternatives = with_alternatives(alternatives, port_alternatives(*peer, side, sets, rule.protocol));
  }
  if (rule.icmp) alternatives = with_alternatives(alternatives, {match_icmp(*rule.icmp, family)});
  if (rule.not_icmp) {
    alternatives = with_alternatives(alternatives, not_icmp_alternatives(*rule.not_icmp, family, rule.protocol));
  }
  for (Matches& matches : alternatives) complete_protocol(matches, rule);
  return alternatives;
}

}  // namespace tierwall::nft
