#include "daemon/sources/decode_kinds.h"

#include <algorithm>
#include <iterator>

#include "daemon/sources/decode_calico.h"
#include "daemon/sources/decode_calico_policy.h"
#include "daemon/sources/decode_cluster_policy.h"
#include "daemon/sources/decode_host_endpoint.h"
#include "daemon/sources/decode_kubernetes.h"

namespace tierwall::daemon {

namespace {

using policy::Kind;

constexpr std::string_view kCore = "v1";
constexpr std::string_view kNetworking = "networking.k8s.io/v1";
constexpr std::string_view kDiscovery = "discovery.k8s.io/v1";
constexpr std::string_view kPolicy = "policy.networking.k8s.io/v1alpha2";
constexpr std::string_view kOldPolicy = "policy.networking.k8s.io/v1alpha1";
constexpr std::string_view kCalico = "projectcalico.org/v3";

constexpr NameRule kLabel = NameRule::Label;
constexpr NameRule kSubdomain = NameRule::Subdomain;
constexpr UnknownFields kIgnored = UnknownFields::Ignored;
constexpr UnknownFields kStrict = UnknownFields::Error;

constexpr KindRow kKinds[] = {
    {kCore, Kind::Namespace, kLabel, kIgnored, decode_namespace},
    {kCore, Kind::ServiceAccount, kSubdomain, kIgnored, decode_service_account},
    {kCore, Kind::Pod, kSubdomain, kIgnored, decode_pod},
    {kCore, Kind::Node, kSubdomain, kIgnored, decode_node},
    {kCore, Kind::Service, kLabel, kIgnored, decode_service},
    {kDiscovery, Kind::EndpointSlice, kSubdomain, kIgnored, decode_endpoint_slice},
    {kNetworking, Kind::KubernetesNetworkPolicy, kSubdomain, kStrict, decode_network_policy},
    {kPolicy, Kind::KubernetesClusterNetworkPolicy, kSubdomain, kStrict, decode_cluster_network_policy},
    {kOldPolicy, Kind::KubernetesAdminNetworkPolicy, kSubdomain, kStrict, decode_admin_network_policy},
    {kOldPolicy, Kind::KubernetesBaselineAdminNetworkPolicy, kSubdomain, kStrict, decode_baseline_admin_network_policy},
    {kCalico, Kind::GlobalNetworkPolicy, kSubdomain, kStrict, decode_global_network_policy, true},
    {kCalico, Kind::NetworkPolicy, kSubdomain, kStrict, decode_calico_network_policy, true},
    {kCalico, Kind::StagedGlobalNetworkPolicy, kSubdomain, kStrict, decode_staged_global_network_policy, true},
    {kCalico, Kind::StagedNetworkPolicy, kSubdomain, kStrict, decode_staged_network_policy, true},
    {kCalico, Kind::StagedKubernetesNetworkPolicy, kSubdomain, kStrict, decode_staged_kubernetes_network_policy, true},
    {kCalico, Kind::HostEndpoint, kSubdomain, kStrict, decode_host_endpoint},
    {kCalico, Kind::Tier, kLabel, kStrict, decode_tier},
    {kCalico, Kind::GlobalNetworkSet, kSubdomain, kStrict, decode_network_set},
    {kCalico, Kind::NetworkSet, kSubdomain, kStrict, decode_network_set},
    {kCalico, Kind::Profile, kSubdomain, kStrict, decode_profile},
};

struct SkippedRow {
  std::string_view group;  ///< of every version
  std::string_view kind;
  std::string_view why;
};
constexpr SkippedRow kSkipped[] = {
    {"", "Endpoints", "is not read and was skipped: EndpointSlice of discovery.k8s.io/v1 is"},
};

std::string_view written_version(std::string_view api_version) {
  return api_version == kStoredCalicoVersion ? kCalico : api_version;
}

}  // namespace

const KindRow* find_kind(std::string_view api_version, std::string_view written) {
  const auto row = std::find_if(std::begin(kKinds), std::end(kKinds), [&](const KindRow& r) {
    return r.api_version == written_version(api_version) && policy::written_kind(r.kind) == written;
  });
  return row == std::end(kKinds) ? nullptr : row;
}

std::string_view why_skipped(std::string_view api_version, std::string_view written) {
  const std::string_view version = written_version(api_version);
  const std::size_t slash = version.find('/');
  const std::string_view group = slash == std::string_view::npos ? std::string_view() : version.substr(0, slash);
  const auto row = std::find_if(std::begin(kSkipped), std::end(kSkipped),
                                [&](const SkippedRow& r) { return r.group == group && r.kind == written; });
  return row == std::end(kSkipped) ? std::string_view() : row->why;
}

std::string_view misspelt_kind(std::string_view api_version, std::string_view written) {
  std::vector<std::string_view> kinds;
  for (const KindRow& row : kKinds) {
    if (row.api_version == written_version(api_version)) kinds.push_back(policy::written_kind(row.kind));
  }
  return find_nearest(written, kinds);
}

std::vector<std::string_view> versions_with_kind(std::string_view written) {
  std::vector<std::string_view> versions;
  for (const KindRow& row : kKinds) {
    if (policy::written_kind(row.kind) == written) versions.push_back(row.api_version);
  }
  return versions;
}

}  // namespace tierwall::daemon
