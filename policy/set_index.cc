#include "policy/set_index.h"

#include <algorithm>
#include <iterator>

#include "policy/set_members.h"
#include "policy/subject_dependents.h"

namespace tierwall::policy {

namespace {

using Of = SetQuery::Of;

/// Numbers of retired sets are removed from contributions once so many more than there are sets were retired.
constexpr std::size_t kRetiredBeforeCleaning = 64;

AddressClaims::PodName pod_name(const ResourceKey& key) {
  return {key.ns, key.name};
}

ResourceKey key_of_pod(const AddressClaims::PodName& name) {
  return {Kind::Pod, name.first, name.second};
}

template <typename Member>
MemberChange<Member> replace(std::vector<Member>& members, std::vector<Member> fresh) {
  MemberChange<Member> change;
  std::ranges::set_difference(members, fresh, std::back_inserter(change.gone));
  std::ranges::set_difference(fresh, members, std::back_inserter(change.come));
  members = std::move(fresh);
  return change;
}

}  // namespace

// ---- subjects and services that changed ----------------------------------------------------------------------

std::set<ResourceKey> SetIndex::look_again(const Snapshot& snapshot, const std::set<ResourceKey>& changed) {
  std::set<ResourceKey> subjects;
  std::set<AddressClaims::PodName> claimants;
  for (const ResourceKey& key : changed) {
    if (key.kind == Kind::PodSandbox) claimants.merge(claims_.note_sandbox(snapshot, key));
    if (key.kind == Kind::Pod) claimants.insert(pod_name(key));
    if (key.kind == Kind::EndpointSlice) {
      for (const ServiceName& service : note_slice(snapshot, key)) {
        const auto sets = of_services_.find(service);
        if (sets != of_services_.end()) touched_.insert(sets->second.begin(), sets->second.end());
      }
    }
    for (ResourceKey& subject : dependents_of(snapshot, key)) subjects.insert(std::move(subject));
  }
  // All claims first: who holds an address depends on all who claim it.
  for (const AddressClaims::PodName& pod : claimants) {
    subjects.insert(key_of_pod(pod));
    for (const AddressClaims::PodName& other : claims_.note_pod(snapshot, pod)) subjects.insert(key_of_pod(other));
  }
  for (const ResourceKey& subject : subjects) look_at(snapshot, subject);
  std::erase_if(subjects, [](const ResourceKey& subject) { return subject.kind != Kind::Pod; });
  return subjects;
}

/// The services whose endpoints the slice is, or was, among.
std::set<ServiceName> SetIndex::note_slice(const Snapshot& snapshot, const ResourceKey& slice) {
  std::set<ServiceName> services;
  const Name name{slice.ns, slice.name};
  if (const auto former = service_of_slice_.find(name); former != service_of_slice_.end()) {
    services.insert(former->second);
    const auto siblings = slices_.find(former->second);
    siblings->second.erase(name);
    if (siblings->second.empty()) slices_.erase(siblings);
    service_of_slice_.erase(former);
  }
  const auto known = snapshot.endpoint_slices.find(name);
  if (known != snapshot.endpoint_slices.end() && !known->second.service.empty()) {
    const ServiceName service{known->second.ns, known->second.service};
    services.insert(service);
    service_of_slice_[name] = service;
    slices_[service].insert(name);
  }
  return services;
}

void SetIndex::look_at(const Snapshot& snapshot, const ResourceKey& key) {
  leave(key);
  if (key.kind == Kind::Pod) return look_at_pod(snapshot, key);
  if (key.kind == Kind::HostEndpoint) return look_at_host_endpoint(snapshot, key);
  if (key.kind == Kind::Node) {
    const auto node = snapshot.nodes.find(key.name);
    if (node != snapshot.nodes.end()) join(key, of_nodes_.matching(scope_of(node->second)), node->second.addresses, {});
    return;
  }
  const auto set = snapshot.network_sets.find(key);
  if (set != snapshot.network_sets.end()) join(key, of_endpoints_.matching(scope_of(snapshot, set->second)), {}, {});
}

void SetIndex::look_at_pod(const Snapshot& snapshot, const ResourceKey& key) {
  const auto pod = snapshot.pods.find(pod_name(key));
  if (pod == snapshot.pods.end() || !pod->second.is_endpoint()) return;
  const std::vector<Number> sets = of_endpoints_.matching(scope_of(snapshot, pod->second));
  if (!sets.empty()) join(key, sets, claims_.held_by(snapshot, pod->first), pod->second.ports);
}

void SetIndex::look_at_host_endpoint(const Snapshot& snapshot, const ResourceKey& key) {
  const auto endpoint = snapshot.host_endpoints.find(key.name);
  if (endpoint == snapshot.host_endpoints.end()) return;
  const std::unique_ptr<const Labels> of_profiles = labels_of_profiles(snapshot, endpoint->second);
  join(key, of_endpoints_.matching(scope_of(endpoint->second, *of_profiles)), endpoint->second.expected_addresses,
       endpoint->second.ports);
}

/// Pre: the subject is in none of these sets.
void SetIndex::join(const ResourceKey& key, const std::vector<Number>& sets, const std::vector<Address>& addresses,
                    const std::vector<ContainerPort>& ports) {
  if (sets.empty()) return;
  const auto [entry, added] = contributions_.try_emplace(key);
  Contribution& contribution = entry->second;
  if (added) contribution.addresses = addresses;
  for (const Number number : sets) {
    if (sets_.at(number).query.of == Of::NamedPorts) contribution.ports = ports;
    contribution.sets.push_back(number);
    change_members(key, contribution, number, true);
  }
}

void SetIndex::leave(const ResourceKey& key) {
  const auto entry = contributions_.find(key);
  if (entry == contributions_.end()) return;
  for (const Number number : entry->second.sets) {
    if (sets_.count(number) != 0) change_members(key, entry->second, number, false);
  }
  contributions_.erase(entry);
}

void SetIndex::change_members(const ResourceKey& key, const Contribution& contribution, Number number, bool gives) {
  KeptSet& kept = sets_.at(number);
  touched_.insert(number);
  const auto change = [gives](auto& members, const auto& member) {
    gives ? members.add(member) : members.remove(member);
  };
  if (kept.query.of == Of::NamedPorts) {
    std::vector<ServiceAddress> services;
    append_named_ports(services, kept.query, contribution.addresses, contribution.ports);
    for (const ServiceAddress& service : services) change(kept.services, service);
    return;
  }
  if (key.kind == Kind::NetworkSet || key.kind == Kind::GlobalNetworkSet) {
    kept.nets_touched = true;
    if (gives) {
      kept.network_sets.insert(key);
    } else {
      kept.network_sets.erase(key);
    }
  }
  for (const Address& address : contribution.addresses) change(kept.addresses, address);
}

// ---- what that changed in the sets ---------------------------------------------------------------------------

void SetIndex::settle(const Snapshot& snapshot, NodePolicy& policy, PolicyChange& change) {
  for (const Number number : touched_) {
    KeptSet& kept = sets_.at(number);
    if (kept.query.of == Of::NamedPorts || kept.query.of == Of::ServicePorts) {
      settle_services(snapshot, kept, policy, change);
    } else {
      settle_addresses(snapshot, kept, policy, change);
    }
  }
  touched_.clear();
}

void SetIndex::settle_addresses(const Snapshot& snapshot, KeptSet& kept, NodePolicy& policy,
                                PolicyChange& change) const {
  AddressSet& set = policy.address_sets[kept.at];
  AddressSetChange difference{.set = kept.at};
  if (kept.query.of == Of::ServiceAddresses) {
    difference.addresses = replace(set.addresses, find_service_addresses(slices_of(snapshot, kept.query.service)));
  } else {
    difference.addresses = kept.addresses.settle(set.addresses);
  }
  if (std::exchange(kept.nets_touched, false)) {
    RangeSet nets;
    for (const ResourceKey& network_set : kept.network_sets) {
      for (const AddressRange& range : snapshot.network_sets.at(network_set).nets.ranges()) nets.insert(range);
    }
    difference.nets = nets != set.nets;
    difference.nets_come_or_go =
        std::ranges::any_of(kFamilies, [&](Family family) { return nets.empty(family) != set.nets.empty(family); });
    set.nets = std::move(nets);
  }
  if (!difference.addresses.empty() || difference.nets) change.address_sets.push_back(std::move(difference));
}

void SetIndex::settle_services(const Snapshot& snapshot, KeptSet& kept, NodePolicy& policy,
                               PolicyChange& change) const {
  ServiceSet& set = policy.service_sets[kept.at];
  ServiceSetChange difference{.set = kept.at};
  if (kept.query.of == Of::ServicePorts) {
    difference.members = replace(set.members, find_service_ports(kept.query, slices_of(snapshot, kept.query.service)));
  } else {
    difference.members = kept.services.settle(set.members);
  }
  if (!difference.members.empty()) change.service_sets.push_back(std::move(difference));
}

std::vector<const EndpointSlice*> SetIndex::slices_of(const Snapshot& snapshot, const ServiceName& name) const {
  std::vector<const EndpointSlice*> slices;
  const auto known = slices_.find(name);
  if (known == slices_.end()) return slices;
  for (const Name& slice : known->second) slices.push_back(&snapshot.endpoint_slices.at(slice));
  return slices;
}

// ---- other sets than before ----------------------------------------------------------------------------------

void SetIndex::adopt(const Snapshot& snapshot, NodePolicy& former, NodePolicy& next, SetQueries queries) {
  std::vector<Number> fresh = keep(address_sets_, former.address_sets, next.address_sets, queries.address_sets);
  std::ranges::move(keep(service_sets_, former.service_sets, next.service_sets, queries.service_sets),
                    std::back_inserter(fresh));
  forget_retired();
  find_members(snapshot, fresh);
  PolicyChange unused;
  settle(snapshot, next, unused);
}

/// The sets that are new, which have no members yet.
template <typename Sets>
std::vector<SetIndex::Number> SetIndex::keep(ByMeaning& known, Sets& former, Sets& next,
                                             std::vector<SetQuery>& queries) {
  ByMeaning wanted;
  std::vector<Number> fresh;
  for (SetId id = 0; id < next.size(); ++id) {
    const auto was = known.find(next[id].meaning);
    if (was == known.end()) {
      const Number number = next_number_++;
      sets_[number] = {.query = std::move(queries[id]), .at = id};
      fresh.push_back(number);
      wanted.emplace_hint(wanted.end(), next[id].meaning, number);
      continue;
    }
    KeptSet& kept = sets_.at(was->second);
    next[id] = std::move(former[kept.at]);
    kept.at = id;
    wanted.insert(known.extract(was));
  }
  for (const auto& [meaning, number] : known) retire(number);
  known = std::move(wanted);
  for (const Number number : fresh) file(number);
  return fresh;
}

void SetIndex::file(Number number) {
  const SetQuery& query = sets_.at(number).query;
  switch (query.of) {
    case Of::Endpoints:
    case Of::NamedPorts:
      return of_endpoints_.add(number, query.selector);
    case Of::Nodes:
      return of_nodes_.add(number, query.selector);
    case Of::ServiceAddresses:
    case Of::ServicePorts:
      of_services_[query.service].insert(number);
  }
}

void SetIndex::retire(Number number) {
  const auto kept = sets_.find(number);
  const SetQuery& query = kept->second.query;
  switch (query.of) {
    case Of::Endpoints:
    case Of::NamedPorts:
      of_endpoints_.remove(number);
      break;
    case Of::Nodes:
      of_nodes_.remove(number);
      break;
    case Of::ServiceAddresses:
    case Of::ServicePorts: {
      const auto sets = of_services_.find(query.service);
      sets->second.erase(number);
      if (sets->second.empty()) of_services_.erase(sets);
    }
  }
  sets_.erase(kept);
  ++retired_;
}

void SetIndex::forget_retired() {
  if (retired_ < sets_.size() + kRetiredBeforeCleaning) return;
  retired_ = 0;
  for (auto entry = contributions_.begin(); entry != contributions_.end();) {
    std::erase_if(entry->second.sets, [&](Number number) { return sets_.count(number) == 0; });
    entry = entry->second.sets.empty() ? contributions_.erase(entry) : std::next(entry);
  }
}

void SetIndex::find_members(const Snapshot& snapshot, const std::vector<Number>& numbers) {
  SelectorIndex anywhere;
  std::map<std::string, SelectorIndex> by_namespace;
  SelectorIndex endpoints;
  SelectorIndex nodes;
  for (const Number number : numbers) {
    touched_.insert(number);
    const SetQuery& query = sets_.at(number).query;
    if (query.of == Of::Nodes) nodes.add(number, query.selector);
    if (query.of != Of::Endpoints && query.of != Of::NamedPorts) continue;
    endpoints.add(number, query.selector);
    const std::optional<std::string> ns = required_namespace(query.selector);
    (ns ? by_namespace[*ns] : anywhere).add(number, query.selector);
  }
  if (!anywhere.empty()) find_pods(snapshot, anywhere, nullptr);
  for (const auto& [ns, wanted] : by_namespace) find_pods(snapshot, wanted, &ns);
  if (!nodes.empty()) {
    for (const auto& [name, node] : snapshot.nodes) {
      join({Kind::Node, "", name}, nodes.matching(scope_of(node)), node.addresses, {});
    }
  }
  if (endpoints.empty()) return;
  for (const auto& [name, endpoint] : snapshot.host_endpoints) {
    const std::unique_ptr<const Labels> of_profiles = labels_of_profiles(snapshot, endpoint);
    join({Kind::HostEndpoint, "", name}, endpoints.matching(scope_of(endpoint, *of_profiles)),
         endpoint.expected_addresses, endpoint.ports);
  }
  for (const auto& [key, set] : snapshot.network_sets) {
    join(key, endpoints.matching(scope_of(snapshot, set)), {}, {});
  }
}

/// Of one namespace, or of all.
void SetIndex::find_pods(const Snapshot& snapshot, const SelectorIndex& wanted, const std::string* ns) {
  PodScopes scopes(snapshot);
  auto entry = ns == nullptr ? snapshot.pods.begin() : snapshot.pods.lower_bound({*ns, ""});
  for (; entry != snapshot.pods.end() && (ns == nullptr || entry->first.first == *ns); ++entry) {
    const Pod& pod = entry->second;
    if (!pod.is_endpoint()) continue;
    const std::vector<Number> sets = wanted.matching(scopes.of(pod));
    if (!sets.empty()) join(pod_key(pod), sets, claims_.held_by(snapshot, entry->first), pod.ports);
  }
}

}  // namespace tierwall::policy
