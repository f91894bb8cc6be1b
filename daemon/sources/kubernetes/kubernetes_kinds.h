#pragma once
// Which collections of the API server matter: one row per resource.

#include <cstddef>
#include <string>
#include <string_view>

#include "daemon/sources/kubernetes/read_json.h"
#include "policy/model.h"

namespace tierwall::daemon {

/// When a resource is followed.
enum class Followed { Always, WhenServed, ServiceAccounts, Services, Nodes, Pods };

/// Which fields of its objects are kept.
enum class Kept { Metadata, Pod, Node, Service, EndpointSlice, Policy };
const Projection& projection_of(Kept kept);

struct KubernetesKind {
  policy::Kind kind;
  std::string_view api_version;  ///< "networking.k8s.io/v1"
  std::string_view plural;       ///< "networkpolicies"
  bool namespaced;
  Followed followed;
  Kept kept;

  /// "/apis/networking.k8s.io/v1": where the resources of a version are listed, too.
  [[nodiscard]] std::string group_path() const;
  /// Of one namespace, or of all if it is empty.
  [[nodiscard]] std::string collection_path(std::string_view ns) const;
  [[nodiscard]] std::string object_path(std::string_view ns, std::string_view name) const;
};

inline constexpr std::string_view kCalicoVersion = "projectcalico.org/v3";
/// The resources behind Calico's API server: what is true where both are served. Objects may have another name there.
inline constexpr std::string_view kStoredCalicoVersion = "crd.projectcalico.org/v1";

inline constexpr KubernetesKind kKubernetesKinds[] = {
    {policy::Kind::Namespace, "v1", "namespaces", false, Followed::Always, Kept::Metadata},
    {policy::Kind::Pod, "v1", "pods", true, Followed::Pods, Kept::Pod},
    {policy::Kind::ServiceAccount, "v1", "serviceaccounts", true, Followed::ServiceAccounts, Kept::Metadata},
    {policy::Kind::Node, "v1", "nodes", false, Followed::Nodes, Kept::Node},
    {policy::Kind::Service, "v1", "services", true, Followed::Services, Kept::Service},
    {policy::Kind::EndpointSlice, "discovery.k8s.io/v1", "endpointslices", true, Followed::Services,
     Kept::EndpointSlice},
    {policy::Kind::KubernetesNetworkPolicy, "networking.k8s.io/v1", "networkpolicies", true, Followed::Always,
     Kept::Policy},
    {policy::Kind::KubernetesClusterNetworkPolicy, "policy.networking.k8s.io/v1alpha2", "clusternetworkpolicies", false,
     Followed::WhenServed, Kept::Policy},
    {policy::Kind::KubernetesAdminNetworkPolicy, "policy.networking.k8s.io/v1alpha1", "adminnetworkpolicies", false,
     Followed::WhenServed, Kept::Policy},
    {policy::Kind::KubernetesBaselineAdminNetworkPolicy, "policy.networking.k8s.io/v1alpha1",
     "baselineadminnetworkpolicies", false, Followed::WhenServed, Kept::Policy},
    {policy::Kind::Tier, kStoredCalicoVersion, "tiers", false, Followed::WhenServed, Kept::Policy},
    {policy::Kind::GlobalNetworkPolicy, kStoredCalicoVersion, "globalnetworkpolicies", false, Followed::WhenServed,
     Kept::Policy},
    {policy::Kind::NetworkPolicy, kStoredCalicoVersion, "networkpolicies", true, Followed::WhenServed, Kept::Policy},
    {policy::Kind::GlobalNetworkSet, kStoredCalicoVersion, "globalnetworksets", false, Followed::WhenServed,
     Kept::Policy},
    {policy::Kind::NetworkSet, kStoredCalicoVersion, "networksets", true, Followed::WhenServed, Kept::Policy},
    {policy::Kind::HostEndpoint, kStoredCalicoVersion, "hostendpoints", false, Followed::WhenServed, Kept::Policy},
    {policy::Kind::StagedGlobalNetworkPolicy, kStoredCalicoVersion, "stagedglobalnetworkpolicies", false,
     Followed::WhenServed, Kept::Policy},
    {policy::Kind::StagedNetworkPolicy, kStoredCalicoVersion, "stagednetworkpolicies", true, Followed::WhenServed,
     Kept::Policy},
    {policy::Kind::StagedKubernetesNetworkPolicy, kStoredCalicoVersion, "stagedkubernetesnetworkpolicies", true,
     Followed::WhenServed, Kept::Policy},
    {policy::Kind::Tier, kCalicoVersion, "tiers", false, Followed::WhenServed, Kept::Policy},
    {policy::Kind::GlobalNetworkPolicy, kCalicoVersion, "globalnetworkpolicies", false, Followed::WhenServed,
     Kept::Policy},
    {policy::Kind::NetworkPolicy, kCalicoVersion, "networkpolicies", true, Followed::WhenServed, Kept::Policy},
    {policy::Kind::GlobalNetworkSet, kCalicoVersion, "globalnetworksets", false, Followed::WhenServed, Kept::Policy},
    {policy::Kind::NetworkSet, kCalicoVersion, "networksets", true, Followed::WhenServed, Kept::Policy},
    {policy::Kind::HostEndpoint, kCalicoVersion, "hostendpoints", false, Followed::WhenServed, Kept::Policy},
    {policy::Kind::Profile, kCalicoVersion, "profiles", false, Followed::WhenServed, Kept::Policy},
    {policy::Kind::StagedGlobalNetworkPolicy, kCalicoVersion, "stagedglobalnetworkpolicies", false,
     Followed::WhenServed, Kept::Policy},
    {policy::Kind::StagedNetworkPolicy, kCalicoVersion, "stagednetworkpolicies", true, Followed::WhenServed,
     Kept::Policy},
    {policy::Kind::StagedKubernetesNetworkPolicy, kCalicoVersion, "stagedkubernetesnetworkpolicies", true,
     Followed::WhenServed, Kept::Policy},
};

}  // namespace tierwall::daemon
