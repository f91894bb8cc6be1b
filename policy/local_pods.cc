#include "policy/local_pods.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "policy/subjects.h"
#include "policy/treatments.h"

namespace tierwall::policy {

namespace {

/// An endpoint with its treatments, which have no numbers yet.
struct NewEndpoint {
  ResolvedEndpoint endpoint;
  Treatment ingress;
  Treatment egress;
};

bool is_same(const NewEndpoint& wanted, const ResolvedEndpoint& known, const NodePolicy& policy) {
  return known.addresses == wanted.endpoint.addresses && policy.treatments[known.ingress] == wanted.ingress &&
         policy.treatments[known.egress] == wanted.egress;
}

/// Calls `visit` with every number of a treatment.
template <typename Visit>
void for_each_treatment(NodePolicy& policy, Visit visit) {
  for (ResolvedEndpoint& endpoint : policy.endpoints) {
    visit(endpoint.ingress);
    visit(endpoint.egress);
  }
  for (ResolvedHostEndpoint& endpoint : policy.host_endpoints) {
    for (std::size_t& treatment : endpoint.treatments) visit(treatment);
  }
}

std::size_t number_of(const Treatment& treatment, const std::vector<Treatment>& treatments) {
  return static_cast<std::size_t>(std::ranges::lower_bound(treatments, treatment) - treatments.begin());
}

/// The treatments that endpoints have or will have, numbered anew.
void number_treatments(NodePolicy& policy, const std::vector<NewEndpoint>& come) {
  std::vector<bool> used(policy.treatments.size());
  for_each_treatment(policy, [&](std::size_t treatment) { used[treatment] = true; });
  std::vector<Treatment> next;
  next.reserve(policy.treatments.size() + 2 * come.size());
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (used[i]) next.push_back(policy.treatments[i]);
  }
  for (const NewEndpoint& endpoint : come) {
    next.push_back(endpoint.ingress);
    next.push_back(endpoint.egress);
  }
  std::ranges::sort(next);
  next.erase(std::unique(next.begin(), next.end()), next.end());
  if (next == policy.treatments) return;
  std::vector<std::size_t> moved(used.size());
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (used[i]) moved[i] = number_of(policy.treatments[i], next);
  }
  for_each_treatment(policy, [&](std::size_t& treatment) { treatment = moved[treatment]; });
  policy.treatments = std::move(next);
}

void replace_endpoints(NodePolicy& policy, const std::set<ResourceKey>& gone, std::vector<NewEndpoint> come) {
  std::erase_if(policy.endpoints, [&](const ResolvedEndpoint& endpoint) { return gone.contains(endpoint.pod); });
  number_treatments(policy, come);
  for (NewEndpoint& wanted : come) {
    wanted.endpoint.ingress = number_of(wanted.ingress, policy.treatments);
    wanted.endpoint.egress = number_of(wanted.egress, policy.treatments);
    const auto at = std::ranges::lower_bound(policy.endpoints, wanted.endpoint.pod, {}, &ResolvedEndpoint::pod);
    policy.endpoints.insert(at, std::move(wanted.endpoint));
  }
}

}  // namespace

std::vector<ResourceKey> LocalPods::note(const Snapshot& snapshot, const std::set<ResourceKey>& pods) {
  std::vector<ResourceKey> noted;
  for (const ResourceKey& key : pods) {
    const auto pod = snapshot.pods.find({key.ns, key.name});
    const bool was = pods_.erase(key) != 0;
    const bool is = pod != snapshot.pods.end() && pod->second.is_endpoint() && pod->second.node == node_;
    if (is) pods_.insert(key);
    if (was || is) noted.push_back(key);
  }
  return noted;
}

std::vector<Subject> LocalPods::subjects(const Snapshot& snapshot, const AddressClaims& claims) const {
  std::vector<Subject> subjects;
  subjects.reserve(pods_.size());
  for (const ResourceKey& key : pods_) {
    subjects.push_back(subject_of(snapshot, claims, snapshot.pods.at({key.ns, key.name})));
  }
  return subjects;
}

Subject LocalPods::subject_of(const Snapshot& snapshot, const AddressClaims& claims, const Pod& pod) {
  return {.scope = scope_of(snapshot, pod),
          .pod = &pod,
          .addresses = claims.held_by(snapshot, {pod.ns, pod.name}),
          .ports = &pod.ports};
}

void LocalPods::adopt(Selections selections) {
  index_ = std::move(selections.index);
  places_ = std::move(selections.places);
  selected_.assign(places_.size(), 0);
  for (const std::vector<Number>& numbers : selections.of_endpoints) {
    for (const Number number : numbers) ++selected_[number];
  }
  of_pod_.clear();
  in_namespace_.clear();
  auto numbers = selections.of_endpoints.begin();
  for (const ResourceKey& key : pods_) {
    of_pod_.emplace_hint(of_pod_.end(), key, std::move(*numbers++));
    ++in_namespace_[key.ns];
  }
}

LocalPods::Outcome LocalPods::follow(const Snapshot& snapshot, const AddressClaims& claims,
                                     const std::vector<ResourceKey>& noted, NodePolicy& policy) {
  std::map<ResourceKey, Subject> come;
  for (const ResourceKey& key : noted) {
    if (pods_.contains(key)) come.emplace(key, subject_of(snapshot, claims, snapshot.pods.at({key.ns, key.name})));
  }
  if (!select_anew(come, noted)) return Outcome::Unknown;
  std::set<ResourceKey> gone(noted.begin(), noted.end());
  std::vector<NewEndpoint> fresh;
  for (auto& [key, subject] : come) {
    std::vector<Treatment> treatments = treat(key, policy);
    NewEndpoint wanted{{key, subject.pod->node.text(), std::move(subject.addresses)},
                       std::move(treatments.front()),
                       std::move(treatments.back())};
    const ResolvedEndpoint* known = policy.find_endpoint(key);
    if (known != nullptr && is_same(wanted, *known, policy)) {
      gone.erase(key);
    } else {
      fresh.push_back(std::move(wanted));
    }
  }
  if (gone.empty()) return Outcome::Nothing;
  replace_endpoints(policy, gone, std::move(fresh));
  return Outcome::Endpoints;
}

/// Who selects the pods now. False if that is a policy that selected nobody before, if one selects nobody any more, or
/// if the same is true of a namespace's profile.
bool LocalPods::select_anew(const std::map<ResourceKey, Subject>& come, const std::vector<ResourceKey>& noted) {
  std::set<Number> left;
  std::set<std::string> left_namespaces;
  for (const ResourceKey& key : noted) {
    const auto known = of_pod_.find(key);
    if (known == of_pod_.end()) continue;
    for (const Number number : known->second) {
      --selected_[number];
      left.insert(number);
    }
    --in_namespace_[key.ns];
    left_namespaces.insert(key.ns);
    of_pod_.erase(known);
  }
  for (const auto& [key, subject] : come) {
    std::vector<Number> numbers = index_.selecting(subject);
    const bool all_known = std::ranges::all_of(numbers, [&](Number number) { return places_[number].has_value(); });
    if (!all_known || !in_namespace_.contains(key.ns)) return false;
    for (const Number number : numbers) ++selected_[number];
    ++in_namespace_[key.ns];
    of_pod_.emplace(key, std::move(numbers));
  }
  return std::ranges::all_of(left, [&](Number number) { return selected_[number] > 0; }) &&
         std::ranges::all_of(left_namespaces, [&](const std::string& ns) { return in_namespace_.at(ns) > 0; });
}

std::vector<Treatment> LocalPods::treat(const ResourceKey& pod, const NodePolicy& policy) const {
  std::vector<Treatment> treatments = treatments_of_pod();
  for (const Number number : of_pod_.at(pod)) append_policy(treatments, index_.policy(number), *places_[number]);
  const auto profile = std::ranges::find(policy.profiles, namespace_profile(pod.ns), &ResolvedProfile::name);
  const auto at = static_cast<std::size_t>(profile - policy.profiles.begin());
  for (Treatment& treatment : treatments) treatment.profiles = {at};
  return treatments;
}

}  // namespace tierwall::policy
