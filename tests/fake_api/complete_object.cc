#include "tests/fake_api/complete_object.h"

#include <array>
#include <cstdio>
#include <ctime>
#include <string>

namespace tierwall::fake_api {

namespace {

using nlohmann::json;

std::string timestamp_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

std::string uid_of(std::uint64_t serial) {
  std::array<char, 48> text{};
  const int size = std::snprintf(text.data(), text.size(), "0a1b2c3d-%04x-4000-8000-%012llx",
                                 static_cast<unsigned>(serial >> 48), static_cast<unsigned long long>(serial));
  return {text.data(), static_cast<std::size_t>(size)};
}

void set_default(json& object, const char* key, json value) {
  json& field = object[key];
  if (field.is_null()) field = std::move(value);
}

/// {"f:spec": {"f:podSelector": {}}}: two levels, about as long as the real thing.
json owned_fields(const json& object) {
  json owned = json::object();
  for (const auto& [key, value] : object.items()) {
    if (key == "apiVersion" || key == "kind") continue;
    json& inner = owned["f:" + key] = json::object();
    if (!value.is_object()) continue;
    for (const auto& [name, unused] : value.items()) {
      if (name != "name" && name != "namespace") inner["f:" + name] = json::object();
    }
  }
  return owned;
}

json managed_fields(const ResourceType& type, const json& object, const json& time) {
  return json::array({{{"manager", "kubectl-client-side-apply"},
                       {"operation", "Update"},
                       {"apiVersion", type.group_version},
                       {"time", time},
                       {"fieldsType", "FieldsV1"},
                       {"fieldsV1", owned_fields(object)}}});
}

void default_ports(json& rules) {
  for (json& rule : rules) {
    if (!rule.is_object() || !rule.contains("ports")) continue;
    for (json& port : rule["ports"]) set_default(port, "protocol", "TCP");
  }
}

void default_network_policy(json& object) {
  json& spec = object["spec"];
  if (spec.is_null()) spec = json::object();
  if (spec.contains("ingress")) default_ports(spec["ingress"]);
  if (spec.contains("egress")) default_ports(spec["egress"]);
  json& types = spec["policyTypes"];
  if (!types.is_null() && !types.empty()) return;
  types = json::array({"Ingress"});
  if (spec.contains("egress") && !spec["egress"].empty()) types.push_back("Egress");
}

void default_pod(json& object) {
  json& spec = object["spec"];
  set_default(spec, "serviceAccountName", "default");
  set_default(spec, "containers", json::array());
  json& status = object["status"];
  set_default(status, "phase", "Pending");
  if (status.contains("podIP") && !status.contains("podIPs")) {
    status["podIPs"] = json::array({{{"ip", status["podIP"]}}});
  }
  if (status.contains("podIPs") && !status["podIPs"].empty()) status["podIP"] = status["podIPs"][0]["ip"];
}

void default_namespace(json& object) {
  json& metadata = object["metadata"];
  metadata["labels"]["kubernetes.io/metadata.name"] = metadata.at("name");
  set_default(object["spec"], "finalizers", json::array({"kubernetes"}));
  set_default(object["status"], "phase", "Active");
}

void apply_defaults(const ResourceType& type, json& object) {
  if (type.group_version == "networking.k8s.io/v1" && type.kind == "NetworkPolicy") default_network_policy(object);
  if (type.group_version == "v1" && type.kind == "Pod") default_pod(object);
  if (type.group_version == "v1" && type.kind == "Namespace") default_namespace(object);
}

bool counts_generations(const ResourceType& type) {
  return !type.group().empty();
}

}  // namespace

json complete_object(const ResourceType& type, json object, const json* former, std::uint64_t serial) {
  json& metadata = object["metadata"];
  if (type.namespaced) set_default(metadata, "namespace", "default");
  apply_defaults(type, object);
  for (const char* system : {"managedFields", "uid", "generation", "resourceVersion"}) metadata.erase(system);
  const json since = former == nullptr ? json(timestamp_now()) : former->at("metadata").at("creationTimestamp");
  const json fields = managed_fields(type, object, since);
  if (former == nullptr) {
    metadata["uid"] = uid_of(serial);
    set_default(metadata, "creationTimestamp", timestamp_now());
    if (counts_generations(type)) metadata["generation"] = 1;
  } else {
    const json& before = former->at("metadata");
    metadata["uid"] = before.at("uid");
    set_default(metadata, "creationTimestamp", before.at("creationTimestamp"));
    const bool same = former->value("spec", json()) == object.value("spec", json());
    if (counts_generations(type)) metadata["generation"] = before.at("generation").get<int>() + (same ? 0 : 1);
  }
  metadata["managedFields"] = fields;
  return object;
}

}  // namespace tierwall::fake_api
