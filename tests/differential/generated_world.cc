#include "tests/differential/generated_world.h"

#include <string>

namespace tierwall::test {

namespace {

using policy::Action;
using policy::Family;
using policy::Kind;
using policy::Labels;
using policy::Selector;

class Generator {
 public:
  explicit Generator(std::uint32_t seed) : random_(seed) {}

  policy::Snapshot world() {
    policy::Snapshot snapshot;
    for (const char* ns : {"a", "b"}) snapshot.put(policy::Namespace{ns, Labels{{"env", ns}}});
    const int pods = number(2, 6);
    for (int i = 0; i < pods; ++i) snapshot.put(pod(i));
    const int sets = number(0, 2);
    for (int i = 0; i < sets; ++i) snapshot.put(network_set(i));
    const int tiers = number(0, 3);
    for (int i = 0; i < tiers; ++i) {
      snapshot.put(policy::Tier{"t" + std::to_string(i),
                                chance(80) ? std::optional<double>(number(1, 3)) : std::nullopt,
                                chance(30) ? policy::TierDefault::Pass : policy::TierDefault::Deny});
    }
    const int policies = number(0, 6);
    for (int i = 0; i < policies; ++i) snapshot.put(some_policy(i, tiers));
    if (chance(15)) snapshot.put(policy::Profile{"kns.a", {}, rules(), rules()});
    return snapshot;
  }

  policy::Flow flow(const std::vector<policy::Address>& known) {
    policy::Flow flow;
    flow.source = address(known);
    flow.family = flow.source->family;
    do {
      flow.destination = address(known);
    } while (flow.destination->family != flow.family);
    flow.protocol = pick(std::vector{policy::kTcp, policy::kUdp, policy::kSctp, policy::Protocol{47},
                                     flow.family == Family::V4 ? policy::kIcmp : policy::kIcmpv6});
    if (policy::has_ports(flow.protocol)) {
      flow.source_port = port();
      flow.destination_port = port();
    }
    if (flow.protocol == policy::kIcmp || flow.protocol == policy::kIcmpv6) {
      flow.icmp = {static_cast<std::uint8_t>(pick(std::vector{0, 8, 128, 135})),
                   static_cast<std::uint8_t>(number(0, 1))};
    }
    return flow;
  }

 private:
  int number(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  bool chance(int percent) { return number(1, 100) <= percent; }

  template <typename T>
  const T& pick(const std::vector<T>& items) {
    return items[static_cast<std::size_t>(number(0, static_cast<int>(items.size()) - 1))];
  }

  std::uint16_t port() { return static_cast<std::uint16_t>(pick(std::vector{1, 79, 80, 81, 99, 100, 443, 65535})); }

  policy::Address address(const std::vector<policy::Address>& known) {
    static const std::vector<policy::Address> strangers = {
        *policy::parse_address("10.0.0.7"), *policy::parse_address("10.0.1.0"), *policy::parse_address("203.0.113.9"),
        *policy::parse_address("fd00::7"), *policy::parse_address("2001:db8::9")};
    return known.empty() || chance(25) ? pick(strangers) : pick(known);
  }

  Labels labels() {
    Labels labels;
    if (chance(70)) labels.set("app", pick(std::vector<std::string>{"x", "y"}));
    if (chance(40)) labels.set("tier", pick(std::vector<std::string>{"front", "back"}));
    return labels;
  }

  policy::Pod pod(int index) {
    policy::Pod pod;
    pod.ns = pick(std::vector<std::string>{"a", "b"});
    pod.name = "p" + std::to_string(index);
    pod.labels = labels();
    pod.node = "node-1";
    if (chance(90)) pod.addresses.push_back(*policy::parse_address("10.0.0." + std::to_string(index + 1)));
    if (chance(60)) pod.addresses.push_back(*policy::parse_address("fd00::" + std::to_string(index + 1)));
    if (chance(60)) pod.ports.push_back({"web", chance(80) ? policy::kTcp : policy::kUdp, port()});
    return pod;
  }

  policy::NetworkSet network_set(int index) {
    policy::NetworkSet set;
    if (chance(30)) set.ns = "a";
    set.name = "s" + std::to_string(index);
    set.labels = labels();
    const int count = number(0, 3);
    for (int i = 0; i < count; ++i) set.nets.insert(prefix());
    return set;
  }

  policy::Prefix prefix() {
    return *policy::parse_prefix(
        pick(std::vector<std::string>{"10.0.0.0/30", "10.0.0.0/24", "10.0.0.2/32", "10.0.0.0/31", "203.0.113.0/24",
                                      "0.0.0.0/0", "fd00::/126", "fd00::1/128", "2001:db8::/32", "::/0"}));
  }

  Selector selector(int depth = 2) {
    switch (number(0, depth > 0 ? 8 : 5)) {
      case 0:
        return policy::all();
      case 1:
        return policy::has("app");
      case 2:
        return policy::equals("app", pick(std::vector<std::string>{"x", "y", "z"}));
      case 3:
        return policy::in("tier", {"front", "back"});
      case 4:
        return policy::not_in("tier", {"front"});
      case 5:
        return policy::equals(std::string(policy::kNamespaceLabel), pick(std::vector<std::string>{"a", "b"}));
      case 6:
        return policy::negation(selector(depth - 1));
      case 7:
        return policy::conjunction({selector(depth - 1), selector(depth - 1)});
      default: {
        Selector either;
        either.op = Selector::Op::Or;
        either.operands = {selector(depth - 1), selector(depth - 1)};
        return either;
      }
    }
  }

  policy::PortList ports() {
    policy::PortList list;
    if (chance(70))
      list.ranges =
          chance(50) ? std::vector<policy::PortRange>{{80, 80}} : std::vector<policy::PortRange>{{1, 79}, {81, 100}};
    if (list.empty() || chance(30)) list.names = {"web"};
    return list;
  }

  policy::Peer peer(bool with_ports) {
    policy::Peer peer;
    if (chance(40))
      peer.selector = selector();
    else if (chance(15))
      peer.not_selector = selector();
    if (chance(25)) peer.nets.push_back(prefix());
    if (!peer.nets.empty() && chance(30)) peer.nets.push_back(prefix());
    if (chance(15)) peer.not_nets.push_back(*policy::parse_prefix(chance(50) ? "10.0.0.0/30" : "fd00::/127"));
    if (with_ports && chance(40)) peer.ports = ports();
    if (with_ports && chance(15)) peer.not_ports = ports();
    return peer;
  }

  policy::Rule rule(int number_as_written) {
    policy::Rule rule;
    rule.number = number_as_written;
    rule.action = pick(std::vector{Action::Allow, Action::Allow, Action::Deny, Action::Pass, Action::Log});
    rule.understood = chance(95);
    if (chance(10)) rule.ip_version = pick(std::vector{Family::V4, Family::V6});
    const int kind = number(0, 5);
    if (kind <= 2) rule.protocol = pick(std::vector{policy::kTcp, policy::kUdp, policy::kSctp});
    if (kind == 3) rule.protocol = pick(std::vector{policy::kIcmp, policy::kIcmpv6, policy::Protocol{47}});
    if (kind == 4) rule.not_protocol = pick(std::vector{policy::kTcp, policy::kIcmp});
    if (kind == 3 && chance(50)) (chance(60) ? rule.icmp : rule.not_icmp) = policy::Icmp{std::uint8_t{8}, std::nullopt};
    if (kind == 5 && chance(20)) rule.not_icmp = policy::Icmp{std::uint8_t{8}, std::uint8_t{0}};
    rule.source = peer(kind <= 2);
    rule.destination = peer(kind <= 2);
    return rule;
  }

  std::vector<policy::Rule> rules() {
    std::vector<policy::Rule> rules;
    const int count = number(0, 4);
    for (int i = 1; i <= count; ++i) rules.push_back(rule(i));
    return rules;
  }

  policy::Policy some_policy(int index, int tiers) {
    policy::Policy policy;
    policy.kind = Kind::GlobalNetworkPolicy;
    policy.name = "p" + std::to_string(index);
    if (chance(50)) policy.tier = "t" + std::to_string(number(0, tiers));  // sometimes a tier that does not exist
    if (chance(70)) policy.order = number(1, 4);
    policy.subject = selector();
    policy.applies_to_ingress = chance(75);
    policy.applies_to_egress = !policy.applies_to_ingress || chance(40);
    policy.ingress = rules();
    policy.egress = rules();
    return policy;
  }

  std::mt19937 random_;
};

}  // namespace

policy::Snapshot generate_world(std::uint32_t seed) {
  return Generator(seed).world();
}

std::vector<policy::Flow> generate_flows(const policy::Snapshot& world, std::uint32_t seed, std::size_t count) {
  std::vector<policy::Address> known;
  for (const auto& [name, pod] : world.pods) known.insert(known.end(), pod.addresses.begin(), pod.addresses.end());
  Generator generator(seed ^ 0x9e3779b9U);
  std::vector<policy::Flow> flows;
  for (std::size_t i = 0; i < count; ++i) flows.push_back(generator.flow(known));
  return flows;
}

}  // namespace tierwall::test
