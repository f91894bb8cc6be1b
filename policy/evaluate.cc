#include "policy/evaluate.h"

#include <algorithm>
#include <utility>

namespace tierwall::policy {

std::string_view print_verdict(Verdict verdict) {
  return verdict == Verdict::Allow ? "allow" : "deny";
}

std::string_view print_reason(Reason reason) {
  switch (reason) {
    case Reason::Rule:
      return "rule";
    case Reason::TierDefault:
      return "tier-default";
    case Reason::Profile:
      return "profile";
    case Reason::NoPolicy:
      return "no-policy";
    case Reason::HostToPod:
      return "host-to-pod";
    case Reason::NeighbourDiscovery:
      return "neighbour-discovery";
    case Reason::Failsafe:
      return "failsafe";
    case Reason::Dhcpv6:
      return "dhcpv6";
  }
  TIERWALL_CHECK(false);
}

bool is_neighbour_discovery(const Flow& flow) {
  if (flow.family != Family::V6 || flow.protocol != kIcmpv6 || !flow.icmp.type) return false;
  return (*flow.icmp.type >= 130 && *flow.icmp.type <= 137) || *flow.icmp.type == 143;
}

namespace {

/// One end of the flow as a peer of a rule sees it.
struct End {
  const std::optional<Address>& address;
  std::uint16_t port;
  Protocol protocol;
};

bool contains(const NodePolicy& policy, const ResolvedPorts& ports, const End& end) {
  if (has_ports(end.protocol) &&
      std::ranges::any_of(ports.ranges, [&](PortRange range) { return range.contains(end.port); })) {
    return true;
  }
  return end.address && std::ranges::any_of(ports.services, [&](SetId id) {
           return policy.service_sets[id].contains({*end.address, end.protocol, end.port});
         });
}

bool in_set(const NodePolicy& policy, SetId id, const std::optional<Address>& address) {
  return address && policy.address_sets[id].contains(*address);
}

bool in_nets(const RangeSet& nets, const std::optional<Address>& address) {
  return address && nets.contains(*address);
}

std::optional<Condition> first_unmet(const NodePolicy& policy, const ResolvedPeer& peer, const End& end) {
  if (peer.in_set && !in_set(policy, *peer.in_set, end.address)) return Condition::Selector;
  if (peer.not_in_set && in_set(policy, *peer.not_in_set, end.address)) return Condition::NotSelector;
  if (peer.nets && !in_nets(*peer.nets, end.address)) return Condition::Nets;
  if (peer.not_nets && in_nets(*peer.not_nets, end.address)) return Condition::NotNets;
  if (!peer.ports.empty() && !contains(policy, peer.ports, end)) return Condition::Ports;
  if (!peer.not_ports.empty() && contains(policy, peer.not_ports, end)) return Condition::NotPorts;
  return std::nullopt;
}

/// Is the flow ICMP of its family, with this type and code as far as they are given?
bool matches_icmp(const Icmp& wanted, const Flow& flow) {
  if (flow.protocol != (flow.family == Family::V4 ? kIcmp : kIcmpv6)) return false;
  return (!wanted.type || wanted.type == flow.icmp.type) && (!wanted.code || wanted.code == flow.icmp.code);
}

}  // namespace

Action effective_action(const ResolvedRule& rule) {
  return !rule.understood && rule.action == Action::Pass ? Action::Deny : rule.action;
}

std::optional<Unmet> first_unmet(const NodePolicy& policy, const ResolvedRule& rule, const Flow& flow) {
  if (!rule.understood) {
    const bool closes = rule.action == Action::Deny || rule.action == Action::Pass;
    return closes ? std::nullopt : std::optional(Unmet{Condition::Understood});
  }
  if (!rule.speaks_of(flow.family)) return Unmet{Condition::Family};
  if (rule.protocol && *rule.protocol != flow.protocol) return Unmet{Condition::Protocol};
  if (rule.not_protocol && *rule.not_protocol == flow.protocol) return Unmet{Condition::NotProtocol};
  if (rule.icmp && !matches_icmp(*rule.icmp, flow)) return Unmet{Condition::Icmp};
  if (rule.not_icmp && matches_icmp(*rule.not_icmp, flow)) return Unmet{Condition::NotIcmp};
  const End source{flow.source, flow.source_port, flow.protocol};
  if (const auto unmet = first_unmet(policy, rule.source, source)) return Unmet{*unmet, true};
  const End destination{flow.destination, flow.destination_port, flow.protocol};
  if (const auto unmet = first_unmet(policy, rule.destination, destination)) return Unmet{*unmet, false};
  return std::nullopt;
}

bool matches(const NodePolicy& policy, const ResolvedRule& rule, const Flow& flow) {
  return !first_unmet(policy, rule, flow);
}

namespace {

/// Walks one treatment and writes the trail.
class Evaluation {
 public:
  Evaluation(const NodePolicy& policy, const Treatment& treatment, const Flow& flow, std::vector<TrailStep>& trail)
      : policy_(policy), treatment_(treatment), flow_(flow), trail_(trail) {}

  std::optional<Decision> run() {
    for (const TierStep& step : treatment_.steps) {
      if (decide_in_tier(step)) return std::move(decision_);
    }
    if (treatment_.policy_class != PolicyClass::Normal) return std::nullopt;
    decide_by_profiles();
    return std::move(decision_);
  }

 private:
  /// Untracked and preDNAT policy leaves what no rule decides to the classes behind it (calico.md 4.2).
  [[nodiscard]] bool tiers_may_deny() const {
    return treatment_.policy_class == PolicyClass::Normal || treatment_.policy_class == PolicyClass::Forward;
  }

  /// True if the tier decided, false if evaluation goes on behind it.
  bool decide_in_tier(const TierStep& step) {
    const ResolvedTier& tier = policy_.tiers[step.tier];
    for (const std::size_t index : step.policies) {
      const ResolvedPolicy& policy = tier.policies[index];
      const ResolvedRule* rule = first_decisive(policy.rules(treatment_.direction), tier.name, policy.key);
      if (rule == nullptr) {
        note(TrailStep::Kind::NoMatch, tier.name, policy.key, std::nullopt, "no rule matched");
        continue;
      }
      note(TrailStep::Kind::Matched, tier.name, policy.key, rule->number, outcome(*rule));
      if (effective_action(*rule) == Action::Pass) return false;
      decide(effective_action(*rule) == Action::Allow, Reason::Rule, tier.name, policy.key, rule->number);
      return true;
    }
    if (!tiers_may_deny()) return false;
    const bool denies = tier.default_action == TierDefault::Deny;
    note(TrailStep::Kind::TierDefault, tier.name, std::nullopt, std::nullopt, denies ? "Deny" : "Pass");
    if (denies) decide(false, Reason::TierDefault, tier.name, std::nullopt, std::nullopt);
    return denies;
  }

  /// Behind the last profile nothing allows.
  void decide_by_profiles() {
    if (treatment_.profiles.empty()) {
      note(TrailStep::Kind::NoPolicy, "", std::nullopt, std::nullopt, "no profile allows it: Deny");
      return decide(false, treatment_.steps.empty() ? Reason::NoPolicy : Reason::Profile, "", std::nullopt,
                    std::nullopt);
    }
    for (std::size_t i = 0; i < treatment_.profiles.size(); ++i) {
      const bool last = i + 1 == treatment_.profiles.size();
      if (decide_by_profile(policy_.profiles[treatment_.profiles[i]], last)) return;
    }
  }

  /// False if the next profile is to be asked.
  bool decide_by_profile(const ResolvedProfile& profile, bool last) {
    const ResourceKey key{Kind::Profile, "", profile.name};
    if (profile.implicit) {
      const bool no_policy = treatment_.steps.empty();
      note(no_policy ? TrailStep::Kind::NoPolicy : TrailStep::Kind::Profile, "", key, std::nullopt,
           no_policy ? "no policy applies in this direction: Allow" : "Allow");
      decide(true, no_policy ? Reason::NoPolicy : Reason::Profile, "", key, std::nullopt);
      return true;
    }
    if (profile.missing) {
      note(TrailStep::Kind::Profile, "", key, std::nullopt, "does not exist: Deny");
      decide(false, Reason::Profile, "", key, std::nullopt);
      return true;
    }
    const ResolvedRule* rule = first_decisive(profile.rules(treatment_.direction), "", key);
    if (rule == nullptr && !last) {
      note(TrailStep::Kind::Profile, "", key, std::nullopt, "no rule matched");
      return false;
    }
    // A Pass in a profile ends the profiles, and behind them nothing allows (calico.md 3.3).
    const bool allows = rule != nullptr && effective_action(*rule) == Action::Allow;
    note(TrailStep::Kind::Profile, "", key, rule != nullptr ? std::optional(rule->number) : std::nullopt,
         rule != nullptr ? outcome(*rule) : "no rule matched: Deny");
    decide(allows, Reason::Profile, "", key, rule != nullptr ? std::optional(rule->number) : std::nullopt);
    return true;
  }

  const ResolvedRule* first_decisive(const std::vector<ResolvedRule>& rules, const std::string& tier,
                                     const ResourceKey& key) {
    for (const ResolvedRule& rule : rules) {
      if (!matches(policy_, rule, flow_)) continue;
      if (rule.action != Action::Log) return &rule;
      note(TrailStep::Kind::Logged, tier, key, rule.number, "Log");
    }
    return nullptr;
  }

  static std::string outcome(const ResolvedRule& rule) {
    const std::string action(print_action(effective_action(rule)));
    return rule.understood ? action : action + " (the rule could not be understood)";
  }

  void note(TrailStep::Kind kind, const std::string& tier, std::optional<ResourceKey> policy, std::optional<int> rule,
            std::string outcome) {
    trail_.push_back({kind, tier, std::move(policy), rule, std::move(outcome)});
  }

  void decide(bool allow, Reason reason, const std::string& tier, std::optional<ResourceKey> policy,
              std::optional<int> rule) {
    decision_.verdict = allow ? Verdict::Allow : Verdict::Deny;
    decision_.reason = reason;
    decision_.tier = tier;
    decision_.policy = std::move(policy);
    decision_.rule = rule;
  }

  const NodePolicy& policy_;
  const Treatment& treatment_;
  const Flow& flow_;
  std::vector<TrailStep>& trail_;
  Decision decision_;
};

}  // namespace

std::optional<Decision> evaluate(const NodePolicy& policy, const Treatment& treatment, const Flow& flow,
                                 std::vector<TrailStep>& trail) {
  return Evaluation(policy, treatment, flow, trail).run();
}

Decision evaluate(const NodePolicy& policy, const ResolvedEndpoint& endpoint, Direction direction, const Flow& flow) {
  if (is_neighbour_discovery(flow)) {
    return {Verdict::Allow, Reason::NeighbourDiscovery, "", std::nullopt, std::nullopt, {}};
  }
  std::vector<TrailStep> trail;
  std::optional<Decision> decision = evaluate(policy, policy.treatment(endpoint, direction), flow, trail);
  TIERWALL_CHECK(decision);  // a pod's profile has the last word
  decision->trail = std::move(trail);
  return *std::move(decision);
}

ConnectionDecision evaluate_connection(const NodePolicy& policy, const ResolvedEndpoint* source,
                                       const ResolvedEndpoint* destination, const Flow& flow) {
  ConnectionDecision connection;
  if (source != nullptr && source == destination) return connection;
  if (source != nullptr) connection.egress = evaluate(policy, *source, Direction::Egress, flow);
  if (destination != nullptr) connection.ingress = evaluate(policy, *destination, Direction::Ingress, flow);
  for (const auto& side : {connection.egress, connection.ingress}) {
    if (side && side->verdict == Verdict::Deny) connection.verdict = Verdict::Deny;
  }
  return connection;
}

}  // namespace tierwall::policy
