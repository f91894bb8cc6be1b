#pragma once
// What resolve makes of a snapshot: everything that is needed to judge packets at some endpoints, and nothing else.
// Selectors have become sets of addresses, policies stand in the order they are evaluated in, and endpoints that are
// treated alike share one treatment. A value: evaluate and compile read it, comparing two of them is meaningful.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "policy/model.h"

namespace tierwall::policy {

/// The addresses a selector denotes: exact ones of pods, ranges of network sets. Named by its meaning.
struct AddressSet {
  std::string meaning;             ///< canonical selector text; unique among the sets of a NodePolicy
  std::string description;         ///< the same for people
  std::vector<Address> addresses;  ///< sorted, unique
  RangeSet nets;

  [[nodiscard]] bool contains(const Address& address) const;
  friend bool operator==(const AddressSet&, const AddressSet&) = default;
};

/// One service of one endpoint, as a named port denotes it.
struct ServiceAddress {
  Address address;
  Protocol protocol;
  std::uint16_t port = 0;

  friend auto operator<=>(const ServiceAddress&, const ServiceAddress&) = default;
};

/// What a port name denotes on the endpoints a selector denotes.
struct ServiceSet {
  std::string meaning;
  std::string description;
  std::vector<ServiceAddress> members;  ///< sorted, unique

  [[nodiscard]] bool contains(const ServiceAddress& member) const;
  friend bool operator==(const ServiceSet&, const ServiceSet&) = default;
};

using SetId = std::size_t;  ///< index into NodePolicy::address_sets or ::service_sets

struct ResolvedPorts {
  std::vector<PortRange> ranges;
  std::vector<SetId> services;  ///< service sets; alternatives to the ranges

  [[nodiscard]] bool empty() const { return ranges.empty() && services.empty(); }
  friend bool operator==(const ResolvedPorts&, const ResolvedPorts&) = default;
};

/// Peer with selectors and port names replaced by sets.
struct ResolvedPeer {
  std::optional<SetId> in_set;
  std::optional<SetId> not_in_set;
  std::optional<RangeSet> nets;      ///< given, so must contain the address
  std::optional<RangeSet> not_nets;  ///< given, so must not
  ResolvedPorts ports;
  ResolvedPorts not_ports;

  friend bool operator==(const ResolvedPeer&, const ResolvedPeer&) = default;
};

struct ResolvedRule {
  Action action = Action::Deny;
  int number = 1;
  bool understood = true;
  std::optional<Family> family;  ///< of the rule; ICMP and ICMPv6 by name imply theirs (calico.md 3.6)
  std::optional<Protocol> protocol;
  std::optional<Protocol> not_protocol;
  std::optional<Icmp> icmp;
  std::optional<Icmp> not_icmp;
  ResolvedPeer source;
  ResolvedPeer destination;
  Labels annotations;

  /// Can the rule match packets of this family at all? Its own family, and lists of nets that have none of it.
  [[nodiscard]] bool speaks_of(Family packet_family) const;
  friend bool operator==(const ResolvedRule&, const ResolvedRule&) = default;
};

struct ResolvedPolicy {
  ResourceKey key;
  std::optional<double> order;
  std::vector<ResolvedRule> ingress;
  std::vector<ResolvedRule> egress;

  [[nodiscard]] const std::vector<ResolvedRule>& rules(Direction direction) const {
    return direction == Direction::Ingress ? ingress : egress;
  }
  friend bool operator==(const ResolvedPolicy&, const ResolvedPolicy&) = default;
};

struct ResolvedTier {
  std::string name;
  std::optional<double> order;
  TierDefault default_action = TierDefault::Deny;
  bool missing = false;                  ///< named by policies, but no such Tier exists: evaluated last, with Deny
  std::vector<ResolvedPolicy> policies;  ///< in evaluation order; only those that select an endpoint here

  friend bool operator==(const ResolvedTier&, const ResolvedTier&) = default;
};

struct ResolvedProfile {
  std::string name;
  bool implicit = false;  ///< an allow-all that nobody wrote: a namespace's, or kAllowProfile
  bool missing = false;   ///< named by a host endpoint, but nobody wrote it: denies
  std::vector<ResolvedRule> ingress;
  std::vector<ResolvedRule> egress;

  [[nodiscard]] const std::vector<ResolvedRule>& rules(Direction direction) const {
    return direction == Direction::Ingress ? ingress : egress;
  }
  friend bool operator==(const ResolvedProfile&, const ResolvedProfile&) = default;
};

/// The policies of one tier that apply to an endpoint in one direction.
struct TierStep {
  std::size_t tier = 0;               ///< index into NodePolicy::tiers
  std::vector<std::size_t> policies;  ///< indices into that tier's policies; never empty

  friend auto operator<=>(const TierStep&, const TierStep&) = default;
};

/// What a treatment judges (calico.md 4.2). Of pods: Normal. Of host endpoints, in the order packets meet them:
///
///   Untracked  before connection tracking: no tier ends in Deny, and what no rule decides goes on
///   PreDnat    before addresses are translated: likewise
///   Normal     between an interface and the node's own processes: tiers end as they say, then profiles, then Deny
///   Forward    what crosses the node: only policies with applyOnForward, tiers end as they say, then Allow
enum class PolicyClass { Untracked, PreDnat, Normal, Forward };

std::string_view print_class(PolicyClass policy_class);  ///< "untracked", "preDNAT", "normal", "applyOnForward"

/// How an endpoint is treated in one direction. Endpoints with equal treatments share compiled chains.
struct Treatment {
  Direction direction = Direction::Ingress;
  PolicyClass policy_class = PolicyClass::Normal;
  std::vector<TierStep> steps = {};
  std::vector<std::size_t> profiles =
      {};  ///< indices into NodePolicy::profiles; of Normal: a pod's one, a host endpoint's all

  friend auto operator<=>(const Treatment&, const Treatment&) = default;
};

struct ResolvedEndpoint {
  ResourceKey pod;
  std::string node;
  std::vector<Address> addresses;  ///< those it holds (of two pods with one address only one does)
  std::size_t ingress = 0;         ///< indices into NodePolicy::treatments
  std::size_t egress = 0;

  friend bool operator==(const ResolvedEndpoint&, const ResolvedEndpoint&) = default;
};

/// A host endpoint with what it governs on its node.
struct ResolvedHostEndpoint {
  std::string name;
  std::string node;
  bool all_interfaces = false;          ///< those of the node that no other host endpoint governs, but not lo
  std::vector<std::string> interfaces;  ///< else: those it governs, sorted; may be none
  /// Indices into NodePolicy::treatments: Normal in both directions, the other classes where a policy makes them.
  std::vector<std::size_t> treatments;

  friend bool operator==(const ResolvedHostEndpoint&, const ResolvedHostEndpoint&) = default;
};

struct NodePolicy {
  std::vector<ResolvedTier> tiers;  ///< in evaluation order
  std::vector<ResolvedProfile> profiles;
  std::vector<AddressSet> address_sets;              ///< sorted by meaning
  std::vector<ServiceSet> service_sets;              ///< sorted by meaning
  std::vector<Treatment> treatments;                 ///< sorted, unique
  std::vector<ResolvedEndpoint> endpoints;           ///< sorted by pod
  std::vector<ResolvedHostEndpoint> host_endpoints;  ///< sorted by node and name; only those that govern something
  std::vector<std::string> remarks;  ///< what an operator should know: pods that share an address, missing tiers

  [[nodiscard]] const ResolvedEndpoint* find_endpoint(const ResourceKey& pod) const;
  [[nodiscard]] const ResolvedEndpoint* find_endpoint(const Address& address) const;
  [[nodiscard]] const Treatment& treatment(const ResolvedEndpoint& endpoint, Direction direction) const {
    return treatments[direction == Direction::Ingress ? endpoint.ingress : endpoint.egress];
  }
  /// Nothing if it has no policy of that class: then nothing is judged there.
  [[nodiscard]] const Treatment* treatment(const ResolvedHostEndpoint& endpoint, PolicyClass policy_class,
                                           Direction direction) const;
  /// The host endpoint that governs an interface of a node; none: its traffic is not judged.
  [[nodiscard]] const ResolvedHostEndpoint* find_host_endpoint(std::string_view node, std::string_view interface) const;
  friend bool operator==(const NodePolicy&, const NodePolicy&) = default;
};

/// Sets that some rules name.
struct NamedSets {
  std::set<SetId> address_sets;
  std::set<SetId> service_sets;
};

/// Those that decide about traffic of host endpoints.
NamedSets sets_of_host_endpoints(const NodePolicy& policy);

}  // namespace tierwall::policy
