#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "policy/ordering.h"
#include "policy/review_parts.h"

namespace tierwall::policy {

namespace {

/// Services by which a machine is taken over if everyone may reach them.
struct ManagementPort {
  std::uint16_t port;
  std::string_view what;
};
constexpr ManagementPort kManagementPorts[] = {
    {22, "SSH"},   {23, "telnet"},           {2379, "etcd"},     {2380, "etcd"},    {3389, "RDP"},
    {5900, "VNC"}, {6443, "Kubernetes API"}, {10250, "kubelet"}, {10255, "kubelet"}};

// ---- does one rule decide everything another one could? Conservative: false when in doubt. -------------------------

bool covers_ports(const PortList& wide, const PortList& narrow) {
  if (wide.empty()) return true;
  if (narrow.empty()) return false;
  const auto holds = [&](PortRange inner) {
    return std::ranges::any_of(wide.ranges,
                               [&](PortRange outer) { return outer.first <= inner.first && inner.last <= outer.last; });
  };
  return std::ranges::all_of(narrow.ranges, holds) && std::ranges::includes(wide.names, narrow.names);
}

bool covers_nets(const std::vector<Prefix>& wide, const std::vector<Prefix>& narrow) {
  if (wide.empty()) return true;
  return !narrow.empty() && std::ranges::all_of(narrow, [&](const Prefix& inner) {
    return std::ranges::any_of(wide, [&](const Prefix& outer) { return outer.contains(inner); });
  });
}

/// A condition of the wider rule that is absent, or the very one of the narrower rule.
template <typename T>
bool absent_or_equal(const T& wide, const T& narrow) {
  return wide == T{} || wide == narrow;
}

bool covers_peer(const Peer& wide, const Peer& narrow) {
  return absent_or_equal(wide.selector, narrow.selector) && absent_or_equal(wide.not_selector, narrow.not_selector) &&
         absent_or_equal(wide.service, narrow.service) && absent_or_equal(wide.nodes, narrow.nodes) &&
         covers_nets(wide.nets, narrow.nets) && absent_or_equal(wide.not_nets, narrow.not_nets) &&
         covers_ports(wide.ports, narrow.ports) && absent_or_equal(wide.not_ports, narrow.not_ports);
}

bool covers(const Rule& wide, const Rule& narrow) {
  if (wide.action == Action::Log || !wide.understood || !narrow.understood) return false;
  return absent_or_equal(wide.ip_version, narrow.ip_version) && absent_or_equal(wide.protocol, narrow.protocol) &&
         absent_or_equal(wide.not_protocol, narrow.not_protocol) && absent_or_equal(wide.icmp, narrow.icmp) &&
         absent_or_equal(wide.not_icmp, narrow.not_icmp) && covers_peer(wide.source, narrow.source) &&
         covers_peer(wide.destination, narrow.destination);
}

bool matches_everything(const Rule& rule) {
  return covers(rule, Rule{});
}

// ---------------------------------------------------------------------------------------------------------------------

bool from_everywhere(const Peer& source) {
  if (source.selector || source.not_selector || source.service || source.nodes || !source.not_nets.empty())
    return false;
  return source.nets.empty() || std::ranges::any_of(source.nets, [](const Prefix& net) { return net.length == 0; });
}

class RuleReview {
 public:
  RuleReview(const Snapshot& snapshot, TieBreak tie_break) : snapshot_(snapshot), tie_break_(tie_break) {}

  std::vector<Warning> run() {
    for (const OrderedTier& tier : order_tiers(snapshot_.tiers, snapshot_.policies, tie_break_)) {
      for (const Policy* policy : tier.policies) review_policy(tier, *policy);
      for (const Direction direction : kDirections) review_order(tier, direction);
    }
    return std::move(warnings_);
  }

 private:
  void warn(const Policy& policy, std::string field, std::string message) {
    warnings_.push_back({key_of(policy), std::move(field), std::move(message)});
  }

  void review_policy(const OrderedTier& tier, const Policy& policy) {
    for (const Direction direction : kDirections) {
      if (!policy.applies_to(direction)) continue;
      review_reach(policy, direction);
      review_cluster_addresses(policy, direction);
      const bool tier_denies = policy.stage == Stage::Tracked && tier.tier.default_action == TierDefault::Deny;
      if (!policy.staged && tier_denies) review_log_only(policy, direction);
    }
    if (policy.applies_to_ingress) review_management_ports(policy);
  }

  /// Kubernetes rules only allow and are a union: one that another covers is superfluous, not unreachable.
  void review_reach(const Policy& policy, Direction direction) {
    if (policy.kind == Kind::KubernetesNetworkPolicy || policy.kind == Kind::StagedKubernetesNetworkPolicy) return;
    const std::vector<Rule>& rules = policy.rules(direction);
    std::map<int, int> hidden_by;  // number -> number of the rule that decides before it
    std::set<int> reachable;
    for (auto rule = rules.begin(); rule != rules.end(); ++rule) {
      const auto before = std::find_if(
          rules.begin(), rule, [&](const Rule& other) { return other.number != rule->number && covers(other, *rule); });
      if (before == rule) {
        reachable.insert(rule->number);
      } else {
        hidden_by.try_emplace(rule->number, before->number);
      }
    }
    for (const auto& [number, hiding] : hidden_by) {
      if (reachable.count(number) != 0) continue;
      warn(policy, rule_field(direction, number),
           "can never be reached: rule " + std::to_string(hiding) + " decides all it could match");
    }
  }

  /// Is the later policy asked in no class in which the earlier is not? Tracked policy is of two classes with
  /// applyOnForward and else of one.
  static bool meets_first(const Policy& earlier, const Policy& later) {
    return earlier.stage == later.stage && (earlier.apply_on_forward || !later.apply_on_forward);
  }

  /// Whole policies behind one of the same subject that decides everything.
  void review_order(const OrderedTier& tier, Direction direction) {
    std::vector<const Policy*> final_ones;
    for (const Policy* policy : tier.policies) {
      if (policy->staged || !policy->applies_to(direction)) continue;
      const auto hiding = std::ranges::find_if(final_ones, [&](const Policy* other) {
        return meets_first(*other, *policy) && (other->subject == all() || other->subject == policy->subject);
      });
      if (hiding != final_ones.end() && !policy->rules(direction).empty()) {
        warn(*policy, "spec." + std::string(print_direction(direction)),
             "can never be reached: " + print_key(key_of(**hiding)) +
                 " is asked before it, applies to the same pods and decides everything");
      }
      if (std::ranges::any_of(policy->rules(direction), matches_everything)) final_ones.push_back(policy);
    }
  }

  void review_log_only(const Policy& policy, Direction direction) {
    const std::vector<Rule>& rules = policy.rules(direction);
    const bool only_logs =
        !rules.empty() && std::ranges::all_of(rules, [](const Rule& rule) { return rule.action == Action::Log; });
    if (!only_logs) return;
    warn(policy, "spec." + std::string(print_direction(direction)),
         "only logs, but a policy that applies makes tier " + policy.tier +
             " deny at its end what no rule of the tier allows: add a rule with action Pass or Allow");
  }

  void review_management_ports(const Policy& policy) {
    for (const Rule& rule : policy.ingress) {
      const bool opens = rule.understood && rule.action == Action::Allow && from_everywhere(rule.source) &&
                         (!rule.protocol || rule.protocol == kTcp);
      if (!opens) continue;
      for (const ManagementPort& management : kManagementPorts) {
        const bool named = std::ranges::any_of(rule.destination.ports.ranges,
                                               [&](PortRange range) { return range.contains(management.port); });
        if (!named) continue;
        warn(policy, rule_field(Direction::Ingress, rule.number),
             "allows port " + std::to_string(management.port) + " (" + std::string(management.what) +
                 ") from everywhere: name the sources that need it");
        break;
      }
    }
  }

  /// Packets are judged after their destination was translated, so a cluster address in a CIDR matches none of them
  /// (design.md 7.6). Only said of CIDRs that hold nothing else that is known.
  void review_cluster_addresses(const Policy& policy, Direction direction) {
    std::set<int> reported;
    for (const Rule& rule : policy.rules(direction)) {
      for (const Prefix& net : rule.destination.nets) {
        const Service* service = service_in(net);
        if (service == nullptr || holds_endpoints(net) || !reported.insert(rule.number).second) continue;
        warn(policy, rule_field(direction, rule.number),
             print_prefix(net) + " holds the cluster address of service " + service->ns + "/" + service->name +
                 ", which no packet carries where policy judges it: name the pods behind the service instead");
      }
    }
  }

  [[nodiscard]] const Service* service_in(const Prefix& net) const {
    for (const auto& [name, service] : snapshot_.services) {
      if (std::ranges::any_of(service.cluster_addresses, [&](const Address& a) { return net.contains(a); }))
        return &service;
    }
    return nullptr;
  }

  [[nodiscard]] bool holds_endpoints(const Prefix& net) const {
    const auto inside = [&](const Address& address) { return net.contains(address); };
    return std::ranges::any_of(
               snapshot_.pods,
               [&](const auto& entry) { return std::ranges::any_of(entry.second.addresses, inside); }) ||
           std::ranges::any_of(snapshot_.nodes,
                               [&](const auto& entry) { return std::ranges::any_of(entry.second.addresses, inside); });
  }

  const Snapshot& snapshot_;
  TieBreak tie_break_;
  std::vector<Warning> warnings_;
};

}  // namespace

std::vector<Warning> review_rules(const Snapshot& snapshot, TieBreak tie_break) {
  return RuleReview(snapshot, tie_break).run();
}

}  // namespace tierwall::policy
