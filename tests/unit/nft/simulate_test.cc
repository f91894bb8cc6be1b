#include "nft/simulate.h"

#include <gtest/gtest.h>

#include <string>

#include "nft/canonical.h"
#include "nft/print.h"
#include "tests/unit/nft/sample_rulesets.h"

namespace tierwall::nft {
namespace {

using enum FieldType;

Packet packet(policy::Protocol protocol, std::uint16_t port = 0) {
  Packet made;
  made.source = address("10.0.0.1");
  made.destination = address("10.0.0.2");
  made.protocol = protocol;
  made.source_port = 40000;
  made.destination_port = port;
  return made;
}

Packet packet6(policy::Protocol protocol, std::uint16_t port = 0) {
  Packet made = packet(protocol, port);
  made.source = address("fd00::1");
  made.destination = address("fd00::2");
  return made;
}

Packet icmp(std::uint8_t type, std::uint8_t code) {
  Packet made = packet(policy::kIcmp);
  made.icmp_type = type;
  made.icmp_code = code;
  return made;
}

Packet in_state(std::uint32_t state) {
  Packet made = packet(policy::kTcp, 80);
  made.ct_state = state;
  return made;
}

const std::vector<Set>& sets() {
  static const std::vector<Set> all = {
      make_set("pods", {Ipv4Addr}, {element("10.0.0.1")}),
      make_set("pods6", {Ipv6Addr}, {element("fd00::1")}),
      make_interval_set("nets", {Ipv4Addr}, {interval("10.0.0.0/31"), interval("10.0.0.9-10.0.0.20")}),
      make_set("services", {Ipv4Addr, InetProto, InetService}, {element("10.0.0.2", 6, 80)}),
      make_map("dispatch", {Ipv4Addr}, {with_verdict(element("10.0.0.1"), drop())}),
      make_set("named", {IfName}, {interface("eth0")}),
      make_map("by-name", {IfName}, {with_verdict(interface("eth0"), drop())})};
  return all;
}

bool drops(const Rule& rule, const Packet& packet) {
  const Ruleset ruleset = make_ruleset(sets(), {make_base_chain("forward", Hook::Forward, 0, {rule})});
  return simulate(ruleset, packet).end == Walk::End::Dropped;
}

TEST(SimulateMatch, AsTheKernelMatches) {
  struct Case {
    Match match;
    Packet packet;
    bool matches;
  };
  const Packet tcp = packet(policy::kTcp, 80), udp = packet(policy::kUdp, 80), tcp6 = packet6(policy::kTcp, 80);
  const Match both = is(Field::L4Proto, Numbers{{6, 6}, {17, 17}});
  const Match service = is_in({Field::IpDaddr, Field::L4Proto, Field::ThDport}, "services");
  const Case cases[] = {
      {is(Field::TcpDport, 80), tcp, true},
      {is(Field::TcpDport, 80), udp, false},
      {is(Field::TcpDport, 81), tcp, false},
      {!is(Field::TcpDport, 81), tcp, true},
      {!is(Field::TcpDport, 81), udp, false},  // the negation is of the port, not of the protocol
      {is(Field::TcpSport, Numbers{{1, 2}, {40000, 40001}}), tcp, true},
      {is(Field::ThDport, 80), packet(policy::kSctp, 80), true},
      {is(Field::ThDport, 80), packet(policy::kUdpLite, 80), true},
      {!is(Field::ThDport, 80), icmp(8, 0), false},
      {both, udp, true},
      {!both, udp, false},
      {!both, icmp(8, 0), true},
      {is(Field::NfProto, 2), tcp, true},
      {is(Field::NfProto, 2), tcp6, false},
      {within(Field::IpSaddr, {"10.0.0.0/8"}), tcp, true},
      {within(Field::IpSaddr, {"11.0.0.0/8", "10.0.0.1-10.0.0.3"}), tcp, true},
      {!within(Field::IpSaddr, {"11.0.0.0/8"}), tcp, true},
      {!within(Field::IpSaddr, {"11.0.0.0/8"}), tcp6, false},
      {within(Field::IpSaddr, {"0.0.0.0/0"}), tcp6, false},
      {within(Field::Ip6Daddr, {"fd00::/64"}), tcp6, true},
      {is_in({Field::IpSaddr}, "pods"), tcp, true},
      {is_in({Field::IpDaddr}, "pods"), tcp, false},
      {!is_in({Field::IpDaddr}, "pods"), tcp, true},
      {!is_in({Field::IpDaddr}, "pods"), tcp6, false},
      {is_in({Field::Ip6Saddr}, "pods6"), tcp6, true},
      {is_in({Field::IpSaddr}, "nets"), tcp, true},
      {is_in({Field::IpDaddr}, "nets"), tcp, false},
      {service, tcp, true},
      {service, udp, false},
      {service, packet(policy::kTcp, 81), false},
      {!service, udp, true},
      {!service, icmp(8, 0), false},
      {is(Field::IcmpType, 8), icmp(8, 0), true},
      {is(Field::IcmpType, 8), tcp, false},
      {is(Field::IcmpCode, 1), icmp(3, 1), true},
      {is(Field::Icmpv6Type, 8), icmp(8, 0), false},
      {state(ct_state::kEstablished | ct_state::kRelated), in_state(ct_state::kRelated), true},
      {state(ct_state::kEstablished | ct_state::kRelated), in_state(ct_state::kNew), false},
      {!state(ct_state::kInvalid), in_state(ct_state::kNew), true},
  };
  for (const Case& row : cases) EXPECT_EQ(drops(rule({row.match}), row.packet), row.matches) << print(row.match);
}

TEST(SimulateMatch, WhatAPacketIsToItsHost) {
  Packet crossing = packet(policy::kTcp, 80);
  crossing.in_interface = "eth0";
  crossing.out_interface = "lo";
  crossing.mark = 6;
  crossing.ct_status = ct_status::kDnat;
  crossing.ct_mark = 5;
  crossing.source_is_local = true;
  Packet untracked = crossing;
  untracked.ct_state = ct_state::kUntracked;
  const Match translated = bits(Field::CtStatus, ct_status::kDnat);
  struct Case {
    Match match;
    Packet packet;
    bool matches;
  };
  const Case cases[] = {
      {is_in({Field::IifName}, "named"), crossing, true},
      {is_in({Field::OifName}, "named"), crossing, false},
      {!is_in({Field::OifName}, "named"), crossing, true},
      {is_in({Field::IifName}, "named"), packet(policy::kTcp), false},
      {!is_in({Field::IifName}, "named"), packet(policy::kTcp), true},  // no interface is not eth0
      {is(Field::Iif, kLoopbackInterface), crossing, false},
      {is(Field::Oif, kLoopbackInterface), crossing, true},
      {bits(Field::Mark, 3), crossing, true},
      {bits(Field::Mark, 1), crossing, false},
      {!bits(Field::Mark, 1), crossing, true},
      {translated, crossing, true},
      {!translated, packet(policy::kTcp), true},
      {translated, untracked, false},
      {!translated, untracked, false},  // it has no status that could lack the bit
      {bits(Field::CtMark, 4), crossing, true},
      {bits(Field::CtMark, 2), crossing, false},
      {!bits(Field::CtMark, 2), crossing, true},
      {bits(Field::CtMark, 4), untracked, false},
      {!bits(Field::CtMark, 2), untracked, false},
      {is(Field::FibSaddrType, kLocalAddress), crossing, true},
      {is(Field::FibSaddrType, kLocalAddress), packet(policy::kTcp), false},
  };
  for (const Case& row : cases) EXPECT_EQ(drops(rule({row.match}), row.packet), row.matches) << print(row.match);
}

TEST(SimulateMatch, AllMatchesOfARuleMustHold) {
  EXPECT_TRUE(drops(rule({is_in({Field::IpSaddr}, "pods"), is(Field::TcpDport, 80)}), packet(policy::kTcp, 80)));
  EXPECT_FALSE(drops(rule({is_in({Field::IpSaddr}, "pods"), is(Field::TcpDport, 80)}), packet(policy::kTcp, 81)));
}

/// Which chains and verdicts a packet meets, in words: "forward:jump a, a:return".
std::string walk(std::vector<Chain> chains) {
  const Walk walked = simulate(make_ruleset(sets(), std::move(chains)), packet(policy::kTcp, 80));
  std::string text;
  for (const Walk::Step& step : walked.steps) text += step.chain + ":" + step.rule + ", ";
  return text + (walked.end == Walk::End::Accepted ? "accepted" : "dropped");
}

Chain forward(std::vector<Rule> rules) {
  return make_base_chain("forward", Hook::Forward, 0, std::move(rules));
}

TEST(SimulateWalk, ABaseChainThatEndsAccepts) {
  EXPECT_EQ(walk({forward({})}), "accepted");
}

TEST(SimulateWalk, ReturnGoesOnBehindTheJump) {
  EXPECT_EQ(walk({forward({rule({}, jump("a")), rule({})}), make_chain("a", {rule({}, back()), rule({})})}),
            "forward:jump a, a:return, forward:drop, dropped");
}

TEST(SimulateWalk, AChainThatEndsGoesOnBehindTheJump) {
  EXPECT_EQ(walk({forward({rule({}, jump("a")), rule({})}), make_chain("a")}), "forward:jump a, forward:drop, dropped");
}

TEST(SimulateWalk, GotoDoesNotComeBack) {
  EXPECT_EQ(walk({forward({rule({}, go_to("a")), rule({})}), make_chain("a", {rule({}, back())})}),
            "forward:goto a, a:return, accepted");
  EXPECT_EQ(walk({forward({rule({}, jump("a")), rule({})}), make_chain("a", {rule({}, go_to("b")), rule({}, accept())}),
                  make_chain("b")}),
            "forward:jump a, a:goto b, forward:drop, dropped");
}

TEST(SimulateWalk, AcceptInAJumpedChainEndsTheBaseChain) {
  EXPECT_EQ(walk({forward({rule({}, jump("a")), rule({})}), make_chain("a", {rule({}, accept())})}),
            "forward:jump a, a:accept, accepted");
}

TEST(SimulateWalk, ReturnInABaseChainIsItsChainPolicy) {
  EXPECT_EQ(walk({forward({rule({}, back()), rule({})})}), "forward:return, accepted");
}

TEST(SimulateWalk, BaseChainsRunByPriorityAndOneDropIsEnough) {
  EXPECT_EQ(walk({make_base_chain("later", Hook::Forward, 10, {rule({})}),
                  make_base_chain("sooner", Hook::Forward, -10, {rule({}, accept())}),
                  make_base_chain("elsewhere", Hook::Input, 0, {rule({})})}),
            "sooner:accept, later:drop, dropped");
}

TEST(SimulateWalk, LogGoesOn) {
  EXPECT_EQ(walk({forward({rule({}, Log{.prefix = "x"}), rule({})})}),
            "forward:log prefix \"x\", forward:drop, dropped");
}

TEST(SimulateWalk, AVerdictMapDecidesOnlyForItsElements) {
  EXPECT_EQ(
      walk({forward({rule({}, VerdictMapLookup{.field = Field::IpDaddr, .map = "dispatch"}),
                     rule({}, VerdictMapLookup{.field = Field::IpSaddr, .map = "dispatch"}), rule({}, accept())})}),
      "forward:ip saddr vmap @dispatch, dropped");
}

TEST(SimulateWalk, RejectEndsEverythingLikeDrop) {
  EXPECT_EQ(walk({forward({rule({}, Reject{}), rule({}, accept())})}),
            "forward:reject with icmpx admin-prohibited, dropped");
}

TEST(SimulateWalk, AMarkIsSeenByTheRulesBehindIt) {
  const SetMark mark{.bits = 6, .notrack = false, .verdict = jump("a")};
  EXPECT_EQ(walk({forward({rule({}, mark), rule({bits(Field::Mark, 2)}), rule({bits(Field::Mark, 4)}, accept())}),
                  make_chain("a", {rule({}, ClearMark{.bits = 2})})}),
            "forward:meta mark set meta mark | 0x00000006 jump a, a:meta mark set meta mark & 0xfffffffd, "
            "forward:meta mark & 0x00000004 != 0x00000000 accept, accepted");
}

// ---- the whole way -------------------------------------------------------------------------------------------

/// The rules in the chains that judge a host's traffic.
struct HostRules {
  std::vector<Rule> raw = {}, mangle = {}, input = {}, forward = {}, raw_out = {}, output = {}, postrouting = {};
};

/// The hooks on the way and the comments of the rules that matched there: "prerouting: a, input: b dropped".
std::string way(const HostRules& rules, const Packet& packet) {
  constexpr const char* kHooks[] = {"prerouting", "input", "forward", "output", "postrouting"};
  const Ruleset ruleset =
      make_ruleset(sets(), {make_base_chain("raw-in", Hook::Prerouting, -300, rules.raw),
                            make_base_chain("pre-dnat", Hook::Prerouting, -150, rules.mangle),
                            make_base_chain("input", Hook::Input, 10, rules.input),
                            make_base_chain("forward", Hook::Forward, 10, rules.forward),
                            make_base_chain("raw-out", Hook::Output, -300, rules.raw_out),
                            make_base_chain("output", Hook::Output, 10, rules.output),
                            make_base_chain("postrouting", Hook::Postrouting, 10, rules.postrouting)});
  const Journey journey = travel(ruleset, packet);
  std::string text;
  for (const auto& [hook, walked] : journey.walks) {
    text += (text.empty() ? "" : ", ") + std::string(kHooks[static_cast<std::size_t>(hook)]) + ":";
    for (const Walk::Step& step : walked.steps) text += " " + step.comment;
  }
  return text + (journey.end == Walk::End::Accepted ? "" : " dropped");
}

Packet between(const char* in, const char* out) {
  Packet made = packet(policy::kTcp, 80);
  made.in_interface = in;
  made.out_interface = out;
  return made;
}
Packet to_host() {
  return between("eth0", "");
}
Packet through() {
  return between("eth0", "eth1");
}
Packet from_host() {
  return between("", "eth1");
}

TEST(Travel, LeadsThroughTheHooksOfItsWayInOrder) {
  const Rule seen = rule({}, Log{.prefix = "x"}, "seen");
  const HostRules everywhere{{seen}, {seen}, {seen}, {seen}, {seen}, {seen}, {seen}};
  EXPECT_EQ(way(everywhere, to_host()), "prerouting: seen seen, input: seen");
  EXPECT_EQ(way(everywhere, through()), "prerouting: seen seen, forward: seen, postrouting: seen");
  EXPECT_EQ(way(everywhere, from_host()), "output: seen seen, postrouting: seen");
}

TEST(Travel, EndsAtTheFirstDrop) {
  EXPECT_EQ(way({.mangle = {rule({}, drop(), "no")}, .input = {rule({}, accept(), "late")}}, to_host()),
            "prerouting: no dropped");
}

TEST(Travel, CarriesTheMarkFromHookToHook) {
  const Rule read = rule({bits(Field::Mark, 2)}, accept(), "read");
  const Rule mark = rule({}, SetMark{.bits = 2, .notrack = false, .verdict = accept()}, "marked");
  EXPECT_EQ(way({.raw = {mark}, .mangle = {read}, .forward = {read}, .postrouting = {read}}, through()),
            "prerouting: marked read, forward: read, postrouting: read");
  EXPECT_EQ(way({.raw = {mark}, .mangle = {rule({}, ClearMark{.bits = 2}, "cleared")}, .input = {read}}, to_host()),
            "prerouting: marked cleared, input:");
}

TEST(Travel, EachHookSeesTheInterfacesItHas) {
  const Rule in = rule({is_in({Field::IifName}, "named")}, accept(), "in");
  const HostRules everywhere{{in}, {}, {in}, {in}, {in}, {}, {in}};
  EXPECT_EQ(way(everywhere, through()), "prerouting: in, forward: in, postrouting:");
  EXPECT_EQ(way(everywhere, from_host()), "output:, postrouting:");
  const Rule by_name = rule({}, VerdictMapLookup{.field = Field::OifName, .map = "by-name"}, "out");
  EXPECT_EQ(way({.raw = {by_name}, .forward = {by_name}}, between("eth1", "eth0")),
            "prerouting:, forward: out dropped");
}

TEST(Travel, ConnectionTrackingSpeaksBehindRaw) {
  const Rule fresh = rule({state(ct_state::kNew)}, accept(), "new");
  const Rule invalid = rule({state(ct_state::kInvalid)}, accept(), "invalid");
  EXPECT_EQ(way({.raw = {fresh, invalid}, .mangle = {fresh}, .input = {fresh}}, to_host()),
            "prerouting: invalid new, input: new");
  EXPECT_EQ(way({.raw_out = {fresh, invalid}, .output = {fresh}}, from_host()), "output: invalid new, postrouting:");
}

TEST(Travel, NotrackKeepsConnectionTrackingAway) {
  const Rule untracked = rule({state(ct_state::kUntracked)}, accept(), "untracked");
  const Rule notrack = rule({}, SetMark{.bits = 1, .notrack = true, .verdict = accept()}, "notrack");
  EXPECT_EQ(way({.raw = {notrack}, .mangle = {untracked}, .forward = {untracked}}, through()),
            "prerouting: notrack untracked, forward: untracked, postrouting:");
  EXPECT_EQ(way({.mangle = {notrack}, .input = {untracked}}, to_host()), "prerouting: notrack, input:")
      << "too late: it is tracked";
}

/// Canonical rules are other words for the same packets.
TEST(Canonical, MatchesTheSamePackets) {
  const std::vector<Packet> packets = {packet(policy::kTcp, 80),
                                       packet(policy::kTcp, 90),
                                       packet(policy::kUdp, 80),
                                       packet(policy::kSctp, 80),
                                       packet(policy::kUdpLite, 80),
                                       packet6(policy::kTcp, 80),
                                       packet6(policy::kIcmpv6),
                                       icmp(8, 0),
                                       icmp(3, 1),
                                       packet({200})};
  for (const Sample& sample : samples()) {
    for (const auto& [name, chain] : sample.ruleset.chains) {
      for (const Rule& rule : chain.rules) {
        if (!std::holds_alternative<Verdict>(rule.action)) continue;
        Ruleset raw = sample.ruleset;
        raw.chains = {{"forward", forward({{.matches = rule.matches, .action = drop(), .comment = {}}})}};
        Ruleset rewritten = raw;
        rewritten.chains["forward"].rules = {canonical(raw.chains["forward"].rules.front())};
        for (const Packet& probe : packets) {
          EXPECT_EQ(simulate(raw, probe).end, simulate(rewritten, probe).end) << print(rule);
        }
      }
    }
  }
}

TEST(Canonical, IsAFixedPoint) {
  for (const Sample& sample : samples()) {
    for (const auto& [name, chain] : sample.ruleset.chains) {
      for (const Rule& rule : chain.rules) EXPECT_EQ(canonical(canonical(rule)), canonical(rule)) << print(rule);
    }
  }
}

}  // namespace
}  // namespace tierwall::nft
