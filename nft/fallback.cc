#include "nft/fallback.h"

#include <string>
#include <utility>

#include "nft/host_rules.h"
#include "nft/opening_rules.h"
#include "nft/table_words.h"

namespace tierwall::nft {

namespace {

using policy::Failsafe;

Match is(Field field, std::uint32_t number) {
  return {{field}, false, Numbers{{number, number}}};
}

/// A chain of the node's own traffic.
struct HostSide {
  Way way;
  Field loopback;
  std::uint16_t dhcp_from;
  std::uint16_t dhcp_to;
  std::uint16_t dhcpv6_from;
  std::uint16_t dhcpv6_to;
};
constexpr HostSide kIncoming{Way::In, Field::Iif, 67, 68, 547, 546};
constexpr HostSide kOutgoing{Way::Out, Field::Oif, 68, 67, 546, 547};

Rule drop_the_rest() {
  return {{}, Verdict{Verdict::Code::Drop, {}}, "nothing is known of this node's policy: restore.fallback = deny"};
}

Chain host_chain(std::string name, Hook hook, const HostSide& side, const std::vector<Failsafe>& failsafes) {
  Chain chain{std::move(name), BaseChain{hook, kFilterPriority}, "", opening_rules()};
  chain.rules.push_back(accept({is(side.loopback, kLoopbackInterface)}, "the node to itself"));
  chain.rules.push_back(accept({is(Field::UdpSport, side.dhcp_from), is(Field::UdpDport, side.dhcp_to)}, "DHCP"));
  chain.rules.push_back(accept({is(Field::UdpSport, side.dhcpv6_from), is(Field::UdpDport, side.dhcpv6_to)}, "DHCPv6"));
  for (const Failsafe& failsafe : failsafes) chain.rules.push_back(failsafe_rule(failsafe, side.way));
  chain.rules.push_back(drop_the_rest());
  return chain;
}

}  // namespace

Ruleset fallback(const std::vector<Failsafe>& inbound, const std::vector<Failsafe>& outbound) {
  Ruleset ruleset;
  add_failsafe_sets(ruleset, inbound);
  add_failsafe_sets(ruleset, outbound);
  Chain forward{"forward", BaseChain{Hook::Forward, kFilterPriority}, "", opening_rules()};
  forward.rules.push_back(drop_the_rest());
  ruleset.chains.emplace("forward", std::move(forward));
  ruleset.chains.emplace("input", host_chain("input", Hook::Input, kIncoming, inbound));
  ruleset.chains.emplace("output", host_chain("output", Hook::Output, kOutgoing, outbound));
  return ruleset;
}

}  // namespace tierwall::nft
