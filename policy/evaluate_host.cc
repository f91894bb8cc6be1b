#include "policy/evaluate_host.h"

#include <algorithm>
#include <utility>

namespace tierwall::policy {

namespace {

constexpr std::uint16_t kDhcpv6Client = 546;
constexpr std::uint16_t kDhcpv6Server = 547;

/// One way of looking at a flow: who is the other side, at which of the two ports the failsafe stands, and where.
struct View {
  const std::optional<Address>& peer;
  std::uint16_t port;
  std::string_view interface;
};

const Failsafe* find_in(const std::vector<Failsafe>& failsafes, Protocol protocol, const View& view) {
  const auto found = std::ranges::find_if(failsafes, [&](const Failsafe& failsafe) {
    const bool reaches = !failsafe.nets || (view.peer && failsafe.nets->contains(*view.peer));
    const bool here = failsafe.interface.empty() || failsafe.interface == view.interface;
    return failsafe.protocol == protocol && failsafe.port == view.port && reaches && here;
  });
  return found != failsafes.end() ? &*found : nullptr;
}

/// Walks the classes of one host endpoint in one direction.
class HostEvaluation {
 public:
  HostEvaluation(const NodePolicy& policy, const ResolvedHostEndpoint& endpoint, Direction direction,
                 const std::string& interface, const Flow& flow, const Failsafes& failsafes)
      : policy_(policy),
        endpoint_(endpoint),
        direction_(direction),
        interface_(interface),
        flow_(flow),
        failsafes_(failsafes) {}

  /// The decision of the first class that makes one; Allow if none does.
  Decision run(const std::vector<PolicyClass>& classes) {
    if (is_neighbour_discovery(flow_)) return decided(true, Reason::NeighbourDiscovery, classes.back());
    for (const PolicyClass policy_class : classes) {
      if (std::optional<Decision> decision = ask(policy_class)) return *std::move(decision);
    }
    return decided(true, Reason::NoPolicy, classes.back());
  }

 private:
  std::optional<Decision> ask(PolicyClass policy_class) {
    const Treatment* treatment = policy_.treatment(endpoint_, policy_class, direction_);
    if (treatment == nullptr) return std::nullopt;
    if (policy_class != PolicyClass::Forward) {
      const bool dhcpv6 = is_dhcpv6(direction_, flow_);
      if (dhcpv6 || passes_as_failsafe(policy_class)) {
        if (policy_class != PolicyClass::Normal) return std::nullopt;
        return decided(true, dhcpv6 ? Reason::Dhcpv6 : Reason::Failsafe, policy_class);
      }
    }
    std::optional<Decision> decision = evaluate(policy_, *treatment, flow_, trail_);
    if (!decision) {
      const std::string left = std::string(print_class(policy_class)) + " policy did not decide";
      trail_.push_back({TrailStep::Kind::Undecided, "", std::nullopt, std::nullopt, left});
      return std::nullopt;
    }
    decision->trail = std::move(trail_);
    decision->host = HostPoint{endpoint_.name, policy_class, direction_};
    return decision;
  }

  bool passes_as_failsafe(PolicyClass policy_class) {
    const bool untracked = policy_class == PolicyClass::Untracked;
    if (find_failsafe(failsafes_, direction_, untracked, flow_, interface_) == nullptr) return false;
    trail_.push_back({TrailStep::Kind::Failsafe, "", std::nullopt, std::nullopt,
                      "a failsafe port: " + std::string(print_class(policy_class)) + " policy does not judge it"});
    return true;
  }

  Decision decided(bool allow, Reason reason, PolicyClass policy_class) {
    return {.verdict = allow ? Verdict::Allow : Verdict::Deny,
            .reason = reason,
            .tier = "",
            .policy = std::nullopt,
            .rule = std::nullopt,
            .trail = std::move(trail_),
            .host = HostPoint{endpoint_.name, policy_class, direction_}};
  }

  const NodePolicy& policy_;
  const ResolvedHostEndpoint& endpoint_;
  Direction direction_;
  const std::string& interface_;
  const Flow& flow_;
  const Failsafes& failsafes_;
  std::vector<TrailStep> trail_;
};

std::vector<PolicyClass> classes_on_entry(const Passage& passage, bool leaves_pods_alone) {
  std::vector<PolicyClass> classes;
  if (!leaves_pods_alone) classes.push_back(PolicyClass::Untracked);
  classes.push_back(PolicyClass::PreDnat);
  if (passage.out) {
    classes.push_back(PolicyClass::Forward);
  } else if (!leaves_pods_alone) {
    classes.push_back(PolicyClass::Normal);
  }
  return classes;
}

std::vector<PolicyClass> classes_on_exit(const Passage& passage) {
  if (passage.in) return {PolicyClass::Forward};
  if (passage.to_pod) return {};  // probes of the node's own pods must work (design.md 7.1)
  return {PolicyClass::Untracked, PolicyClass::Normal};
}

}  // namespace

bool is_dhcpv6(Direction direction, const Flow& flow) {
  const bool ingress = direction == Direction::Ingress;
  return flow.family == Family::V6 && flow.protocol == kUdp &&
         flow.source_port == (ingress ? kDhcpv6Server : kDhcpv6Client) &&
         flow.destination_port == (ingress ? kDhcpv6Client : kDhcpv6Server);
}

const Failsafe* find_failsafe(const Failsafes& failsafes, Direction direction, bool untracked, const Flow& flow,
                              std::string_view interface) {
  const bool ingress = direction == Direction::Ingress;
  const std::optional<Address>& peer = ingress ? flow.source : flow.destination;
  const std::vector<Failsafe>& own = ingress ? failsafes.inbound : failsafes.outbound;
  const Failsafe* found = find_in(own, flow.protocol, {peer, flow.destination_port, interface});
  if (found != nullptr || !untracked) return found;
  const std::vector<Failsafe>& answered = ingress ? failsafes.outbound : failsafes.inbound;
  return find_in(answered, flow.protocol, {peer, flow.source_port, interface});
}

std::vector<PolicyClass> classes_asked(const Passage& passage, const ResolvedHostEndpoint& endpoint,
                                       Direction direction) {
  if (direction == Direction::Egress) return classes_on_exit(passage);
  return classes_on_entry(passage, passage.from_pod && endpoint.all_interfaces);
}

std::vector<Decision> judge_passage(const NodePolicy& policy, const Passage& passage, const Flow& flow,
                                    const Failsafes& failsafes) {
  std::vector<Decision> decisions;
  const auto ask = [&](const ResolvedHostEndpoint& endpoint, Direction direction) {
    const std::vector<PolicyClass> classes = classes_asked(passage, endpoint, direction);
    if (classes.empty()) return;
    const std::string& interface = direction == Direction::Ingress ? *passage.in : *passage.out;
    decisions.push_back(HostEvaluation(policy, endpoint, direction, interface, flow, failsafes).run(classes));
  };
  if (passage.in) {
    if (const ResolvedHostEndpoint* endpoint = policy.find_host_endpoint(passage.node, *passage.in)) {
      ask(*endpoint, Direction::Ingress);
    }
  }
  if (passage.out) {
    if (const ResolvedHostEndpoint* endpoint = policy.find_host_endpoint(passage.node, *passage.out)) {
      ask(*endpoint, Direction::Egress);
    }
  }
  return decisions;
}

}  // namespace tierwall::policy
