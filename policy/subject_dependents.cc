#include "policy/subject_dependents.h"

#include <algorithm>
#include <string>

namespace tierwall::policy {

namespace {

template <typename Wanted>
void append_pods(const Snapshot& snapshot, const std::string& ns, Wanted wanted, std::vector<ResourceKey>& found) {
  for (auto entry = snapshot.pods.lower_bound({ns, ""}); entry != snapshot.pods.end() && entry->first.first == ns;
       ++entry) {
    if (wanted(entry->second)) found.push_back(pod_key(entry->second));
  }
}

bool any_pod(const Pod&) {
  return true;
}

}  // namespace

std::vector<ResourceKey> dependents_of(const Snapshot& snapshot, const ResourceKey& changed) {
  std::vector<ResourceKey> found;
  switch (changed.kind) {
    case Kind::Pod:
    case Kind::NetworkSet:
    case Kind::GlobalNetworkSet:
    case Kind::HostEndpoint:
    case Kind::Node:
      found.push_back(changed);
      break;
    case Kind::Namespace:
      append_pods(snapshot, changed.name, any_pod, found);
      for (const auto& [key, set] : snapshot.network_sets) {
        if (key.ns == changed.name) found.push_back(key);
      }
      break;
    case Kind::ServiceAccount:
      append_pods(
          snapshot, changed.ns, [&](const Pod& pod) { return pod.service_account == changed.name; }, found);
      break;
    case Kind::Profile: {
      const std::string prefix = namespace_profile("");
      if (changed.name.starts_with(prefix)) append_pods(snapshot, changed.name.substr(prefix.size()), any_pod, found);
      for (const auto& [name, endpoint] : snapshot.host_endpoints) {
        if (std::ranges::count(endpoint.profiles, changed.name) > 0) found.push_back({Kind::HostEndpoint, "", name});
      }
      break;
    }
    default:
      break;
  }
  return found;
}

bool shapes_policy(Kind kind) {
  switch (kind) {
    case Kind::Namespace:
    case Kind::ServiceAccount:
    case Kind::Pod:
    case Kind::PodSandbox:
    case Kind::Node:
    case Kind::Service:
    case Kind::EndpointSlice:
    case Kind::GlobalNetworkSet:
    case Kind::NetworkSet:
      return false;
    default:
      return true;
  }
}

LabelScope PodScopes::of(const Pod& pod) {
  const bool alike = last_ != nullptr && last_->ns == pod.ns && last_->service_account == pod.service_account;
  if (!alike) of_last_ = scope_of(snapshot_, pod);
  last_ = &pod;
  of_last_.own = &pod.labels;
  of_last_.namespace_name = pod.ns;
  of_last_.service_account = pod.service_account.text();
  return of_last_;
}

}  // namespace tierwall::policy
