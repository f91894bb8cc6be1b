#include "daemon/sources/kubernetes/kubernetes_kinds.h"

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
  std::string path = api_version.find('/') == std::string_view::npos ? "/api/" : "/apis/";
  path += api_version;
  return path;
}

std::string KubernetesKind::collection_path(std::string_view ns) const {
  std::string path = group_path();
  if (!ns.empty()) {
    path += "/namespaces/";
    path += ns;
  }
  path += '/';
  path += plural;
  return path;
}

std::string KubernetesKind::object_path(std::string_view ns, std::string_view name) const {
  std::string path = collection_path(ns);
  path += '/';
  path += name;
  return path;
}

}  // namespace tierwall::daemon
