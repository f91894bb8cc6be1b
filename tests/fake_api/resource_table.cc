#include "tests/fake_api/resource_table.h"

#include <algorithm>

namespace tierwall::fake_api {

namespace {

constexpr const char* kNetworkPolicyAlpha1 = "policy.networking.k8s.io/v1alpha1";

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

ResourceType built_in(std::string group_version, std::string plural, std::string kind, std::string short_name,
                      bool namespaced = true) {
  std::string singular = lower(kind);
  return {std::move(group_version),
          std::move(plural),
          std::move(singular),
          std::move(kind),
          std::move(short_name),
          namespaced,
          true};
}

ResourceType custom(std::string group_version, std::string plural, std::string kind, bool namespaced,
                    std::string short_name = {}) {
  ResourceType type =
      built_in(std::move(group_version), std::move(plural), std::move(kind), std::move(short_name), namespaced);
  type.built_in = false;
  return type;
}

void add_calico(std::vector<ResourceType>& types, const std::string& group_version) {
  for (const char* kind : {"Tier", "GlobalNetworkSet", "HostEndpoint", "Profile", "IPPool", "FelixConfiguration",
                           "BGPConfiguration", "BGPPeer", "ClusterInformation", "KubeControllersConfiguration"}) {
    types.push_back(custom(group_version, lower(kind) + "s", kind, false));
  }
  for (const char* kind : {"GlobalNetworkPolicy", "StagedGlobalNetworkPolicy"}) {
    const std::string name = lower(kind);
    types.push_back(custom(group_version, name.substr(0, name.size() - 1) + "ies", kind, false));
  }
  for (const char* kind : {"NetworkPolicy", "StagedNetworkPolicy", "StagedKubernetesNetworkPolicy"}) {
    const std::string name = lower(kind);
    types.push_back(custom(group_version, name.substr(0, name.size() - 1) + "ies", kind, true));
  }
  types.push_back(custom(group_version, "networksets", "NetworkSet", true));
}

std::vector<ResourceType> make_types() {
  std::vector<ResourceType> types{
      built_in("v1", "namespaces", "Namespace", "ns", false),
      built_in("v1", "nodes", "Node", "no", false),
      built_in("v1", "pods", "Pod", "po"),
      built_in("v1", "services", "Service", "svc"),
      built_in("v1", "serviceaccounts", "ServiceAccount", "sa"),
      built_in("discovery.k8s.io/v1", "endpointslices", "EndpointSlice", ""),
      built_in("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", "netpol"),
      custom("policy.networking.k8s.io/v1alpha2", "clusternetworkpolicies", "ClusterNetworkPolicy", false, "cnp"),
      custom(kNetworkPolicyAlpha1, "adminnetworkpolicies", "AdminNetworkPolicy", false, "anp"),
      custom(kNetworkPolicyAlpha1, "baselineadminnetworkpolicies", "BaselineAdminNetworkPolicy", false, "banp"),
  };
  add_calico(types, "projectcalico.org/v3");
  add_calico(types, "crd.projectcalico.org/v1");
  return types;
}

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    path.remove_prefix(path.front() == '/' ? 1 : 0);
    const std::string_view part = path.substr(0, path.find('/'));
    parts.emplace_back(part);
    path.remove_prefix(part.size());
  }
  return parts;
}

}  // namespace

std::string ResourceType::group() const {
  const std::size_t slash = group_version.find('/');
  return slash == std::string::npos ? std::string() : group_version.substr(0, slash);
}

std::string ResourceType::version() const {
  return group_version.substr(group_version.find('/') + 1);
}

std::string ResourceType::version_path() const {
  return (group().empty() ? "/api/" : "/apis/") + group_version;
}

std::string ResourceType::path() const {
  return version_path() + "/" + plural;
}

std::string ResourceType::qualified_name() const {
  return group().empty() ? plural : plural + "." + group();
}

const std::vector<ResourceType>& all_resource_types() {
  static const std::vector<ResourceType> types = make_types();
  return types;
}

const ResourceType* find_resource_type(std::string_view path) {
  const auto& types = all_resource_types();
  const auto found = std::ranges::find_if(types, [path](const ResourceType& type) { return type.path() == path; });
  return found == types.end() ? nullptr : &*found;
}

const ResourceType* find_resource_type(std::string_view group_version, std::string_view kind) {
  const auto& types = all_resource_types();
  const auto found = std::ranges::find_if(
      types, [&](const ResourceType& type) { return type.group_version == group_version && type.kind == kind; });
  return found == types.end() ? nullptr : &*found;
}

std::optional<ResourcePath> parse_resource_path(std::string_view path) {
  std::vector<std::string> parts = split_path(path);
  const std::size_t head = !parts.empty() && parts[0] == "apis" ? 3 : 2;  // {api, v1} or {apis, group, version}
  if (parts.size() <= head || (parts[0] != "api" && parts[0] != "apis")) return std::nullopt;
  std::string version_path;
  for (std::size_t i = 0; i < head; ++i) version_path += "/" + parts[i];
  ResourcePath found;
  parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(head));
  // "namespaces/shop" alone is the Namespace object itself.
  if (parts[0] == "namespaces" && parts.size() > 2) {
    found.name_space = parts[1];
    parts.erase(parts.begin(), parts.begin() + 2);
  }
  found.type = find_resource_type(version_path + "/" + parts[0]);
  if (found.type == nullptr || parts.size() > 2) return std::nullopt;
  if (!found.name_space.empty() && !found.type->namespaced) return std::nullopt;
  if (parts.size() == 2) found.name = parts[1];
  if (!found.name.empty() && found.type->namespaced && found.name_space.empty()) return std::nullopt;
  return found;
}

}  // namespace tierwall::fake_api
