#include "nft/fallback.h"

#include <string>
#include <utility>

#include "nft/opening_rules.h"

namespace tierwall::nft {

namespace {

using policy::Failsafe;
using policy::Family;

struct Port {
  Field source;
  Field destination;
};

Port ports_of(policy::Protocol protocol) {
  if (protocol == policy::kUdp) return {Field::UdpSport, Field::UdpDport};
  if (protocol == policy::kSctp) return {Field::SctpSport, Field::SctpDport};
  return {Field::TcpSport, Field::TcpDport};
}

Match is(Field field, std::uint32_t number) {
  return {{field}, false, Numbers{{number, number}}};
}

Rule accept(std::vector<Match> matches, std::string why) {
  return {std::move(matches), Verdict{Verdict::Code::Accept, {}}, std::move(why)};
}

/// A chain of the node's own traffic; `peer4` and `peer6` are the fields of the other side's address.
struct Side {
  Field loopback;
  Field peer4;
  Field peer6;
  std::uint16_t dhcp_from;
  std::uint16_t dhcp_to;
  std::uint16_t dhcpv6_from;
  std::uint16_t dhcpv6_to;
};
constexpr Side kIncoming{Field::Iif, Field::IpSaddr, Field::Ip6Saddr, 67, 68, 547, 546};
constexpr Side kOutgoing{Field::Oif, Field::IpDaddr, Field::Ip6Daddr, 68, 67, 546, 547};

Rule failsafe_rule(const Failsafe& failsafe, const Side& side) {
  std::vector<Match> matches;
  if (failsafe.nets) {
    const Field peer = failsafe.nets->base.family == Family::V4 ? side.peer4 : side.peer6;
    matches.push_back({{peer}, false, Addresses{policy::to_range(*failsafe.nets)}});
  }
  matches.push_back(is(ports_of(failsafe.protocol).destination, failsafe.port));
  return accept(std::move(matches), "failsafe");
}

Rule drop_the_rest() {
  return {{}, Verdict{Verdict::Code::Drop, {}}, "nothing is known of this node's policy: restore.fallback = deny"};
}

Chain host_chain(std::string name, Hook hook, const Side& side, const std::vector<Failsafe>& failsafes) {
  Chain chain{std::move(name), BaseChain{hook, kFilterPriority}, "", opening_rules()};
  chain.rules.push_back(accept({is(side.loopback, kLoopbackInterface)}, "the node to itself"));
  chain.rules.push_back(accept({is(Field::UdpSport, side.dhcp_from), is(Field::UdpDport, side.dhcp_to)}, "DHCP"));
  chain.rules.push_back(accept({is(Field::UdpSport, side.dhcpv6_from), is(Field::UdpDport, side.dhcpv6_to)}, "DHCPv6"));
  for (const Failsafe& failsafe : failsafes) chain.rules.push_back(failsafe_rule(failsafe, side));
  chain.rules.push_back(drop_the_rest());
  return chain;
}

}  // namespace

Ruleset fallback(const std::vector<Failsafe>& inbound, const std::vector<Failsafe>& outbound) {
  Ruleset ruleset;
  Chain forward{"forward", BaseChain{Hook::Forward, kFilterPriority}, "", opening_rules()};
  forward.rules.push_back(drop_the_rest());
  ruleset.chains.emplace("forward", std::move(forward));
  ruleset.chains.emplace("input", host_chain("input", Hook::Input, kIncoming, inbound));
  ruleset.chains.emplace("output", host_chain("output", Hook::Output, kOutgoing, outbound));
  return ruleset;
}

}  // namespace tierwall::nft
