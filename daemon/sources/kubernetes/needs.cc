#include "daemon/sources/kubernetes/needs.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace tierwall::daemon {

namespace {

using policy::Selector;

/// The API server gives every namespace this label with its name, and nobody can change it.
constexpr std::string_view kNamespaceNameLabel = "pcns.kubernetes.io/metadata.name";

bool asks_service_accounts(const std::optional<Selector>& selector) {
  if (!selector) return false;
  const std::set<std::string> keys = policy::label_keys(*selector);
  return std::any_of(keys.begin(), keys.end(),
                     [](const std::string& key) { return key.starts_with(policy::kServiceAccountPrefix); });
}

/// The namespaces to which the selector confines what it denotes; absent if it may denote pods of any.
std::optional<std::vector<std::string>> namespaces_of(const Selector& selector) {
  const bool about_namespace = selector.key == policy::kNamespaceLabel || selector.key == kNamespaceNameLabel;
  if ((selector.op == Selector::Op::Equals || selector.op == Selector::Op::In) && about_namespace) {
    return selector.values;
  }
  if (selector == policy::negation(policy::has(std::string(policy::kNamespaceLabel))))
    return std::vector<std::string>{};
  if (selector.op != Selector::Op::And) return std::nullopt;
  for (const Selector& operand : selector.operands) {
    if (auto namespaces = namespaces_of(operand)) return namespaces;
  }
  return std::nullopt;
}

class NeedsFinder {
 public:
  NeedsFinder(const policy::Snapshot& world, const policy::NodePolicy& here) : world_(world), here_(here) {}

  Needs run() {
    for (const auto& [key, policy] : world_.policies) {
      if (asks_service_accounts(policy.subject)) needs_.service_accounts = true;
    }
    for (const policy::ResolvedTier& tier : here_.tiers) {
      for (const policy::ResolvedPolicy& resolved : tier.policies) {
        const auto policy = world_.policies.find(resolved.key);
        if (policy != world_.policies.end()) take(policy->second);
      }
    }
    for (const policy::ResolvedProfile& profile : here_.profiles) {
      const auto written = world_.profiles.find(profile.name);
      if (written != world_.profiles.end()) take(written->second);
    }
    return std::move(needs_);
  }

 private:
  template <typename Holder>
  void take(const Holder& holder) {
    for (const policy::Direction direction : policy::kDirections) {
      for (const policy::Rule& rule : holder.rules(direction)) {
        // The ports of a rule's own endpoint are looked up on this node, those of the peer wherever it is.
        take(rule.source, direction == policy::Direction::Egress);
        take(rule.destination, direction == policy::Direction::Ingress);
      }
    }
  }

  void take(const policy::Peer& peer, bool local) {
    needs_.services = needs_.services || peer.service.has_value();
    needs_.nodes = needs_.nodes || peer.nodes.has_value();
    for (const std::optional<Selector>* selector : {&peer.selector, &peer.not_selector}) {
      needs_.service_accounts = needs_.service_accounts || asks_service_accounts(*selector);
      if (*selector) want_pods(**selector);
    }
    const bool names_ports = !peer.ports.names.empty() || !peer.not_ports.names.empty();
    if (names_ports && !local && !peer.selector) want_all_pods();
  }

  void want_pods(const Selector& selector) {
    if (needs_.pods == Needs::Pods::All) return;
    const auto namespaces = namespaces_of(selector);
    if (!namespaces) return want_all_pods();
    if (namespaces->empty()) return;  // network sets of the cluster only
    needs_.pods = Needs::Pods::Namespaces;
    needs_.pod_namespaces.insert(namespaces->begin(), namespaces->end());
  }

  void want_all_pods() {
    needs_.pods = Needs::Pods::All;
    needs_.pod_namespaces.clear();
  }

  const policy::Snapshot& world_;
  const policy::NodePolicy& here_;
  Needs needs_;
};

}  // namespace

Needs find_needs(const policy::Snapshot& world, const policy::NodePolicy& here) {
  return NeedsFinder(world, here).run();
}

}  // namespace tierwall::daemon
