#include "policy/resolve.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "policy/ordering.h"

namespace tierwall::policy {

namespace {

/// Something a selector can denote: a pod with the addresses it holds, or a network set.
struct Subject {
  LabelScope scope;
  const Pod* pod = nullptr;
  const NetworkSet* network_set = nullptr;
  std::vector<Address> addresses;
};

const Labels* labels_of_namespace(const Snapshot& snapshot, const std::string& ns) {
  const auto found = snapshot.namespaces.find(ns);
  return found != snapshot.namespaces.end() ? &found->second.labels : nullptr;
}

LabelScope scope_of(const Snapshot& snapshot, const Pod& pod) {
  LabelScope scope;
  scope.own = &pod.labels;
  scope.namespace_name = pod.ns;
  scope.namespace_labels = labels_of_namespace(snapshot, pod.ns);
  scope.workload = true;
  scope.service_account = pod.service_account;
  if (const auto account = snapshot.service_accounts.find({pod.ns, pod.service_account});
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

ResourceKey pod_key(const Pod& pod) {
  return {Kind::Pod, pod.ns, pod.name};
}

/// Of two pods with one address the running, younger one holds it (design.md 7.5).
bool outranks(const Pod& left, const Pod& right) {
  const auto rank = [](const Pod& pod) { return std::make_tuple(pod.phase == PodPhase::Running, pod.created); };
  return rank(left) != rank(right) ? rank(left) > rank(right) : pod_key(left) < pod_key(right);
}

std::map<Address, const Pod*> address_holders(const Snapshot& snapshot, std::vector<std::string>& remarks) {
  std::map<Address, const Pod*> holders;
  for (const auto& [name, pod] : snapshot.pods) {
    if (!pod.is_endpoint()) continue;
    for (const Address& address : pod.addresses) {
      const auto [entry, added] = holders.try_emplace(address, &pod);
      if (added || entry->second == &pod) continue;
      const bool wins = outranks(pod, *entry->second);
      const Pod& loser = wins ? *entry->second : pod;
      if (wins) entry->second = &pod;
      remarks.push_back("pods " + print_name(pod_key(*entry->second)) + " and " + print_name(pod_key(loser)) +
                        " have one address, " + print_address(address) + ": it counts as " +
                        print_name(pod_key(*entry->second)) + "'s, the running, younger one");
    }
  }
  return holders;
}

/// Everything of a snapshot that selectors can denote, with addresses settled.
class World {
 public:
  explicit World(const Snapshot& snapshot) {
    const std::map<Address, const Pod*> holders = address_holders(snapshot, remarks);
    for (const auto& [name, pod] : snapshot.pods) {
      if (!pod.is_endpoint()) continue;
      Subject subject{scope_of(snapshot, pod), &pod, nullptr, {}};
      for (const Address& address : pod.addresses) {
        if (holders.at(address) == &pod) subject.addresses.push_back(address);
      }
      pods.push_back(std::move(subject));
    }
    for (const auto& [key, set] : snapshot.network_sets) {
      network_sets.push_back({scope_of(snapshot, set), nullptr, &set, {}});
    }
  }

  std::vector<Subject> pods;
  std::vector<Subject> network_sets;
  std::vector<std::string> remarks;
};

/// Collects the sets that rules name, each meaning once, and numbers them by meaning at the end.
class SetCollector {
 public:
  explicit SetCollector(const World& world) : world_(world) {}

  SetId address_set(const Selector& selector) {
    AddressSet set;
    set.meaning = print_selector(selector);
    if (const auto known = address_ids_.find(set.meaning); known != address_ids_.end()) return known->second;
    set.description = describe_selector(selector);
    for (const Subject& pod : world_.pods) {
      if (matches(selector, pod.scope))
        set.addresses.insert(set.addresses.end(), pod.addresses.begin(), pod.addresses.end());
    }
    for (const Subject& subject : world_.network_sets) {
      if (!matches(selector, subject.scope)) continue;
      for (const AddressRange& range : subject.network_set->nets.ranges()) set.nets.insert(range);
    }
    std::ranges::sort(set.addresses);
    return remember(address_ids_, address_sets_, std::move(set));
  }

  SetId service_set(const std::string& port_name, std::optional<Protocol> protocol, const Selector& selector) {
    const std::string port = "port '" + port_name + "'" + (protocol ? "/" + print_protocol(*protocol) : "") + " of ";
    ServiceSet set;
    set.meaning = port + print_selector(selector);
    if (const auto known = service_ids_.find(set.meaning); known != service_ids_.end()) return known->second;
    set.description = port + describe_selector(selector);
    for (const Subject& pod : world_.pods) {
      if (matches(selector, pod.scope)) append_services(set.members, pod, port_name, protocol);
    }
    std::ranges::sort(set.members);
    set.members.erase(std::unique(set.members.begin(), set.members.end()), set.members.end());
    return remember(service_ids_, service_sets_, std::move(set));
  }

  /// Moves the sets into `policy` sorted by meaning and renumbers the rules that name them.
  void deliver(NodePolicy& policy);

 private:
  static void append_services(std::vector<ServiceAddress>& members, const Subject& pod, const std::string& port_name,
                              std::optional<Protocol> protocol) {
    for (const ContainerPort& port : pod.pod->ports) {
      if (port.name != port_name || (protocol && port.protocol != *protocol)) continue;
      for (const Address& address : pod.addresses) members.push_back({address, port.protocol, port.port});
    }
  }

  template <typename Set>
  static SetId remember(std::map<std::string, SetId>& ids, std::vector<Set>& sets, Set set) {
    const SetId id = sets.size();
    ids.emplace(set.meaning, id);
    sets.push_back(std::move(set));
    return id;
  }

  const World& world_;
  std::map<std::string, SetId> address_ids_;  // by meaning
  std::map<std::string, SetId> service_ids_;
  std::vector<AddressSet> address_sets_;
  std::vector<ServiceSet> service_sets_;
};

/// Sorts by meaning; answers where each former index went.
template <typename Set>
std::vector<SetId> sort_by_meaning(std::vector<Set>& sets) {
  std::vector<SetId> order(sets.size());
  for (SetId i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](SetId id) -> const std::string& { return sets[id].meaning; });
  std::vector<SetId> moved_to(sets.size());
  std::vector<Set> sorted;
  sorted.reserve(sets.size());
  for (const SetId from : order) {
    moved_to[from] = sorted.size();
    sorted.push_back(std::move(sets[from]));
  }
  sets = std::move(sorted);
  return moved_to;
}

void renumber(ResolvedPorts& ports, const std::vector<SetId>& services) {
  for (SetId& id : ports.services) id = services[id];
}

void renumber(ResolvedPeer& peer, const std::vector<SetId>& addresses, const std::vector<SetId>& services) {
  if (peer.in_set) peer.in_set = addresses[*peer.in_set];
  if (peer.not_in_set) peer.not_in_set = addresses[*peer.not_in_set];
  renumber(peer.ports, services);
  renumber(peer.not_ports, services);
}

template <typename Visit>
void for_each_rule(NodePolicy& policy, Visit visit) {
  const auto visit_all = [&](auto& holder) {
    for (ResolvedRule& rule : holder.ingress) visit(rule);
    for (ResolvedRule& rule : holder.egress) visit(rule);
  };
  for (ResolvedTier& tier : policy.tiers) {
    for (ResolvedPolicy& resolved : tier.policies) visit_all(resolved);
  }
  for (ResolvedProfile& profile : policy.profiles) visit_all(profile);
}

void SetCollector::deliver(NodePolicy& policy) {
  const std::vector<SetId> addresses = sort_by_meaning(address_sets_);
  const std::vector<SetId> services = sort_by_meaning(service_sets_);
  for_each_rule(policy, [&](ResolvedRule& rule) {
    renumber(rule.source, addresses, services);
    renumber(rule.destination, addresses, services);
  });
  policy.address_sets = std::move(address_sets_);
  policy.service_sets = std::move(service_sets_);
}

ResolvedPorts resolve_ports(SetCollector& sets, const PortList& ports, std::optional<Protocol> protocol,
                            const Selector& owners) {
  ResolvedPorts resolved{ports.ranges, {}};
  for (const std::string& name : ports.names) resolved.services.push_back(sets.service_set(name, protocol, owners));
  return resolved;
}

std::optional<RangeSet> resolve_nets(const std::vector<Prefix>& nets) {
  if (nets.empty()) return std::nullopt;
  return RangeSet::of(nets);
}

/// `local` is the policy's subject on the side where the endpoint stands: port names there need only be looked up on
/// the endpoints the policy applies to.
ResolvedPeer resolve_peer(SetCollector& sets, const Peer& peer, std::optional<Protocol> protocol,
                          const Selector* local) {
  ResolvedPeer resolved;
  if (peer.selector) resolved.in_set = sets.address_set(*peer.selector);
  if (peer.not_selector) resolved.not_in_set = sets.address_set(*peer.not_selector);
  resolved.nets = resolve_nets(peer.nets);
  resolved.not_nets = resolve_nets(peer.not_nets);
  std::vector<Selector> owners;
  if (peer.selector) owners.push_back(*peer.selector);
  if (local != nullptr) owners.push_back(*local);
  const Selector owner = conjunction(std::move(owners));
  resolved.ports = resolve_ports(sets, peer.ports, protocol, owner);
  resolved.not_ports = resolve_ports(sets, peer.not_ports, protocol, owner);
  return resolved;
}

std::optional<Family> family_of(const Rule& rule) {
  if (rule.ip_version) return rule.ip_version;
  if (rule.protocol == kIcmp) return Family::V4;
  if (rule.protocol == kIcmpv6) return Family::V6;
  return std::nullopt;
}

ResolvedRule resolve_rule(SetCollector& sets, const Rule& rule, Direction direction, const Selector* subject) {
  ResolvedRule resolved;
  resolved.action = rule.action;
  resolved.number = rule.number;
  resolved.understood = rule.understood;
  if (!rule.understood) return resolved;  // what it matches is decided by its action alone
  resolved.family = family_of(rule);
  resolved.protocol = rule.protocol;
  resolved.not_protocol = rule.not_protocol;
  resolved.icmp = rule.icmp;
  resolved.not_icmp = rule.not_icmp;
  const Selector* source_subject = direction == Direction::Egress ? subject : nullptr;
  const Selector* destination_subject = direction == Direction::Ingress ? subject : nullptr;
  resolved.source = resolve_peer(sets, rule.source, rule.protocol, source_subject);
  resolved.destination = resolve_peer(sets, rule.destination, rule.protocol, destination_subject);
  return resolved;
}

std::vector<ResolvedRule> resolve_rules(SetCollector& sets, const std::vector<Rule>& rules, Direction direction,
                                        const Selector* subject) {
  std::vector<ResolvedRule> resolved;
  resolved.reserve(rules.size());
  for (const Rule& rule : rules) resolved.push_back(resolve_rule(sets, rule, direction, subject));
  return resolved;
}

ResourceKey policy_key(const Policy& policy) {
  return {policy.kind, policy.ns, policy.name};
}

/// Which endpoints (by index) a policy selects.
std::vector<bool> select(const Policy& policy, const std::vector<const Subject*>& endpoints) {
  std::vector<bool> selected(endpoints.size());
  for (std::size_t i = 0; i < endpoints.size(); ++i) selected[i] = matches(policy.subject, endpoints[i]->scope);
  return selected;
}

/// What applies to one endpoint, while it is being collected.
struct PendingEndpoint {
  const Subject* subject = nullptr;
  Treatment ingress{Direction::Ingress, {}, 0};
  Treatment egress{Direction::Egress, {}, 0};
};

void append_policy(Treatment& treatment, std::size_t tier, std::size_t policy) {
  if (treatment.steps.empty() || treatment.steps.back().tier != tier) treatment.steps.push_back({tier, {}});
  treatment.steps.back().policies.push_back(policy);
}

/// Rules of a direction in which the policy does not apply are not resolved: nothing would read their sets.
ResolvedPolicy resolve_policy(SetCollector& sets, const Policy& policy) {
  ResolvedPolicy resolved{policy_key(policy), policy.order, {}, {}};
  if (policy.applies_to_ingress) {
    resolved.ingress = resolve_rules(sets, policy.ingress, Direction::Ingress, &policy.subject);
  }
  if (policy.applies_to_egress) {
    resolved.egress = resolve_rules(sets, policy.egress, Direction::Egress, &policy.subject);
  }
  return resolved;
}

/// The tiers with at least one policy that selects an endpoint here; fills the endpoints' treatments on the way.
std::vector<ResolvedTier> resolve_tiers(const Snapshot& snapshot, SetCollector& sets,
                                        std::vector<PendingEndpoint>& endpoints) {
  std::vector<const Subject*> subjects;
  subjects.reserve(endpoints.size());
  for (const PendingEndpoint& endpoint : endpoints) subjects.push_back(endpoint.subject);
  std::vector<ResolvedTier> tiers;
  for (const OrderedTier& ordered : order_tiers(snapshot.tiers, snapshot.policies)) {
    ResolvedTier tier{ordered.tier.name, ordered.tier.order, ordered.tier.default_action, ordered.missing, {}};
    for (const Policy* policy : ordered.policies) {
      const std::vector<bool> selected = select(*policy, subjects);
      if (std::ranges::count(selected, true) == 0) continue;
      for (std::size_t i = 0; i < endpoints.size(); ++i) {
        if (!selected[i]) continue;
        if (policy->applies_to_ingress) append_policy(endpoints[i].ingress, tiers.size(), tier.policies.size());
        if (policy->applies_to_egress) append_policy(endpoints[i].egress, tiers.size(), tier.policies.size());
      }
      tier.policies.push_back(resolve_policy(sets, *policy));
    }
    if (!tier.policies.empty()) tiers.push_back(std::move(tier));
  }
  return tiers;
}

/// The profile of every namespace that has an endpoint here.
std::vector<ResolvedProfile> resolve_profiles(const Snapshot& snapshot, SetCollector& sets,
                                              std::vector<PendingEndpoint>& endpoints) {
  std::vector<ResolvedProfile> profiles;
  std::map<std::string, std::size_t> index;
  for (PendingEndpoint& endpoint : endpoints) {
    const std::string name = namespace_profile(endpoint.subject->pod->ns);
    const auto [entry, added] = index.try_emplace(name, profiles.size());
    if (added) {
      ResolvedProfile profile{name, true, {}, {}};
      if (const auto written = snapshot.profiles.find(name); written != snapshot.profiles.end()) {
        profile.implicit = false;
        profile.ingress = resolve_rules(sets, written->second.ingress, Direction::Ingress, nullptr);
        profile.egress = resolve_rules(sets, written->second.egress, Direction::Egress, nullptr);
      }
      profiles.push_back(std::move(profile));
    }
    endpoint.ingress.profile = endpoint.egress.profile = entry->second;
  }
  return profiles;
}

void deliver_endpoints(NodePolicy& policy, const std::vector<PendingEndpoint>& endpoints) {
  for (const PendingEndpoint& endpoint : endpoints) {
    policy.treatments.push_back(endpoint.ingress);
    policy.treatments.push_back(endpoint.egress);
  }
  std::ranges::sort(policy.treatments);
  policy.treatments.erase(std::unique(policy.treatments.begin(), policy.treatments.end()), policy.treatments.end());
  const auto position = [&](const Treatment& treatment) {
    return static_cast<std::size_t>(std::ranges::lower_bound(policy.treatments, treatment) - policy.treatments.begin());
  };
  for (const PendingEndpoint& endpoint : endpoints) {
    const Pod& pod = *endpoint.subject->pod;
    policy.endpoints.push_back(
        {pod_key(pod), pod.node, endpoint.subject->addresses, position(endpoint.ingress), position(endpoint.egress)});
  }
}

}  // namespace

NodePolicy resolve(const Snapshot& snapshot, const Scope& scope) {
  const World world(snapshot);
  std::vector<PendingEndpoint> endpoints;
  for (const Subject& pod : world.pods) {
    if (scope.contains(*pod.pod)) endpoints.push_back({&pod});
  }

  SetCollector sets(world);
  NodePolicy policy;
  policy.remarks = world.remarks;
  policy.tiers = resolve_tiers(snapshot, sets, endpoints);
  for (const ResolvedTier& tier : policy.tiers) {
    if (tier.missing) {
      policy.remarks.push_back("tier '" + tier.name +
                               "' does not exist: its policies are evaluated after all tiers, with Deny");
    }
  }
  policy.profiles = resolve_profiles(snapshot, sets, endpoints);
  sets.deliver(policy);
  deliver_endpoints(policy, endpoints);
  return policy;
}

}  // namespace tierwall::policy
