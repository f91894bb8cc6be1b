#include "policy/subjects.h"

#include <map>
#include <tuple>
#include <utility>

namespace tierwall::policy {

namespace {

const Labels* labels_of_namespace(const Snapshot& snapshot, const std::string& ns) {
  const auto found = snapshot.namespaces.find(ns);
  return found != snapshot.namespaces.end() ? &found->second.labels : nullptr;
}

/// Addresses of pods by namespace and name: what their status says, and before it says anything what the runtime gave
/// their sandboxes.
class PodAddresses {
 public:
  explicit PodAddresses(const Snapshot& snapshot) {
    for (const auto& [name, sandbox] : snapshot.sandboxes) {
      std::vector<Address>& known = of_sandboxes_[{sandbox.ns, sandbox.pod}];
      known.insert(known.end(), sandbox.addresses.begin(), sandbox.addresses.end());
    }
  }

  [[nodiscard]] const std::vector<Address>& of(const Pod& pod) const {
    const auto sandboxes = of_sandboxes_.find({pod.ns, pod.name});
    return pod.addresses.empty() && sandboxes != of_sandboxes_.end() ? sandboxes->second : pod.addresses;
  }

 private:
  std::map<std::pair<std::string, std::string>, std::vector<Address>> of_sandboxes_;
};

std::map<Address, const Pod*> address_holders(const Snapshot& snapshot, const PodAddresses& addresses,
                                              std::vector<std::string>& remarks) {
  std::map<Address, const Pod*> holders;
  for (const auto& [name, pod] : snapshot.pods) {
    if (!pod.is_endpoint()) continue;
    for (const Address& address : addresses.of(pod)) {
      const auto [entry, added] = holders.try_emplace(address, &pod);
      if (added || entry->second == &pod) continue;
      const bool wins = outranks(pod, *entry->second);
      const Pod& loser = wins ? *entry->second : pod;
      if (wins) entry->second = &pod;
      remarks.push_back(print_shared_address(*entry->second, loser, address));
    }
  }
  return holders;
}

}  // namespace

LabelScope scope_of(const Snapshot& snapshot, const Pod& pod) {
  LabelScope scope;
  scope.own = &pod.labels;
  scope.namespace_name = pod.ns;
  scope.namespace_labels = labels_of_namespace(snapshot, pod.ns);
  scope.workload = true;
  scope.service_account = pod.service_account.text();
  if (const auto account = snapshot.service_accounts.find({pod.ns, pod.service_account.text()});
      account != snapshot.service_accounts.end()) {
    scope.service_account_labels = &account->second.labels;
  }
  if (const auto profile = snapshot.profiles.find(namespace_profile(pod.ns)); profile != snapshot.profiles.end()) {
    scope.profile_labels = &profile->second.labels_to_apply;
  }
  return scope;
}

LabelScope scope_of(const Snapshot& snapshot, const NetworkSet& set) {
  LabelScope scope;
  scope.own = &set.labels;
  scope.namespace_name = set.ns;
  if (!set.ns.empty()) scope.namespace_labels = labels_of_namespace(snapshot, set.ns);
  return scope;
}

std::unique_ptr<const Labels> labels_of_profiles(const Snapshot& snapshot, const HostEndpoint& endpoint) {
  auto merged = std::make_unique<Labels>();
  for (auto name = endpoint.profiles.rbegin(); name != endpoint.profiles.rend(); ++name) {
    const auto profile = snapshot.profiles.find(*name);
    if (profile == snapshot.profiles.end()) continue;
    for (const auto& [key, value] : profile->second.labels_to_apply.entries()) merged->set(key, value);
  }
  return merged;
}

LabelScope scope_of(const Node& node) {
  LabelScope scope;
  scope.own = &node.labels;
  return scope;
}

LabelScope scope_of(const HostEndpoint& endpoint, const Labels& of_profiles) {
  LabelScope scope;
  scope.own = &endpoint.labels;
  scope.profile_labels = &of_profiles;
  return scope;
}

bool outranks(const Pod& left, const Pod& right) {
  const auto rank = [](const Pod& pod) { return std::make_tuple(pod.phase == PodPhase::Running, pod.created); };
  return rank(left) != rank(right) ? rank(left) > rank(right) : pod_key(left) < pod_key(right);
}

std::string print_shared_address(const Pod& holder, const Pod& other, const Address& address) {
  return "pods " + print_name(pod_key(holder)) + " and " + print_name(pod_key(other)) + " have one address, " +
         print_address(address) + ": it counts as " + print_name(pod_key(holder)) + "'s, the running, younger one";
}

ResourceKey pod_key(const Pod& pod) {
  return {Kind::Pod, pod.ns, pod.name};
}

bool selects(const Snapshot& snapshot, const Policy& policy, const Pod& pod) {
  return pod.is_endpoint() && matches(policy.subject, scope_of(snapshot, pod));
}

bool selects(const Snapshot& snapshot, const Policy& policy, const HostEndpoint& endpoint) {
  if (policy.kind != Kind::GlobalNetworkPolicy) return false;
  const std::unique_ptr<const Labels> of_profiles = labels_of_profiles(snapshot, endpoint);
  return matches(policy.subject, scope_of(endpoint, *of_profiles));
}

Subjects find_subjects(const Snapshot& snapshot) {
  Subjects subjects;
  const PodAddresses addresses(snapshot);
  const std::map<Address, const Pod*> holders = address_holders(snapshot, addresses, subjects.remarks);
  for (const auto& [name, pod] : snapshot.pods) {
    if (!pod.is_endpoint()) continue;
    Subject subject{.scope = scope_of(snapshot, pod), .pod = &pod, .addresses = {}, .ports = &pod.ports};
    for (const Address& address : addresses.of(pod)) {
      if (holders.at(address) == &pod) subject.addresses.push_back(address);
    }
    subjects.pods.push_back(std::move(subject));
  }
  for (const auto& [key, set] : snapshot.network_sets) {
    subjects.network_sets.push_back({.scope = scope_of(snapshot, set), .network_set = &set, .addresses = {}});
  }
  for (const auto& [name, node] : snapshot.nodes) {
    subjects.nodes.push_back({.scope = scope_of(node), .addresses = node.addresses});
  }
  for (const auto& [name, endpoint] : snapshot.host_endpoints) {
    const auto& of_profiles = subjects.merged_labels.emplace_back(labels_of_profiles(snapshot, endpoint));
    subjects.host_endpoints.push_back({.scope = scope_of(endpoint, *of_profiles),
                                       .addresses = endpoint.expected_addresses,
                                       .ports = &endpoint.ports,
                                       .host_endpoint = &endpoint});
  }
  return subjects;
}

}  // namespace tierwall::policy
