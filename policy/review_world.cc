#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "policy/review_parts.h"
#include "policy/subjects.h"

namespace tierwall::policy {

namespace {

constexpr std::size_t kSelectorTrials = 2'000'000;  // selector against object; some 0.2 s

class WorldReview {
 public:
  explicit WorldReview(const Snapshot& snapshot) : snapshot_(snapshot), subjects_(find_subjects(snapshot)) {}

  std::vector<Warning> run() {
    review_namespaces();
    review_tiers();
    review_addresses();
    review_priorities();
    if (!snapshot_.pods.empty()) {
      for (const auto& [key, policy] : snapshot_.policies) review_selectors(key, policy);
    }
    return std::move(warnings_);
  }

 private:
  void warn(const ResourceKey& key, std::string field, std::string message) {
    warnings_.push_back({key, std::move(field), std::move(message)});
  }

  /// One warning per undefined namespace, at the first object that names it.
  void review_namespaces() {
    if (snapshot_.namespaces.empty() && snapshot_.pods.empty()) return;  // policies alone, as in a policy repository
    std::map<std::string, ResourceKey> undefined;
    const auto note = [&](const ResourceKey& key) {
      if (!key.ns.empty() && snapshot_.namespaces.count(key.ns) == 0) undefined.try_emplace(key.ns, key);
    };
    for (const auto& [key, policy] : snapshot_.policies) note(key);
    for (const auto& [key, set] : snapshot_.network_sets) note(key);
    for (const auto& [name, pod] : snapshot_.pods) note(pod_key(pod));
    for (const auto& [ns, key] : undefined) {
      warn(key, "metadata.namespace",
           "namespace '" + ns + "' is not defined: namespace selectors do not match its pods");
    }
  }

  void review_tiers() {
    static const std::set<std::string_view> built_in = {kDefaultTier, kAdminTier, kBaselineTier};
    for (const auto& [key, policy] : snapshot_.policies) {
      if (built_in.count(policy.tier) != 0 || snapshot_.tiers.count(policy.tier) != 0) continue;
      warn(key, "spec.tier",
           "tier '" + policy.tier + "' does not exist: the policy is evaluated after all tiers, with Deny at its end");
    }
  }

  void review_addresses() {
    std::map<Address, ResourceKey> first_with;
    for (const auto& [name, pod] : snapshot_.pods) {
      if (!pod.is_endpoint()) continue;
      const ResourceKey key = pod_key(pod);
      for (const Address& address : pod.addresses) {
        const auto [entry, added] = first_with.try_emplace(address, key);
        if (added || entry->second == key) continue;
        warn(key, "status.podIPs",
             "address " + print_address(address) + " is also pod " + print_name(entry->second) +
                 "'s: it counts as the running, younger one's");
      }
    }
  }

  /// Which of two cluster policies of one priority comes first is undefined in their API.
  void review_priorities() {
    std::map<std::pair<std::string, double>, ResourceKey> first_with;
    for (const auto& [key, policy] : snapshot_.policies) {
      const bool has_priority =
          key.kind == Kind::KubernetesClusterNetworkPolicy || key.kind == Kind::KubernetesAdminNetworkPolicy;
      if (!has_priority || !policy.order) continue;
      const auto [entry, added] = first_with.try_emplace({policy.tier, *policy.order}, key);
      if (added) continue;
      warn(key, "spec.priority",
           std::string(written_kind(entry->second.kind)) + " " + print_name(entry->second) +
               " has the same priority in tier " + policy.tier + ": the one whose name sorts first is asked first");
    }
  }

  void review_selectors(const ResourceKey& key, const Policy& policy) {
    // Policies of the other stages are for host endpoints only: review_hosts.
    if (policy.stage == Stage::Tracked && !denotes_pods(policy.subject) && !denotes_hosts(key, policy.subject)) {
      warn(key, "spec", "selects no pod that is known here, so it has no effect");
      return;
    }
    for (const Direction direction : kDirections) {
      std::set<int> reported;
      for (const Rule& rule : policy.rules(direction)) {
        if (!rule.understood || reported.count(rule.number) != 0) continue;
        const std::string inert = inert_peer(rule);
        if (inert.empty() || alternative_exists(policy.rules(direction), rule)) continue;
        reported.insert(rule.number);
        warn(key, rule_field(direction, rule.number), inert + ", so the rule matches nothing");
      }
    }
  }

  /// A Kubernetes rule is one Rule per peer: it does something as long as one of them denotes anything.
  bool alternative_exists(const std::vector<Rule>& rules, const Rule& rule) {
    return std::ranges::any_of(rules, [&](const Rule& other) {
      return other.number == rule.number && &other != &rule && inert_peer(other).empty();
    });
  }

  std::string inert_peer(const Rule& rule) {
    for (const auto& [peer, side] : {std::pair(&rule.source, "source"), std::pair(&rule.destination, "destination")}) {
      const std::string text(side);
      if (peer->selector && !denotes_anything(*peer->selector)) {
        return text + ": nothing that is known here is selected by " + describe_selector(*peer->selector);
      }
      if (peer->nodes && !denotes(subjects_.nodes, *peer->nodes)) {
        return text + ": no node that is known here is selected by " + describe_selector(*peer->nodes);
      }
      if (peer->service && !has_endpoints(*peer->service)) {
        return text + ": service " + peer->service->ns + "/" + peer->service->name + " has no endpoints here";
      }
    }
    return {};
  }

  bool denotes(const std::vector<Subject>& subjects, const Selector& selector) {
    for (const Subject& subject : subjects) {
      if (++trials_ > kSelectorTrials) return true;  // unknown, so nothing is said
      if (matches(selector, subject.scope)) return true;
    }
    return false;
  }

  bool denotes_pods(const Selector& selector) {
    const auto [entry, added] = pods_of_.try_emplace(print_selector(selector), false);
    if (added) entry->second = denotes(subjects_.pods, selector);
    return entry->second;
  }

  bool denotes_hosts(const ResourceKey& policy, const Selector& selector) {
    return policy.kind == Kind::GlobalNetworkPolicy && denotes(subjects_.host_endpoints, selector);
  }

  bool denotes_anything(const Selector& selector) {
    return denotes_pods(selector) || denotes(subjects_.network_sets, selector) ||
           denotes(subjects_.host_endpoints, selector);
  }

  [[nodiscard]] bool has_endpoints(const ServiceName& service) const {
    return std::ranges::any_of(snapshot_.endpoint_slices, [&](const auto& entry) {
      const EndpointSlice& slice = entry.second;
      return slice.ns == service.ns && slice.service == service.name && !slice.addresses.empty();
    });
  }

  const Snapshot& snapshot_;
  Subjects subjects_;
  std::map<std::string, bool> pods_of_;  // by canonical selector
  std::size_t trials_ = 0;
  std::vector<Warning> warnings_;
};

}  // namespace

std::vector<Warning> review_world(const Snapshot& snapshot) {
  return WorldReview(snapshot).run();
}

}  // namespace tierwall::policy
