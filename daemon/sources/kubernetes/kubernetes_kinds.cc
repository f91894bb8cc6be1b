#include "daemon/sources/kubernetes/kubernetes_kinds.h"

#include <fmt/format.h>

namespace tierwall::daemon {

namespace {

/// Every object has these.
std::vector<std::string_view> with_identity(std::vector<std::string_view> paths) {
  for (const std::string_view path :
       {"apiVersion", "kind", "metadata.name", "metadata.namespace", "metadata.labels", "metadata.resourceVersion"}) {
    paths.push_back(path);
  }
  return paths;
}

}  // namespace

const Projection& projection_of(Kept kept) {
  static const Projection kMetadata = Projection::only(with_identity({}));
  static const Projection kPod = Projection::only(
      with_identity({"metadata.creationTimestamp", "metadata.deletionTimestamp", "spec.nodeName", "spec.hostNetwork",
                     "spec.serviceAccountName", "spec.containers[].ports", "spec.initContainers[].ports",
                     "status.phase", "status.podIP", "status.podIPs", "status.hostIP"}));
  static const Projection kNode =
      Projection::only(with_identity({"spec.podCIDR", "spec.podCIDRs", "status.addresses"}));
  static const Projection kService =
      Projection::only(with_identity({"spec.type", "spec.clusterIP", "spec.clusterIPs"}));
  static const Projection kEndpointSlice =
      Projection::only(with_identity({"addressType", "endpoints[].addresses", "ports"}));
  static const Projection kPolicy = Projection::whole({"metadata.managedFields"});
  switch (kept) {
    case Kept::Metadata:
      return kMetadata;
    case Kept::Pod:
      return kPod;
    case Kept::Node:
      return kNode;
    case Kept::Service:
      return kService;
    case Kept::EndpointSlice:
      return kEndpointSlice;
    case Kept::Policy:
      break;
  }
  return kPolicy;
}

std::string KubernetesKind::group_path() const {
  return fmt::format("/{}/{}", api_version.find('/') == std::string_view::npos ? "api" : "apis", api_version);
}

std::string KubernetesKind::collection_path(std::string_view ns) const {
  if (ns.empty()) return fmt::format("{}/{}", group_path(), plural);
  return fmt::format("{}/namespaces/{}/{}", group_path(), ns, plural);
}

std::string KubernetesKind::object_path(std::string_view ns, std::string_view name) const {
  return fmt::format("{}/{}", collection_path(ns), name);
}

}  // namespace tierwall::daemon
