#include "policy/node_policy.h"

#include <algorithm>

namespace tierwall::policy {

bool AddressSet::contains(const Address& address) const {
  return std::binary_search(addresses.begin(), addresses.end(), address) || nets.contains(address);
}

bool ServiceSet::contains(const ServiceAddress& member) const {
  return std::binary_search(members.begin(), members.end(), member);
}

namespace {

bool lacks(const std::optional<RangeSet>& nets, Family family) {
  return nets && nets->empty(family);
}

}  // namespace

bool ResolvedRule::speaks_of(Family packet_family) const {
  if (family && *family != packet_family) return false;
  return !lacks(source.nets, packet_family) && !lacks(source.not_nets, packet_family) &&
         !lacks(destination.nets, packet_family) && !lacks(destination.not_nets, packet_family);
}

std::string_view print_class(PolicyClass policy_class) {
  switch (policy_class) {
    case PolicyClass::Untracked:
      return "untracked";
    case PolicyClass::PreDnat:
      return "preDNAT";
    case PolicyClass::Normal:
      return "normal";
    case PolicyClass::Forward:
      return "applyOnForward";
  }
  TIERWALL_CHECK(false);
}

const Treatment* NodePolicy::treatment(const ResolvedHostEndpoint& endpoint, PolicyClass policy_class,
                                       Direction direction) const {
  for (const std::size_t index : endpoint.treatments) {
    const Treatment& treatment = treatments[index];
    if (treatment.policy_class == policy_class && treatment.direction == direction) return &treatment;
  }
  return nullptr;
}

const ResolvedHostEndpoint* NodePolicy::find_host_endpoint(std::string_view node, std::string_view interface) const {
  const ResolvedHostEndpoint* of_the_rest = nullptr;
  for (const ResolvedHostEndpoint& endpoint : host_endpoints) {
    if (endpoint.node != node) continue;
    if (std::ranges::binary_search(endpoint.interfaces, interface)) return &endpoint;
    if (endpoint.all_interfaces) of_the_rest = &endpoint;
  }
  return interface == kLoopback ? nullptr : of_the_rest;
}

namespace {

void add_sets(const ResolvedPeer& peer, NamedSets& named) {
  if (peer.in_set) named.address_sets.insert(*peer.in_set);
  if (peer.not_in_set) named.address_sets.insert(*peer.not_in_set);
  named.service_sets.insert(peer.ports.services.begin(), peer.ports.services.end());
  named.service_sets.insert(peer.not_ports.services.begin(), peer.not_ports.services.end());
}

void add_sets(const std::vector<ResolvedRule>& rules, NamedSets& named) {
  for (const ResolvedRule& rule : rules) {
    add_sets(rule.source, named);
    add_sets(rule.destination, named);
  }
}

}  // namespace

NamedSets sets_of_host_endpoints(const NodePolicy& policy) {
  std::set<std::size_t> treatments;
  for (const ResolvedHostEndpoint& endpoint : policy.host_endpoints) {
    treatments.insert(endpoint.treatments.begin(), endpoint.treatments.end());
  }
  NamedSets named;
  for (const std::size_t index : treatments) {
    const Treatment& treatment = policy.treatments[index];
    for (const TierStep& step : treatment.steps) {
      for (const std::size_t position : step.policies) {
        add_sets(policy.tiers[step.tier].policies[position].rules(treatment.direction), named);
      }
    }
    for (const std::size_t profile : treatment.profiles) {
      add_sets(policy.profiles[profile].rules(treatment.direction), named);
    }
  }
  return named;
}

const ResolvedEndpoint* NodePolicy::find_endpoint(const ResourceKey& pod) const {
  const auto found = std::ranges::lower_bound(endpoints, pod, {}, &ResolvedEndpoint::pod);
  return found != endpoints.end() && found->pod == pod ? &*found : nullptr;
}

const ResolvedEndpoint* NodePolicy::find_endpoint(const Address& address) const {
  const auto found = std::ranges::find_if(
      endpoints, [&](const ResolvedEndpoint& endpoint) { return std::ranges::count(endpoint.addresses, address) > 0; });
  return found != endpoints.end() ? &*found : nullptr;
}

}  // namespace tierwall::policy
