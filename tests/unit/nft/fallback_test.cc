#include "nft/fallback.h"

#include <gtest/gtest.h>

#include "nft/simulate.h"

namespace tierwall::nft {
namespace {

using policy::Failsafe;

const Ruleset& table() {
  static const Ruleset ruleset = fallback(
      {Failsafe{policy::kTcp, std::nullopt, 22}, Failsafe{policy::kTcp, *policy::parse_prefix("10.0.0.0/8"), 10250},
       Failsafe{policy::kTcp, *policy::parse_prefix("fd00::/8"), 10250}},
      {Failsafe{policy::kUdp, std::nullopt, 53}});
  return ruleset;
}

Packet packet(Hook hook, const char* from, const char* to, policy::Protocol protocol, std::uint16_t sport,
              std::uint16_t dport) {
  Packet made;
  made.hook = hook;
  made.source = *policy::parse_address(from);
  made.destination = *policy::parse_address(to);
  made.protocol = protocol;
  made.source_port = sport;
  made.destination_port = dport;
  return made;
}

TEST(Fallback, LetsThroughWhatKeepsANodeReachableAndNothingElse) {
  Packet loopback = packet(Hook::Input, "127.0.0.1", "127.0.0.1", policy::kTcp, 40000, 8080);
  loopback.loopback = true;
  Packet reply = packet(Hook::Input, "192.0.2.9", "192.0.2.1", policy::kTcp, 443, 40000);
  reply.ct_state = ct_state::kEstablished;
  Packet solicitation = packet(Hook::Input, "fe80::2", "fe80::1", policy::kIcmpv6, 0, 0);
  solicitation.icmp_type = 135;
  const struct {
    const char* what;
    Packet packet;
    bool passes;
  } kRows[] = {
      {"SSH", packet(Hook::Input, "192.0.2.9", "192.0.2.1", policy::kTcp, 40000, 22), true},
      {"SSH over IPv6", packet(Hook::Input, "2001:db8::9", "2001:db8::1", policy::kTcp, 40000, 22), true},
      {"kubelet from its net", packet(Hook::Input, "10.1.2.3", "192.0.2.1", policy::kTcp, 40000, 10250), true},
      {"kubelet from elsewhere", packet(Hook::Input, "192.0.2.9", "192.0.2.1", policy::kTcp, 40000, 10250), false},
      {"kubelet over IPv6", packet(Hook::Input, "fd00::9", "fd00::1", policy::kTcp, 40000, 10250), true},
      {"a web server", packet(Hook::Input, "192.0.2.9", "192.0.2.1", policy::kTcp, 40000, 80), false},
      {"UDP to the SSH port", packet(Hook::Input, "192.0.2.9", "192.0.2.1", policy::kUdp, 40000, 22), false},
      {"the node to itself", loopback, true},
      {"a reply", reply, true},
      {"neighbour discovery", solicitation, true},
      {"a DHCP offer", packet(Hook::Input, "192.0.2.254", "255.255.255.255", policy::kUdp, 67, 68), true},
      {"a DHCPv6 answer", packet(Hook::Input, "fe80::2", "fe80::1", policy::kUdp, 547, 546), true},
      {"a DHCP request", packet(Hook::Output, "0.0.0.0", "255.255.255.255", policy::kUdp, 68, 67), true},
      {"a question to a name server", packet(Hook::Output, "192.0.2.1", "192.0.2.53", policy::kUdp, 40000, 53), true},
      {"anything else going out", packet(Hook::Output, "192.0.2.1", "192.0.2.9", policy::kTcp, 40000, 443), false},
      {"forwarded traffic", packet(Hook::Forward, "10.244.0.5", "192.0.2.9", policy::kTcp, 40000, 22), false},
  };
  for (const auto& row : kRows) {
    EXPECT_EQ(simulate(table(), row.packet).end == Walk::End::Accepted, row.passes) << row.what;
  }
}

}  // namespace
}  // namespace tierwall::nft
