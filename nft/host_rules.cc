#include "nft/host_rules.h"

#include <utility>

#include "nft/names.h"
#include "nft/table_words.h"

namespace tierwall::nft {

namespace {

Field port_field(policy::Protocol protocol, FailsafePort port) {
  const bool source = port == FailsafePort::Source;
  if (protocol == policy::kUdp) return source ? Field::UdpSport : Field::UdpDport;
  if (protocol == policy::kSctp) return source ? Field::SctpSport : Field::SctpDport;
  return source ? Field::TcpSport : Field::TcpDport;
}

/// Interface names may hold what names of sets must not.
std::string interface_set(const std::string& interface) {
  return "failsafe-" + fingerprint(interface);
}

}  // namespace

void add_failsafe_sets(Ruleset& ruleset, const std::vector<policy::Failsafe>& failsafes) {
  for (const policy::Failsafe& failsafe : failsafes) {
    if (failsafe.interface.empty()) continue;
    const std::string name = interface_set(failsafe.interface);
    Set set{name, {FieldType::IfName}, false, false, to_comment("interface of a failsafe"), {}};
    set.elements.push_back({make_interface_key(failsafe.interface), {}, std::nullopt, {}});
    ruleset.sets.try_emplace(name, std::move(set));
  }
}

Rule failsafe_rule(const policy::Failsafe& failsafe, Way way, FailsafePort port) {
  std::vector<Match> matches;
  if (!failsafe.interface.empty()) {
    matches.push_back(in_set(way == Way::In ? Field::IifName : Field::OifName, interface_set(failsafe.interface)));
  }
  if (failsafe.nets) {
    const policy::Family family = failsafe.nets->base.family;
    const Field peer = way == Way::In ? source_field(family) : destination_field(family);
    matches.push_back({{peer}, false, Addresses{policy::to_range(*failsafe.nets)}});
  }
  matches.push_back(is_number(port_field(failsafe.protocol, port), failsafe.port));
  return accept(std::move(matches), port == FailsafePort::Source ? "replies of a failsafe" : "failsafe");
}

Rule dhcpv6_rule(Way way) {
  constexpr std::uint32_t kClient = 546, kServer = 547;
  const bool in = way == Way::In;
  return accept({is_number(Field::NfProto, 10), is_number(Field::UdpSport, in ? kServer : kClient),
                 is_number(Field::UdpDport, in ? kClient : kServer)},
                "DHCPv6");
}

}  // namespace tierwall::nft
