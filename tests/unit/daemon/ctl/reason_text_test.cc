#include "daemon/ctl/reason_text.h"

#include <type_traits>
#include <utility>

#include <gtest/gtest.h>

namespace tierwall::daemon::ctl {
namespace {

using policy::Family;
using policy::SetId;
using Peer = policy::ResolvedPeer;

policy::Flow flow_to(std::uint16_t port) {
  policy::Flow flow;
  flow.source = *policy::parse_address("10.0.1.5");
  flow.destination = *policy::parse_address("10.0.2.6");
  flow.source_port = 40000;
  flow.destination_port = port;
  return flow;
}

policy::RangeSet nets(std::vector<const char*> texts) {
  policy::RangeSet set;
  for (const char* text : texts) set.insert(*policy::parse_prefix(text));
  return set;
}

/// Sets as resolve makes them: who works for dev, one that denotes nobody, and a named port.
policy::NodePolicy sets() {
  policy::NodePolicy resolved;
  resolved.address_sets = {{"dev", "pods of dev-app with app == 'api'", {*policy::parse_address("10.0.1.6")}, {}},
                           {"nobody", "pods of any namespace with app == 'gone'", {}, {}},
                           {"all()", "all()", {*policy::parse_address("10.0.1.6")}, {}},
                           {"service", "service shop/db", {*policy::parse_address("10.0.1.6")}, {}},
                           {"source", "app == 'web'", {*policy::parse_address("10.0.1.5")}, {}}};
  resolved.service_sets = {{"http", "port 'http'/tcp of pods of shop", {}}};
  return resolved;
}

struct UnmetRow {
  const char* reason;
  policy::ResolvedRule rule;
  policy::Flow flow = flow_to(443);
};

template <typename Value>
policy::ResolvedRule with_source(Value Peer::*field, std::type_identity_t<Value> value) {
  policy::ResolvedRule rule;
  rule.source.*field = std::move(value);
  return rule;
}

template <typename Value>
policy::ResolvedRule with_destination(Value Peer::*field, std::type_identity_t<Value> value) {
  policy::ResolvedRule rule;
  rule.destination.*field = std::move(value);
  return rule;
}

std::vector<UnmetRow> rows() {
  policy::ResolvedRule not_understood, six, udp, not_tcp, ping;
  not_understood.action = policy::Action::Allow;
  not_understood.understood = false;
  six.family = Family::V6;
  udp.protocol = policy::kUdp;
  not_tcp.not_protocol = policy::kTcp;
  ping.icmp = policy::Icmp{std::uint8_t{8}, std::nullopt};
  policy::Flow anonymous = flow_to(443);
  anonymous.source.reset();
  policy::Flow reply = flow_to(0);
  reply.protocol = policy::kIcmp;
  reply.icmp = {std::uint8_t{0}, std::uint8_t{0}};
  std::vector<policy::PortRange> many;
  for (std::uint16_t port = 1; port <= 15; port = static_cast<std::uint16_t>(port + 2)) many.push_back({port, port});
  return {
      {"could not be understood, so it allows nothing", not_understood},
      {"is about IPv6, the flow is IPv4", six},
      {"its nets are IPv6, the flow is IPv4", with_source(&Peer::nets, nets({"fd00::/8"}))},
      {"is about udp, the flow is tcp", udp},
      {"is about everything but tcp, and the flow is tcp", not_tcp},
      {"is about icmp type 8, the flow is icmp 0/0", ping, reply},
      {"the source 10.0.1.5 is not one of the pods of dev-app with app == 'api'", with_source(&Peer::in_set, SetId{0})},
      {"the source 10.0.1.5 is not one of the pods of any namespace with app == 'gone' (there are none)",
       with_source(&Peer::in_set, SetId{1})},
      {"the destination 10.0.2.6 is not one of the pods and network sets of these manifests",
       with_destination(&Peer::in_set, SetId{2})},
      {"the source 10.0.1.5 is not one of the endpoints of service shop/db", with_source(&Peer::in_set, SetId{3})},
      {"the source 10.0.1.5 is one of the pods and network sets with app == 'web', whom it leaves out",
       with_source(&Peer::not_in_set, SetId{4})},
      {"the source, whose address nobody knows, is not one of the pods of dev-app with app == 'api'",
       with_source(&Peer::in_set, SetId{0}), anonymous},
      {"the destination 10.0.2.6 is not in 192.0.2.0/24 or 198.51.100.0/24",
       with_destination(&Peer::nets, nets({"192.0.2.0/24", "198.51.100.0/24"}))},
      {"the source 10.0.1.5 is in 10.0.0.0/8, which it leaves out", with_source(&Peer::not_nets, nets({"10.0.0.0/8"}))},
      {"port 443 is not 80 or 8000-8100", with_destination(&Peer::ports, {{{80, 80}, {8000, 8100}}, {}})},
      {"port 443 is not port 'http'/tcp of pods of shop (there is none)", with_destination(&Peer::ports, {{}, {0}})},
      {"port 443 is not 1, 3, 5, 7, 9, 11 or 2 more", with_destination(&Peer::ports, {many, {}})},
      {"source port 40000 is not 53", with_source(&Peer::ports, {{{53, 53}}, {}})},
      {"asks for port 80, and icmp has no ports", with_destination(&Peer::ports, {{{80, 80}}, {}}), reply},
      {"port 443 is among those it leaves out: 400-500", with_destination(&Peer::not_ports, {{{400, 500}}, {}})},
  };
}

TEST(ReasonText, EveryConditionHasItsWords) {
  const policy::NodePolicy resolved = sets();
  for (const UnmetRow& row : rows()) {
    const auto unmet = policy::first_unmet(resolved, row.rule, row.flow);
    ASSERT_TRUE(unmet) << row.reason;
    EXPECT_EQ(describe_unmet(resolved, row.rule, *unmet, row.flow), row.reason);
  }
}

TEST(ReasonText, TiersSayWhoMadeThem) {
  WalkedTier tier;
  tier.name = "security";
  tier.order = 100;
  EXPECT_EQ(describe_tier(tier), "tier security (order 100, default Deny)");
  tier.name = "kube-baseline";
  tier.order = 10'000'000;
  tier.default_action = policy::TierDefault::Pass;
  EXPECT_EQ(describe_tier(tier), "tier kube-baseline (order 10000000, default Pass, built in)");
  tier.name = "lost";
  tier.missing = true;
  EXPECT_EQ(describe_tier(tier), "tier lost (no such Tier exists: asked last, default Deny)");
}

TEST(ReasonText, ListsAreCut) {
  EXPECT_EQ(list_some({}, 2, "or"), "");
  EXPECT_EQ(list_some({"a"}, 2, "or"), "a");
  EXPECT_EQ(list_some({"a", "b"}, 2, "or"), "a or b");
  EXPECT_EQ(list_some({"a", "b", "c", "d", "e"}, 2, "and"), "a, b and 3 more");
}

}  // namespace
}  // namespace tierwall::daemon::ctl
