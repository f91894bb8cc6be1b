#pragma once
// The resources the fake API server knows, one row each: how they are called in paths and in objects. Faithful to
// kube-apiserver 1.36, the network policy API bundles v0.1 and v0.2, and both forms of Calico's API.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tierwall::fake_api {

struct ResourceType {
  std::string group_version;  ///< "v1", "networking.k8s.io/v1": apiVersion of its objects
  std::string plural;         ///< "networkpolicies"
  std::string singular;       ///< "networkpolicy"
  std::string kind;           ///< "NetworkPolicy"
  std::string short_name;     ///< "netpol"; may be empty
  bool namespaced = true;
  bool built_in = true;  ///< served from the start, and objects in lists carry neither kind nor apiVersion

  [[nodiscard]] std::string group() const;           ///< "" for v1
  [[nodiscard]] std::string version() const;         ///< "v1"
  [[nodiscard]] std::string version_path() const;    ///< "/api/v1", "/apis/networking.k8s.io/v1"
  [[nodiscard]] std::string path() const;            ///< "/apis/networking.k8s.io/v1/networkpolicies"
  [[nodiscard]] std::string qualified_name() const;  ///< "networkpolicies.networking.k8s.io", for messages
};

const std::vector<ResourceType>& all_resource_types();
/// By the path of all its objects; null if there is none.
const ResourceType* find_resource_type(std::string_view path);
const ResourceType* find_resource_type(std::string_view group_version, std::string_view kind);

/// What a path of a request means.
struct ResourcePath {
  const ResourceType* type = nullptr;
  std::string name_space{};  ///< empty: all
  std::string name{};        ///< empty: the collection
};

/// "/api/v1/namespaces/shop/pods/web". Absent if the path is none of a known resource.
std::optional<ResourcePath> parse_resource_path(std::string_view path);

}  // namespace tierwall::fake_api
