// Generated nodes with host endpoints of every class: what judge_passage says of a packet's way through the node, and
// what the compiled table does to it hook by hook, must be the same.

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "nft/compile.h"
#include "nft/print.h"
#include "nft/simulate.h"
#include "policy/evaluate_host.h"
#include "policy/resolve.h"
#include "tests/vocabulary/proof.h"

namespace tierwall {
namespace {

using namespace policy;

constexpr const char* kNode = "node-1";
constexpr const char* kInterfaces[] = {"eth0", "eth1", "lo"};
constexpr const char* kAddresses[] = {"10.0.0.1",      "10.0.0.2", "192.0.2.1",  "203.0.113.7",
                                      "203.0.113.200", "fd00::1",  "2001:db8::7"};

class Dice {
 public:
  explicit Dice(std::uint32_t seed) : engine_(seed) {}
  std::size_t below(std::size_t count) { return engine_() % count; }
  bool one_in(std::size_t count) { return below(count) == 0; }
  template <typename T, std::size_t N>
  const T& pick(const T (&values)[N]) {
    return values[below(N)];
  }

 private:
  std::mt19937 engine_;
};

Peer random_peer(Dice& dice) {
  Peer peer;
  if (dice.one_in(3)) peer.nets = {*parse_prefix(dice.one_in(2) ? "203.0.113.0/25" : "2001:db8::/32")};
  if (dice.one_in(4)) peer.selector = *parse_selector(dice.one_in(2) ? "has(app)" : "role == 'a'");
  return peer;
}

Rule random_rule(Dice& dice, int number) {
  constexpr Action kActions[] = {Action::Allow, Action::Allow, Action::Deny, Action::Deny, Action::Pass, Action::Log};
  Rule rule{.action = dice.pick(kActions), .number = number};
  rule.source = random_peer(dice);
  rule.destination = random_peer(dice);
  if (!dice.one_in(4)) {
    rule.protocol = dice.one_in(2) ? kTcp : kUdp;
    const auto port = static_cast<std::uint16_t>(80 + dice.below(3));
    if (dice.one_in(2)) rule.destination.ports.ranges = {{port, port}};
  }
  return rule;
}

Policy random_policy(Dice& dice, int number) {
  constexpr Stage kStages[] = {Stage::Tracked, Stage::Tracked, Stage::Tracked, Stage::Untracked, Stage::PreDnat};
  Policy policy{.kind = Kind::GlobalNetworkPolicy, .name = "p" + std::to_string(number)};
  policy.order = static_cast<double>(dice.below(4));
  policy.tier = dice.one_in(3) ? "security" : "default";
  policy.subject = *parse_selector(dice.one_in(3) ? "all()" : dice.one_in(2) ? "role == 'a'" : "role == 'b'");
  policy.stage = dice.pick(kStages);
  policy.apply_on_forward = policy.stage != Stage::Tracked || dice.one_in(2);
  policy.applies_to_ingress = policy.stage == Stage::PreDnat || !dice.one_in(3);
  policy.applies_to_egress = policy.stage != Stage::PreDnat && (!policy.applies_to_ingress || dice.one_in(2));
  for (int i = 1; i <= 3; ++i) {
    if (policy.applies_to_ingress) policy.ingress.push_back(random_rule(dice, i));
    if (policy.applies_to_egress) policy.egress.push_back(random_rule(dice, i));
  }
  return policy;
}

Snapshot random_world(Dice& dice) {
  Snapshot world;
  world.put(Pod{.ns = "shop",
                .name = "web",
                .labels = {{"app", "web"}},
                .node = kNode,
                .addresses = {*parse_address("10.0.0.1"), *parse_address("fd00::1")}});
  world.put(
      Tier{.name = "security", .order = 1.0, .default_action = dice.one_in(2) ? TierDefault::Pass : TierDefault::Deny});
  world.put(Profile{.name = "written", .ingress = {random_rule(dice, 1)}, .egress = {random_rule(dice, 1)}});
  const char* const wanted[] = {"eth0", "eth1", "*", "lo"};
  for (const char* interface : wanted) {
    if (dice.one_in(interface == wanted[3] ? 6 : 2)) continue;
    HostEndpoint endpoint{.name = std::string("ep-") + interface, .node = kNode, .interface_name = interface};
    endpoint.labels.set("role", dice.one_in(2) ? "a" : "b");
    if (dice.one_in(3)) endpoint.expected_addresses = {*parse_address("203.0.113.7")};
    if (dice.one_in(2)) endpoint.profiles.emplace_back("written");
    if (dice.one_in(5)) endpoint.profiles.emplace_back("unwritten");
    if (dice.one_in(2)) endpoint.profiles.emplace_back(kAllowProfile);
    world.put(endpoint);
  }
  for (int i = 0; i < 6; ++i) world.put(random_policy(dice, i));
  return world;
}

/// A packet that can exist: a passage with both ends outside, in a pod, or the node itself.
struct Crossing {
  Passage passage;
  Flow flow;
};

Crossing random_crossing(Dice& dice, const NodePolicy& policy) {
  Crossing crossing;
  crossing.passage.node = kNode;
  Flow& flow = crossing.flow;
  do {
    flow.source = *parse_address(dice.pick(kAddresses));
    flow.destination = *parse_address(dice.pick(kAddresses));
  } while (flow.source->family != flow.destination->family || flow.source == flow.destination);
  flow.family = flow.source->family;
  flow.protocol = dice.one_in(2) ? kTcp : kUdp;
  flow.source_port = static_cast<std::uint16_t>(dice.one_in(4) ? 53 : 4000);
  flow.destination_port = static_cast<std::uint16_t>(dice.one_in(5) ? 22 : 80 + dice.below(4));
  if (flow.family == Family::V6 && dice.one_in(10)) {
    flow.protocol = kUdp;
    flow.source_port = 547;
    flow.destination_port = 546;
  }
  crossing.passage.from_pod = policy.find_endpoint(*flow.source) != nullptr;
  crossing.passage.to_pod = policy.find_endpoint(*flow.destination) != nullptr;
  const std::size_t way = dice.below(3);  // to the node, from the node, through it
  if (way != 1) crossing.passage.in = dice.pick(kInterfaces);
  if (way != 0) crossing.passage.out = dice.pick(kInterfaces);
  // Most pods hang on interfaces of their own; a forged address may arrive by any.
  if (crossing.passage.from_pod && crossing.passage.in && dice.one_in(2))
    crossing.passage.in = std::string(kPodInterface);
  if (crossing.passage.to_pod && crossing.passage.out) crossing.passage.out = std::string(kPodInterface);
  return crossing;
}

/// Every judge of the packet on its way: host endpoints, and the pods at either end.
bool passes(const NodePolicy& policy, const Crossing& crossing, const Failsafes& failsafes) {
  for (const Decision& decision : judge_passage(policy, crossing.passage, crossing.flow, failsafes)) {
    if (decision.verdict == Verdict::Deny) return false;
  }
  const bool leaves_host = !crossing.passage.in;
  const ResolvedEndpoint* source = leaves_host ? nullptr : policy.find_endpoint(*crossing.flow.source);
  const bool forwarded = crossing.passage.in && crossing.passage.out;
  const ResolvedEndpoint* destination = forwarded ? policy.find_endpoint(*crossing.flow.destination) : nullptr;
  return evaluate_connection(policy, source, destination, crossing.flow).verdict == Verdict::Allow;
}

nft::Packet to_packet(const Crossing& crossing) {
  nft::Packet packet = nft::to_packet(crossing.flow);
  packet.in_interface = crossing.passage.in.value_or("");
  packet.out_interface = crossing.passage.out.value_or("");
  packet.source_is_local = !crossing.passage.in;
  return packet;
}

TEST(HostPassages, EvaluatorAndTableAgree) {
  const test::Proof proof("host-passages");
  const char* wanted = std::getenv("TIERWALL_SEED");
  const std::uint32_t first = wanted != nullptr ? static_cast<std::uint32_t>(std::atoi(wanted)) : 1;
  const std::uint32_t worlds = wanted != nullptr ? 1 : 500;
  std::size_t judged = 0, denied = 0;
  for (std::uint32_t seed = first; seed < first + worlds; ++seed) {
    Dice dice(seed);
    const NodePolicy policy = resolve(random_world(dice), Scope{.node = kNode});
    nft::CompileOptions options;
    options.node = kNode;
    options.failsafes = {.inbound = {{kTcp, *parse_prefix("203.0.113.0/25"), 22}, {kTcp, std::nullopt, 81, "eth1"}},
                         .outbound = {{kUdp, std::nullopt, 53}, {kTcp, std::nullopt, 80, "eth0"}}};
    if (!dice.one_in(3)) options.flattening = dice.one_in(2) ? nft::Flattening::always() : nft::Flattening::never();
    const bool rejects = dice.one_in(3);
    if (rejects) options.host_deny = nft::CompileOptions::HostDeny::Reject;
    if (dice.one_in(2)) options.denied_log = nft::DeniedLog{.group = 7610};
    const Result<nft::Ruleset> table = nft::compile(policy, options);
    ASSERT_TRUE(table) << table.error().message;
    for (int i = 0; i < 60; ++i) {
      const Crossing crossing = random_crossing(dice, policy);
      nft::Packet packet = to_packet(crossing);
      if (!crossing.passage.in && dice.one_in(3)) packet.ct_status = nft::ct_status::kDnat;
      if (dice.one_in(4)) packet.mark = options.mark;  // of the packet it was unpacked from
      const bool allowed = passes(policy, crossing, options.failsafes);
      const nft::Journey journey = nft::travel(*table, packet);
      ++judged;
      denied += allowed ? 0 : 1;
      ASSERT_EQ(allowed, journey.end == nft::Walk::End::Accepted)
          << "TIERWALL_SEED=" << seed << ": " << print_address(*crossing.flow.source) << " -> "
          << print_address(*crossing.flow.destination) << " " << print_protocol(crossing.flow.protocol) << " "
          << crossing.flow.source_port << " -> " << crossing.flow.destination_port << ", in "
          << crossing.passage.in.value_or("-") << ", out " << crossing.passage.out.value_or("-") << "\n"
          << (journey.walks.back().second.steps.empty() ? "" : journey.walks.back().second.steps.back().rule) << "\n"
          << nft::print(*table);
    }
  }
  EXPECT_GT(denied, judged / 10);
  EXPECT_LT(denied, judged * 9 / 10);
  proof.publish("host endpoints: evaluator == simulated table, " + std::to_string(worlds) + " nodes, " +
                std::to_string(judged) + " packets (" + std::to_string(denied) + " denied), no disagreement");
}

}  // namespace
}  // namespace tierwall
