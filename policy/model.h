#pragma once
// The resources Tierwall knows, as plain values. Foreign words are translated by the decoders: what arrives here
// has one shape whichever API it came from. Selectors are composed (namespace terms included, calico.md 2.5, 2.6)
// and parsed. Defaults are the safe ones.

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "policy/address.h"
#include "policy/label.h"
#include "policy/port.h"
#include "policy/selector.h"
#include "policy/shared_text.h"

namespace tierwall::policy {

enum class Kind {
  Namespace,
  ServiceAccount,
  Pod,
  PodSandbox,
  Node,
  Service,
  EndpointSlice,
  NetworkInterface,
  HostEndpoint,
  Tier,
  Profile,
  GlobalNetworkSet,
  NetworkSet,
  GlobalNetworkPolicy,
  NetworkPolicy,                         ///< projectcalico.org
  KubernetesNetworkPolicy,               ///< networking.k8s.io
  KubernetesClusterNetworkPolicy,        ///< policy.networking.k8s.io, v1alpha2
  KubernetesAdminNetworkPolicy,          ///< policy.networking.k8s.io, v1alpha1
  KubernetesBaselineAdminNetworkPolicy,  ///< policy.networking.k8s.io, v1alpha1
  StagedGlobalNetworkPolicy,
  StagedNetworkPolicy,
  StagedKubernetesNetworkPolicy,
};

/// Calico's names for kinds (calico.md 3.2, 3.5): a Kubernetes NetworkPolicy is "KubernetesNetworkPolicy".
std::string_view print_kind(Kind kind);
/// The kind as manifests write it: both sorts of NetworkPolicy are called alike there.
std::string_view written_kind(Kind kind);
bool is_namespaced(Kind kind);

struct ResourceKey {
  Kind kind = Kind::Pod;
  std::string ns = {};  ///< empty for cluster-scoped kinds
  std::string name = {};

  friend auto operator<=>(const ResourceKey&, const ResourceKey&) = default;
};

/// "NAME" or "NAMESPACE/NAME".
std::string print_name(const ResourceKey& key);
/// "KIND NAME" or "KIND NAMESPACE/NAME".
std::string print_key(const ResourceKey& key);

struct Namespace {
  std::string name = {};
  Labels labels = {};

  friend bool operator==(const Namespace&, const Namespace&) = default;
};

struct ServiceAccount {
  std::string ns = {};
  std::string name = {};
  Labels labels = {};

  friend bool operator==(const ServiceAccount&, const ServiceAccount&) = default;
};

struct ContainerPort {
  std::string name = {};  ///< may be empty
  Protocol protocol = kTcp;
  std::uint16_t port = 0;

  friend bool operator==(const ContainerPort&, const ContainerPort&) = default;
};

enum class PodPhase { Pending, Running, Succeeded, Failed, Unknown };

struct Pod {
  std::string ns = {};
  std::string name = {};
  Labels labels = {};
  SharedText node = {};  ///< empty: not scheduled
  SharedText service_account = "default";
  std::vector<Address> addresses = {};       ///< status.podIPs, or status.podIP
  std::optional<Address> host_address = {};  ///< status.hostIP
  std::vector<ContainerPort> ports = {};     ///< containers and init containers, all of them
  bool host_network = false;
  PodPhase phase = PodPhase::Running;
  std::int64_t created = 0;  ///< in milliseconds since 1970; 0: not known

  /// Something policy applies to and selectors may denote: on the pod network, not finished (design.md 7.5).
  [[nodiscard]] bool is_endpoint() const {
    return !host_network && phase != PodPhase::Succeeded && phase != PodPhase::Failed;
  }
  friend bool operator==(const Pod&, const Pod&) = default;
};

/// What the container runtime on this node gave a pod before its first container started: earlier than status.podIPs,
/// which counts as soon as it is there.
struct PodSandbox {
  std::string ns = {};
  std::string name = {};  ///< of the sandbox; a pod may have several, one per network
  std::string pod = {};
  std::vector<Address> addresses = {};

  friend bool operator==(const PodSandbox&, const PodSandbox&) = default;
};

/// A machine of the cluster: what `nodes` peers of cluster policies denote.
struct Node {
  std::string name = {};
  Labels labels = {};
  std::vector<Address> addresses = {};  ///< status.addresses of type InternalIP and ExternalIP
  std::vector<Prefix> pod_cidrs = {};   ///< spec.podCIDRs, or spec.podCIDR

  friend bool operator==(const Node&, const Node&) = default;
};

/// Known for its cluster addresses only, which no policy can match: packets are judged after they were translated.
struct Service {
  std::string ns = {};
  std::string name = {};
  std::vector<Address> cluster_addresses = {};  ///< spec.clusterIPs without "None"

  friend bool operator==(const Service&, const Service&) = default;
};

/// The name by which a rule's peer or an endpoint slice refers to a Service.
struct ServiceName {
  std::string ns = {};
  std::string name = {};

  friend auto operator<=>(const ServiceName&, const ServiceName&) = default;
};

struct EndpointPort {
  Protocol protocol = kTcp;
  std::uint16_t port = 0;

  friend auto operator<=>(const EndpointPort&, const EndpointPort&) = default;
};

/// Part of the endpoints of one Service. Readiness does not matter to policy, as in Calico.
struct EndpointSlice {
  std::string ns = {};
  std::string name = {};
  std::string service = {};  ///< label kubernetes.io/service-name; empty: of no Service
  std::vector<Address> addresses = {};
  std::vector<EndpointPort> ports = {};

  friend bool operator==(const EndpointSlice&, const EndpointSlice&) = default;
};

/// A network interface of this node with the addresses it has now.
struct NetworkInterface {
  std::string name = {};
  std::vector<Address> addresses = {};  ///< sorted

  friend bool operator==(const NetworkInterface&, const NetworkInterface&) = default;
};

/// Stands for the interfaces of a node that have no host endpoint of their own.
inline constexpr std::string_view kAllInterfaces = "*";
/// The interface by which a node talks to itself; only a host endpoint of this very name governs it.
inline constexpr std::string_view kLoopback = "lo";

/// The boundary between a node and what is outside: one interface, or all of them (calico.md 1.4 and 4.1).
struct HostEndpoint {
  std::string name = {};
  Labels labels = {};
  std::string node = {};
  std::string interface_name = {};               ///< a name, kAllInterfaces, or empty: found by expected_addresses
  std::vector<Address> expected_addresses = {};  ///< sorted; also what selectors that denote it stand for
  std::vector<std::string> profiles = {};        ///< in the order they are asked
  std::vector<ContainerPort> ports = {};

  friend bool operator==(const HostEndpoint&, const HostEndpoint&) = default;
};

enum class Action { Allow, Deny, Pass, Log };
enum class Direction { Ingress, Egress };

inline constexpr Direction kDirections[] = {Direction::Egress, Direction::Ingress};  ///< in the order packets meet them

std::string_view print_action(Action action);           ///< "Allow"
std::string_view print_direction(Direction direction);  ///< "ingress"

struct Icmp {
  std::optional<std::uint8_t> type = {};
  std::optional<std::uint8_t> code = {};  ///< only with a type

  friend bool operator==(const Icmp&, const Icmp&) = default;
};

/// A list of ports; items are alternatives.
struct PortList {
  std::vector<PortRange> ranges = {};   ///< merged
  std::vector<std::string> names = {};  ///< sorted, unique; resolved per destination endpoint

  [[nodiscard]] bool empty() const { return ranges.empty() && names.empty(); }
  friend bool operator==(const PortList&, const PortList&) = default;
};

/// One side of a rule. Everything given must hold; what is absent (or empty) does not restrict.
struct Peer {
  std::optional<Selector> selector = {};      ///< denotes addresses of pods and network sets; notSelector folded in
  std::optional<Selector> not_selector = {};  ///< only without `selector`: matches addresses it does not denote
  std::optional<ServiceName> service = {};    ///< its endpoints; with their ports where it is the destination
  std::optional<Selector> nodes = {};         ///< addresses of the nodes whose labels it matches
  std::vector<Prefix> nets = {};
  std::vector<Prefix> not_nets = {};
  PortList ports = {};
  PortList not_ports = {};

  friend bool operator==(const Peer&, const Peer&) = default;
};

struct Rule {
  Action action = Action::Deny;
  int number = 1;  ///< position among the rules of its direction as written, from 1
  /// False: something in it could not be understood. An Allow or Log then matches nothing; a Deny or Pass denies
  /// everything that reaches it (law 5 of design.md).
  bool understood = true;
  std::optional<Family> ip_version = {};
  std::optional<Protocol> protocol = {};
  std::optional<Protocol> not_protocol = {};
  std::optional<Icmp> icmp = {};
  std::optional<Icmp> not_icmp = {};
  Peer source = {};
  Peer destination = {};
  Labels annotations = {};  ///< metadata.annotations; the name of a ClusterNetworkPolicy's rule is its "name"

  friend bool operator==(const Rule&, const Rule&) = default;
};

inline constexpr std::string_view kDefaultTier = "default";
inline constexpr std::string_view kAdminTier = "kube-admin";
inline constexpr std::string_view kBaselineTier = "kube-baseline";
inline constexpr double kKubernetesPolicyOrder = 1000;

/// What a staged policy is a preview of: itself being enforced, or the policy of its name being deleted.
enum class StagedAction { Set, Delete };

/// When a GlobalNetworkPolicy judges the traffic of host endpoints (calico.md 4.2). Pods know tracked policy only.
enum class Stage {
  Untracked,  ///< doNotTrack: before connection tracking, packet by packet
  PreDnat,    ///< preDNAT: before addresses are translated
  Tracked,    ///< every other policy
};

struct Policy {
  Kind kind = Kind::NetworkPolicy;
  std::string ns = {};
  std::string name = {};
  std::string tier = std::string(kDefaultTier);
  std::optional<double> order = {};  ///< absent: after everything numbered
  Selector subject = {};             ///< the endpoints it applies to
  bool applies_to_ingress = true;
  bool applies_to_egress = true;
  std::vector<Rule> ingress = {};  ///< several may share a number: a Kubernetes rule is one per peer and protocol
  std::vector<Rule> egress = {};
  std::optional<StagedAction> staged = {};  ///< of the Staged kinds, which are never enforced
  Stage stage = Stage::Tracked;
  bool apply_on_forward = false;  ///< judges what crosses a host endpoint, too; implied by the other stages

  [[nodiscard]] bool applies_to(Direction direction) const {
    return direction == Direction::Ingress ? applies_to_ingress : applies_to_egress;
  }
  [[nodiscard]] const std::vector<Rule>& rules(Direction direction) const {
    return direction == Direction::Ingress ? ingress : egress;
  }
  friend bool operator==(const Policy&, const Policy&) = default;
};

enum class TierDefault { Deny, Pass };

struct Tier {
  std::string name = {};
  std::optional<double> order = {};  ///< absent: after everything numbered
  TierDefault default_action = TierDefault::Deny;

  friend bool operator==(const Tier&, const Tier&) = default;
};

/// A NetworkSet, or with an empty namespace a GlobalNetworkSet.
struct NetworkSet {
  std::string ns = {};
  std::string name = {};
  Labels labels = {};
  RangeSet nets = {};

  friend bool operator==(const NetworkSet&, const NetworkSet&) = default;
};

/// What an endpoint falls back to when no policy decides. A namespace's pods have the profile "kns.NAMESPACE", which
/// allows everything unless a Profile of that name is written.
struct Profile {
  std::string name = {};
  Labels labels_to_apply = {};
  std::vector<Rule> ingress = {};
  std::vector<Rule> egress = {};

  [[nodiscard]] const std::vector<Rule>& rules(Direction direction) const {
    return direction == Direction::Ingress ? ingress : egress;
  }
  friend bool operator==(const Profile&, const Profile&) = default;
};

std::string namespace_profile(std::string_view ns);  ///< "kns.NAMESPACE"

/// The profile Calico gives the host endpoints it makes by itself: it allows everything and need not be written.
inline constexpr std::string_view kAllowProfile = "projectcalico-default-allow";

using Resource = std::variant<Namespace, ServiceAccount, Pod, PodSandbox, Node, Service, EndpointSlice,
                              NetworkInterface, HostEndpoint, Tier, Profile, NetworkSet, Policy>;

ResourceKey key_of(const Resource& resource);

}  // namespace tierwall::policy
