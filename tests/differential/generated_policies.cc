#include "tests/differential/generated_policies.h"

#include <algorithm>

#include "tests/differential/generated_words.h"

namespace tierwall::test {

namespace {

using policy::Action;
using policy::Direction;
using policy::Family;
using policy::Icmp;
using policy::Kind;
using policy::Peer;
using policy::Policy;
using policy::Rule;

bool is_icmp(std::optional<policy::Protocol> protocol) {
  return protocol == policy::kIcmp || protocol == policy::kIcmpv6;
}

bool ports_fit(const policy::PortList& ports, const Rule& rule) {
  if (rule.protocol) return ports.empty() || policy::has_ports(*rule.protocol);
  return ports.ranges.empty();
}

bool peer_fits(const Peer& peer, const Rule& rule) {
  const int denoted_by =
      (peer.selector ? 1 : 0) + (peer.not_selector ? 1 : 0) + (peer.service ? 1 : 0) + (peer.nodes ? 1 : 0);
  const bool by_nets = !peer.nets.empty() || !peer.not_nets.empty();
  if (denoted_by > 1 || (by_nets && (peer.service || peer.nodes))) return false;
  return ports_fit(peer.ports, rule) && ports_fit(peer.not_ports, rule);
}

}  // namespace

bool decodable(const Rule& rule) {
  if (rule.icmp && (!is_icmp(rule.protocol) || (rule.icmp->code && !rule.icmp->type))) return false;
  if (rule.not_icmp && rule.not_icmp->code && !rule.not_icmp->type) return false;
  const Peer& to = rule.destination;
  if (to.service && !(to.ports.empty() && to.not_ports.empty())) return false;
  return peer_fits(rule.source, rule) && peer_fits(to, rule);
}

Policy PolicyGenerator::some_policy(int index) {
  const Kind kind =
      random_.pick({Kind::GlobalNetworkPolicy, Kind::GlobalNetworkPolicy, Kind::GlobalNetworkPolicy,
                    Kind::NetworkPolicy, Kind::NetworkPolicy, Kind::KubernetesNetworkPolicy,
                    Kind::KubernetesNetworkPolicy, Kind::KubernetesClusterNetworkPolicy,
                    Kind::KubernetesAdminNetworkPolicy, Kind::KubernetesBaselineAdminNetworkPolicy,
                    Kind::StagedGlobalNetworkPolicy, Kind::StagedNetworkPolicy, Kind::StagedKubernetesNetworkPolicy});
  Policy policy;
  switch (kind) {
    case Kind::KubernetesNetworkPolicy:
    case Kind::StagedKubernetesNetworkPolicy:
      policy = kubernetes_policy(kind);
      break;
    case Kind::KubernetesClusterNetworkPolicy:
    case Kind::KubernetesAdminNetworkPolicy:
    case Kind::KubernetesBaselineAdminNetworkPolicy:
      policy = cluster_policy(kind);
      break;
    default:
      policy = calico_policy(kind);
  }
  // Names that the two ways to break ties sort differently.
  policy.name = random_.pick({"p", "P", "z", "default.p", "t0.p", "a-p"}) + std::to_string(index);
  const bool staged = kind == Kind::StagedGlobalNetworkPolicy || kind == Kind::StagedNetworkPolicy ||
                      kind == Kind::StagedKubernetesNetworkPolicy;
  if (staged) policy.staged = random_.chance(70) ? policy::StagedAction::Set : policy::StagedAction::Delete;
  return policy;
}

std::string PolicyGenerator::tier_name() {
  if (random_.chance(8)) return std::string(random_.chance(50) ? policy::kAdminTier : policy::kBaselineTier);
  if (random_.chance(50)) return "t" + std::to_string(random_.number(0, tiers_));  // the last one does not exist
  return std::string(policy::kDefaultTier);
}

void PolicyGenerator::choose_directions(Policy& policy) {
  policy.applies_to_ingress = random_.chance(75);
  policy.applies_to_egress = !policy.applies_to_ingress || random_.chance(40);
}

/// Rules are written for a direction in which the policy does not apply too: they must not matter.
void PolicyGenerator::fill(Policy& policy, ReadRules rules) {
  choose_directions(policy);
  policy.ingress = (this->*rules)(Direction::Ingress);
  policy.egress = (this->*rules)(Direction::Egress);
}

Policy PolicyGenerator::calico_policy(Kind kind) {
  Policy policy;
  policy.kind = kind;
  policy.tier = tier_name();
  if (random_.chance(70)) policy.order = random_.pick({1.0, 2.0, 2.5, 1000.0, -1.0});
  policy.subject = some_selector(random_);
  if (policy::is_namespaced(kind)) {
    policy.ns = random_.pick({"a", "b"});
    policy.subject =
        policy::conjunction({policy.subject, policy::equals(std::string(policy::kNamespaceLabel), policy.ns)});
  }
  fill(policy, &PolicyGenerator::calico_rules);
  return policy;
}

Policy PolicyGenerator::kubernetes_policy(Kind kind) {
  Policy policy;
  policy.kind = kind;
  policy.ns = random_.pick({"a", "b"});
  policy.order = policy::kKubernetesPolicyOrder;
  policy.subject = some_pods(random_, policy.ns);
  fill(policy, &PolicyGenerator::kubernetes_rules);
  return policy;
}

Policy PolicyGenerator::cluster_policy(Kind kind) {
  Policy policy;
  policy.kind = kind;
  const bool baseline = kind == Kind::KubernetesBaselineAdminNetworkPolicy ||
                        (kind == Kind::KubernetesClusterNetworkPolicy && random_.chance(40));
  policy.tier = std::string(baseline ? policy::kBaselineTier : policy::kAdminTier);
  policy.order = random_.number(0, 2);
  policy.subject = some_pods(random_, "");
  fill(policy, &PolicyGenerator::cluster_rules);
  policy.applies_to_ingress = !policy.ingress.empty();
  policy.applies_to_egress = !policy.egress.empty();
  return policy;
}

std::vector<Rule> PolicyGenerator::profile_rules(Direction direction) {
  return calico_rules(direction);
}

std::vector<Rule> PolicyGenerator::calico_rules(Direction direction) {
  std::vector<Rule> rules;
  const int count = random_.number(0, 4);
  for (int number = 1; number <= count; ++number) {
    rules.push_back(calico_rule(direction));
    rules.back().number = number;
  }
  return rules;
}

Rule PolicyGenerator::calico_rule(Direction direction) {
  Rule rule;
  rule.action = random_.pick({Action::Allow, Action::Allow, Action::Allow, Action::Deny, Action::Pass, Action::Log});
  rule.understood = random_.chance(95);
  if (random_.chance(10)) rule.ip_version = random_.pick({Family::V4, Family::V6});
  choose_protocol(rule);
  choose_icmp(rule);
  rule.source = calico_peer(rule, direction == Direction::Ingress, true);
  rule.destination = calico_peer(rule, direction == Direction::Egress, false);
  return rule;
}

void PolicyGenerator::choose_protocol(Rule& rule) {
  const int choice = random_.number(0, 9);
  if (choice <= 4) rule.protocol = random_.pick({policy::kTcp, policy::kUdp, policy::kSctp});
  if (choice == 5 || choice == 6) rule.protocol = random_.pick({policy::kIcmp, policy::kIcmpv6});
  if (choice == 7) rule.protocol = random_.pick({policy::Protocol{47}, policy::kUdpLite});
  if (choice == 8 || random_.chance(5))
    rule.not_protocol =
        random_.pick({policy::kTcp, policy::kUdp, policy::kIcmp, policy::kIcmpv6, policy::Protocol{47}});
}

void PolicyGenerator::choose_icmp(Rule& rule) {
  const auto some_icmp = [this]() -> Icmp {
    if (random_.chance(15)) return {};
    const auto type = random_.pick({std::uint8_t{0}, std::uint8_t{3}, std::uint8_t{8}, std::uint8_t{128}});
    if (random_.chance(50)) return {type, std::nullopt};
    return {type, random_.pick({std::uint8_t{0}, std::uint8_t{1}})};
  };
  if (is_icmp(rule.protocol) && random_.chance(50)) rule.icmp = some_icmp();
  if (random_.chance(is_icmp(rule.protocol) ? 30 : 6)) rule.not_icmp = some_icmp();
}

Peer PolicyGenerator::calico_peer(const Rule& rule, bool may_name_service, bool is_source) {
  Peer peer;
  if (may_name_service && random_.chance(18)) {
    peer.service = policy::ServiceName{random_.pick({"a", "b"}), random_.pick({"web", "db"})};
  } else {
    if (random_.chance(40)) peer.selector = some_selector(random_);
    if (!peer.selector && random_.chance(15)) peer.not_selector = some_selector(random_);
    if (random_.chance(25)) peer.nets.push_back(some_prefix(random_));
    if (!peer.nets.empty() && random_.chance(40)) peer.nets.push_back(some_prefix(random_));
    if (random_.chance(15)) peer.not_nets.push_back(some_excluded_prefix(random_));
    if (!peer.not_nets.empty() && random_.chance(30)) peer.not_nets.push_back(some_excluded_prefix(random_));
  }
  if (peer.service && !is_source) return peer;
  if (random_.chance(is_source ? 20 : 45)) peer.ports = some_ports(rule);
  if (random_.chance(15)) peer.not_ports = some_ports(rule);
  return peer;
}

/// Names need no protocol, numbers do.
policy::PortList PolicyGenerator::some_ports(const Rule& rule) {
  if (rule.protocol && !policy::has_ports(*rule.protocol)) return {};
  policy::PortList list;
  if (rule.protocol && random_.chance(75)) list.ranges = some_port_ranges(random_);
  if (list.empty() || random_.chance(30)) list.names = some_port_names(random_);
  return list;
}

/// Rules only allow; one as written is several here, one per peer and protocol, under one number.
std::vector<Rule> PolicyGenerator::kubernetes_rules(Direction direction) {
  std::vector<Rule> rules;
  const int written = random_.number(0, 3);
  for (int number = 1; number <= written; ++number) {
    const int alternatives = random_.number(1, 2);
    for (int i = 0; i < alternatives; ++i) {
      Rule rule;
      rule.action = Action::Allow;
      rule.number = number;
      rule.understood = random_.chance(96);
      Peer& other = direction == Direction::Ingress ? rule.source : rule.destination;
      if (random_.chance(50)) {
        other.selector = some_pods(random_, random_.pick({"a", "b", ""}));
      } else if (random_.chance(60)) {
        other.nets.push_back(some_prefix(random_));
        if (random_.chance(50)) other.not_nets.push_back(some_excluded_prefix(random_));
      }
      if (random_.chance(60)) {
        rule.protocol = random_.pick({policy::kTcp, policy::kUdp, policy::kSctp});
        if (random_.chance(80)) rule.destination.ports = some_ports(rule);
      }
      rules.push_back(std::move(rule));
    }
  }
  return rules;
}

std::vector<Rule> PolicyGenerator::cluster_rules(Direction direction) {
  std::vector<Rule> rules;
  const int count = random_.number(0, 3);
  for (int number = 1; number <= count; ++number) {
    Rule rule;
    rule.action = random_.pick({Action::Allow, Action::Deny, Action::Deny, Action::Pass});
    rule.number = number;
    rule.understood = random_.chance(96);
    if (random_.chance(30)) rule.annotations.set("name", "rule-" + std::to_string(number));
    (direction == Direction::Ingress ? rule.source : rule.destination) = cluster_peer(direction);
    if (random_.chance(60)) {
      if (random_.chance(80)) rule.protocol = random_.pick({policy::kTcp, policy::kUdp, policy::kSctp});
      rule.destination.ports = some_ports(rule);
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

Peer PolicyGenerator::cluster_peer(Direction direction) {
  Peer peer;
  const int choice = direction == Direction::Egress ? random_.number(0, 3) : 0;
  if (choice <= 1) peer.selector = some_pods(random_, "");
  if (choice == 2) peer.nodes = random_.chance(50) ? policy::all() : policy::equals("zone", random_.pick({"1", "2"}));
  if (choice == 3) {
    const int count = random_.number(1, 3);
    for (int i = 0; i < count; ++i) peer.nets.push_back(some_prefix(random_));
  }
  return peer;
}

}  // namespace tierwall::test
