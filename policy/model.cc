#include "policy/model.h"

namespace tierwall::policy {

namespace {

struct KindRow {
  Kind kind;
  std::string_view name;
  std::string_view written;  ///< in manifests
  bool namespaced;
};

constexpr KindRow kKinds[] = {
    {Kind::Namespace, "Namespace", "Namespace", false},
    {Kind::ServiceAccount, "ServiceAccount", "ServiceAccount", true},
    {Kind::Pod, "Pod", "Pod", true},
    {Kind::PodSandbox, "PodSandbox", "PodSandbox", true},
    {Kind::Node, "Node", "Node", false},
    {Kind::Service, "Service", "Service", true},
    {Kind::EndpointSlice, "EndpointSlice", "EndpointSlice", true},
    {Kind::NetworkInterface, "NetworkInterface", "NetworkInterface", false},
    {Kind::HostEndpoint, "HostEndpoint", "HostEndpoint", false},
    {Kind::Tier, "Tier", "Tier", false},
    {Kind::Profile, "Profile", "Profile", false},
    {Kind::GlobalNetworkSet, "GlobalNetworkSet", "GlobalNetworkSet", false},
    {Kind::NetworkSet, "NetworkSet", "NetworkSet", true},
    {Kind::GlobalNetworkPolicy, "GlobalNetworkPolicy", "GlobalNetworkPolicy", false},
    {Kind::NetworkPolicy, "NetworkPolicy", "NetworkPolicy", true},
    {Kind::KubernetesNetworkPolicy, "KubernetesNetworkPolicy", "NetworkPolicy", true},
    {Kind::KubernetesClusterNetworkPolicy, "KubernetesClusterNetworkPolicy", "ClusterNetworkPolicy", false},
    {Kind::KubernetesAdminNetworkPolicy, "KubernetesAdminNetworkPolicy", "AdminNetworkPolicy", false},
    {Kind::KubernetesBaselineAdminNetworkPolicy, "KubernetesBaselineAdminNetworkPolicy", "BaselineAdminNetworkPolicy",
     false},
    {Kind::StagedGlobalNetworkPolicy, "StagedGlobalNetworkPolicy", "StagedGlobalNetworkPolicy", false},
    {Kind::StagedNetworkPolicy, "StagedNetworkPolicy", "StagedNetworkPolicy", true},
    {Kind::StagedKubernetesNetworkPolicy, "StagedKubernetesNetworkPolicy", "StagedKubernetesNetworkPolicy", true},
};

constexpr bool rows_follow_enum() {
  std::size_t position = 0;
  for (const KindRow& row : kKinds) {
    if (static_cast<std::size_t>(row.kind) != position++) return false;
  }
  return position == static_cast<std::size_t>(Kind::StagedKubernetesNetworkPolicy) + 1;
}
static_assert(rows_follow_enum());

const KindRow& row_of(Kind kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}

/// The key of each alternative of Resource.
struct KeyOf {
  ResourceKey operator()(const Namespace& object) const { return {Kind::Namespace, "", object.name}; }
  ResourceKey operator()(const ServiceAccount& object) const { return {Kind::ServiceAccount, object.ns, object.name}; }
  ResourceKey operator()(const Pod& object) const { return {Kind::Pod, object.ns, object.name}; }
  ResourceKey operator()(const PodSandbox& object) const { return {Kind::PodSandbox, object.ns, object.name}; }
  ResourceKey operator()(const Node& object) const { return {Kind::Node, "", object.name}; }
  ResourceKey operator()(const Service& object) const { return {Kind::Service, object.ns, object.name}; }
  ResourceKey operator()(const EndpointSlice& object) const { return {Kind::EndpointSlice, object.ns, object.name}; }
  ResourceKey operator()(const NetworkInterface& object) const { return {Kind::NetworkInterface, "", object.name}; }
  ResourceKey operator()(const HostEndpoint& object) const { return {Kind::HostEndpoint, "", object.name}; }
  ResourceKey operator()(const Tier& object) const { return {Kind::Tier, "", object.name}; }
  ResourceKey operator()(const Profile& object) const { return {Kind::Profile, "", object.name}; }
  ResourceKey operator()(const NetworkSet& object) const {
    return {object.ns.empty() ? Kind::GlobalNetworkSet : Kind::NetworkSet, object.ns, object.name};
  }
  ResourceKey operator()(const Policy& object) const { return {object.kind, object.ns, object.name}; }
};

}  // namespace

std::string_view print_kind(Kind kind) {
  return row_of(kind).name;
}

std::string_view written_kind(Kind kind) {
  return row_of(kind).written;
}

bool is_namespaced(Kind kind) {
  return row_of(kind).namespaced;
}

std::string print_name(const ResourceKey& key) {
  return key.ns.empty() ? key.name : key.ns + "/" + key.name;
}

std::string print_key(const ResourceKey& key) {
  return std::string(print_kind(key.kind)) + " " + print_name(key);
}

std::string_view print_action(Action action) {
  switch (action) {
    case Action::Allow:
      return "Allow";
    case Action::Deny:
      return "Deny";
    case Action::Pass:
      return "Pass";
    case Action::Log:
      return "Log";
  }
  abort_on_bug("action is one of the four", __FILE__, __LINE__);
}

std::string_view print_direction(Direction direction) {
  return direction == Direction::Ingress ? "ingress" : "egress";
}

std::string namespace_profile(std::string_view ns) {
  return "kns." + std::string(ns);
}

ResourceKey key_of(const Resource& resource) {
  return std::visit(KeyOf{}, resource);
}

}  // namespace tierwall::policy
