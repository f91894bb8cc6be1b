#include <algorithm>
#include <map>
#include <utility>

#include "policy/ordering.h"
#include "policy/review_parts.h"
#include "policy/subjects.h"

namespace tierwall::policy {

namespace {

constexpr std::size_t kHostSelectorTrials = 1'000'000;  // host endpoints times policies: bounds the work

ResourceKey key_of_endpoint(const HostEndpoint& endpoint) {
  return {Kind::HostEndpoint, "", endpoint.name};
}

std::string direction_field(Direction direction) {
  return "spec." + std::string(print_direction(direction));
}

Direction opposite(Direction direction) {
  return direction == Direction::Ingress ? Direction::Egress : Direction::Ingress;
}

bool allows_something(const Policy& policy, Direction direction) {
  return policy.applies_to(direction) && std::ranges::any_of(policy.rules(direction), [](const Rule& rule) {
           return rule.understood && rule.action == Action::Allow;
         });
}

bool only_logs(const std::vector<Rule>& rules) {
  return !rules.empty() && std::ranges::all_of(rules, [](const Rule& rule) { return rule.action == Action::Log; });
}

/// The policies that are enforced on one host endpoint.
struct Governed {
  const HostEndpoint* endpoint;
  std::vector<const Policy*> policies;

  [[nodiscard]] bool any_of(Stage stage, Direction direction) const {
    return std::ranges::any_of(
        policies, [&](const Policy* policy) { return policy->stage == stage && policy->applies_to(direction); });
  }
};

class HostReview {
 public:
  HostReview(const Snapshot& snapshot, TieBreak tie_break, const Failsafes& failsafes)
      : snapshot_(snapshot), failsafes_(failsafes) {
    for (const OrderedTier& tier : order_tiers(snapshot.tiers, snapshot.policies, tie_break)) {
      for (const Policy* policy : tier.policies) {
        if (policy->kind == Kind::GlobalNetworkPolicy) tier_default_.emplace(policy, tier.tier.default_action);
      }
    }
  }

  std::vector<Warning> run() {
    review_interfaces();
    if (snapshot_.host_endpoints.size() * tier_default_.size() > kHostSelectorTrials) return std::move(warnings_);
    find_governed();
    for (const Governed& governed : governed_) review_closed(governed);
    for (const auto& [policy, tier_default] : tier_default_) review_policy(*policy, tier_default);
    return std::move(warnings_);
  }

 private:
  void find_governed() {
    if (snapshot_.host_endpoints.empty()) return;
    const Subjects subjects = find_subjects(snapshot_);
    for (const Subject& subject : subjects.host_endpoints) {
      Governed& governed = governed_.emplace_back(Governed{subject.host_endpoint, {}});
      for (const auto& [policy, tier_default] : tier_default_) {
        if (matches(policy->subject, subject.scope)) governed.policies.push_back(policy);
      }
    }
  }

  void warn(const ResourceKey& key, std::string field, std::string message) {
    warnings_.push_back({key, std::move(field), std::move(message)});
  }

  void review_interfaces() {
    std::map<std::pair<std::string, std::string>, std::string> governor;  // of a node's interface
    for (const auto& [name, endpoint] : snapshot_.host_endpoints) {
      if (endpoint.interface_name.empty()) continue;
      const auto [first, added] = governor.try_emplace({endpoint.node, endpoint.interface_name}, name);
      if (added) continue;
      const std::string what = endpoint.interface_name == kAllInterfaces ? std::string("all interfaces")
                                                                         : "interface " + endpoint.interface_name;
      warn(key_of_endpoint(endpoint), "spec.interfaceName",
           "has no effect: HostEndpoint " + first->second + " is for " + what + " of node " + endpoint.node +
               ", too, and the name that sorts first counts");
    }
  }

  /// Traffic of the node itself that nothing could allow: without normal policy the profiles decide.
  void review_closed(const Governed& governed) {
    if (!governed.endpoint->profiles.empty()) return;
    const bool in = governed.any_of(Stage::Tracked, Direction::Ingress);
    const bool out = governed.any_of(Stage::Tracked, Direction::Egress);
    if (in && out) return;
    const std::string what = !in && !out ? "closes the node: no normal policy selects it and it has no profile, so "
                             : in        ? "no policy judges what the node sends, and there is no profile to allow it: "
                                  : "no policy judges what the node receives, and there is no profile to allow it: ";
    warn(key_of_endpoint(*governed.endpoint), "spec.profiles", what + "only failsafe ports stay open");
  }

  void review_policy(const Policy& policy, TierDefault tier_default) {
    std::vector<std::string> names;
    for (const Governed& governed : governed_) {
      if (std::ranges::count(governed.policies, &policy) > 0) names.push_back(governed.endpoint->name);
    }
    if (names.empty()) return review_without_hosts(policy);
    const std::string hosts = (names.size() == 1 ? "HostEndpoint " : "HostEndpoints ") + list_names(names);
    review_selector(policy, hosts);
    for (const Direction direction : kDirections) {
      if (!policy.applies_to(direction)) continue;
      if (policy.stage == Stage::Tracked && tier_default == TierDefault::Deny) review_log_only(policy, direction);
      if (policy.stage == Stage::Tracked && !policy.apply_on_forward) review_failsafes(policy, direction, hosts);
    }
    if (policy.stage == Stage::Untracked) review_replies(policy);
  }

  void review_without_hosts(const Policy& policy) {
    const bool world_given = !snapshot_.host_endpoints.empty() || !snapshot_.pods.empty();
    if (!world_given) return;
    if (policy.stage == Stage::Tracked) {
      if (!policy.apply_on_forward) return;
      warn(key_of(policy), "spec.applyOnForward",
           "has no effect: the policy selects no host endpoint that is known here, and pods know no such difference");
    } else {
      warn(key_of(policy), policy.stage == Stage::Untracked ? "spec.doNotTrack" : "spec.preDNAT",
           "has no effect: such a policy applies to host endpoints only, and it selects none that is known here");
    }
  }

  /// Where there are pods, whoever writes all() mostly thinks of them.
  void review_selector(const Policy& policy, const std::string& hosts) {
    const bool meant = policy.stage != Stage::Tracked || policy.apply_on_forward;
    if (meant || snapshot_.pods.empty() || policy.subject != all()) return;
    warn(key_of(policy), "spec.selector",
         "also applies to " + hosts +
             ", so to the nodes themselves: if only pods are meant, select "
             "has(projectcalico.org/namespace)");
  }

  /// calico.md 3.3: a policy that only logs is a policy, and behind it the tier ends in Deny.
  void review_log_only(const Policy& policy, Direction direction) {
    if (!only_logs(policy.rules(direction))) return;
    std::vector<std::string> cut_off;
    for (const Governed& governed : governed_) {
      if (governed.endpoint->profiles.empty() || std::ranges::count(governed.policies, &policy) == 0) continue;
      const auto decides = [&](const Policy* other) {
        return other != &policy && other->stage == Stage::Tracked && other->applies_to(direction);
      };
      if (std::ranges::none_of(governed.policies, decides)) cut_off.push_back(governed.endpoint->name);
    }
    if (cut_off.empty()) return;
    warn(key_of(policy), direction_field(direction),
         "cuts nodes off: it is the only policy of HostEndpoint " + list_names(cut_off) + " and only logs, so tier " +
             policy.tier + " denies at its end what the profile would allow; only failsafe ports stay open");
  }

  /// A deny for ports that normal policy never sees. Only said of rules that speak of nothing else.
  void review_failsafes(const Policy& policy, Direction direction, const std::string& hosts) {
    for (const Rule& rule : policy.rules(direction)) {
      const PortList& ports = rule.destination.ports;
      const bool denies = rule.understood && rule.action == Action::Deny && rule.protocol;
      if (!denies || ports.ranges.empty() || !ports.names.empty()) continue;
      if (!std::ranges::all_of(ports.ranges,
                               [&](PortRange range) { return is_failsafe(direction, *rule.protocol, range); })) {
        continue;
      }
      std::string list;
      for (const PortRange range : ports.ranges) {
        if (!list.empty()) list += ", ";
        list += print_port_range(range);
      }
      warn(key_of(policy), rule_field(direction, rule.number),
           std::string("never acts on ")
               .append(hosts)
               .append(": ")
               .append(print_protocol(*rule.protocol))
               .append(" ")
               .append(list)
               .append(ports.ranges.size() == 1 ? " is a failsafe port" : " are failsafe ports")
               .append(", which normal policy does not judge"));
    }
  }

  [[nodiscard]] bool is_failsafe(Direction direction, Protocol protocol, PortRange range) const {
    const std::vector<Failsafe>& list = direction == Direction::Ingress ? failsafes_.inbound : failsafes_.outbound;
    for (std::uint32_t port = range.first; port <= range.last; ++port) {
      const bool listed = std::ranges::any_of(list, [&](const Failsafe& failsafe) {
        return failsafe.protocol == protocol && !failsafe.nets && failsafe.port == port;
      });
      if (!listed) return false;
    }
    return true;
  }

  /// What is not tracked has no replies for the kernel: they are packets like any other.
  void review_replies(const Policy& policy) {
    for (const Direction direction : kDirections) {
      if (!allows_something(policy, direction)) continue;
      std::vector<std::string> without;
      for (const Governed& governed : governed_) {
        if (std::ranges::count(governed.policies, &policy) == 0) continue;
        const auto answers = [&](const Policy* other) {
          return other->stage == Stage::Untracked && allows_something(*other, opposite(direction));
        };
        if (std::ranges::none_of(governed.policies, answers)) without.push_back(governed.endpoint->name);
      }
      if (without.empty()) continue;
      warn(key_of(policy), direction_field(direction),
           "replies have no way back: no untracked policy of HostEndpoint " + list_names(without) +
               " allows anything in the other direction");
    }
  }

  const Snapshot& snapshot_;
  const Failsafes& failsafes_;
  std::map<const Policy*, TierDefault> tier_default_;  // of every global policy that is enforced
  std::vector<Governed> governed_;
  std::vector<Warning> warnings_;
};

}  // namespace

std::vector<Warning> review_hosts(const Snapshot& snapshot, TieBreak tie_break, const Failsafes& failsafes) {
  return HostReview(snapshot, tie_break, failsafes).run();
}

}  // namespace tierwall::policy
