#include "tests/fake_api/discovery.h"

#include <algorithm>
#include <map>
#include <vector>

namespace tierwall::fake_api {

namespace {

using Json = nlohmann::ordered_json;

/// The versions of each group that have something to serve, in the order of the table; the core group is left out.
std::map<std::string, std::vector<std::string>> served_versions(const ObjectStore& store) {
  std::map<std::string, std::vector<std::string>> groups;
  for (const ResourceType& type : all_resource_types()) {
    if (type.group().empty() || !store.served(type)) continue;
    auto& versions = groups[type.group()];
    if (std::ranges::find(versions, type.version()) == versions.end()) versions.push_back(type.version());
  }
  return groups;
}

Json group_body(const std::string& group, const std::vector<std::string>& versions) {
  Json list = Json::array();
  for (const std::string& version : versions) {
    list.push_back({{"groupVersion", group + "/" + version}, {"version", version}});
  }
  Json body{{"name", group}, {"versions", list}, {"preferredVersion", list.front()}};
  return body;
}

std::string core_versions() {
  const Json addresses = Json::array({{{"clientCIDR", "0.0.0.0/0"}, {"serverAddress", "127.0.0.1:6443"}}});
  return Json{{"kind", "APIVersions"}, {"versions", {"v1"}}, {"serverAddressByClientCIDRs", addresses}}.dump();
}

std::string group_list(const ObjectStore& store) {
  Json groups = Json::array();
  for (const auto& [group, versions] : served_versions(store)) groups.push_back(group_body(group, versions));
  return Json{{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", groups}}.dump();
}

std::optional<std::string> one_group(const ObjectStore& store, const std::string& group) {
  const auto groups = served_versions(store);
  const auto found = groups.find(group);
  if (found == groups.end()) return std::nullopt;
  Json document{{"kind", "APIGroup"}, {"apiVersion", "v1"}};
  document.update(group_body(group, found->second));
  return document.dump();
}

Json resource_body(const ResourceType& type) {
  Json body{{"name", type.plural},
            {"singularName", type.singular},
            {"namespaced", type.namespaced},
            {"kind", type.kind},
            {"verbs", {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}}};
  if (!type.short_name.empty()) body["shortNames"] = Json::array({type.short_name});
  return body;
}

std::optional<std::string> resource_list(const ObjectStore& store, const std::string& path) {
  Json resources = Json::array();
  std::string group_version;
  for (const ResourceType& type : all_resource_types()) {
    if (type.version_path() != path || !store.served(type)) continue;
    group_version = type.group_version;
    resources.push_back(resource_body(type));
  }
  if (resources.empty()) return std::nullopt;
  return Json{
      {"kind", "APIResourceList"}, {"apiVersion", "v1"}, {"groupVersion", group_version}, {"resources", resources}}
      .dump();
}

}  // namespace

std::optional<std::string> discovery_document(const ObjectStore& store, const std::string& path) {
  constexpr std::string_view kGroups = "/apis/";
  if (path == "/api") return core_versions();
  if (path == "/apis") return group_list(store);
  if (path.starts_with(kGroups) && path.find('/', kGroups.size()) == std::string::npos) {
    return one_group(store, path.substr(kGroups.size()));
  }
  return resource_list(store, path);
}

}  // namespace tierwall::fake_api
