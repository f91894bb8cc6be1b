#include "daemon/sources/decode_kubernetes.h"

#include <utility>

#include <fmt/format.h>

#include "daemon/sources/decode_address.h"
#include "daemon/sources/decode_alternatives.h"

namespace tierwall::daemon {

namespace {

constexpr std::string_view kNamespaceNameLabel = "kubernetes.io/metadata.name";

constexpr Choice<policy::PodPhase> kPhases[] = {{"Pending", policy::PodPhase::Pending},
                                                {"Running", policy::PodPhase::Running},
                                                {"Succeeded", policy::PodPhase::Succeeded},
                                                {"Failed", policy::PodPhase::Failed},
                                                {"Unknown", policy::PodPhase::Unknown}};

void read_container_port(const Cursor& at, policy::Pod& pod) {
  policy::ContainerPort port;
  const std::size_t before = at.errors();
  read_fields(at,
              {{"name", [&](const Cursor& c) { port.name = c.text().value_or(""); }},
               {"protocol", [&](const Cursor& c) { port.protocol = read_transport(c).value_or(policy::kTcp); }},
               {"containerPort", [&](const Cursor& c) { port.port = read_port_number(c).value_or(0); }}},
              UnknownFields::Ignored);
  if (at.errors() != before) return;
  if (port.port == 0) {
    at.missing("containerPort");
    return;
  }
  pod.ports.push_back(std::move(port));
}

void read_containers(const Cursor& at, policy::Pod& pod) {
  const auto read_ports = [&pod](const Cursor& c) {
    for_each_item(c, [&pod](const Cursor& port) { read_container_port(port, pod); });
  };
  for_each_item(at, [&](const Cursor& container) {
    read_fields(container, {{"ports", read_ports}}, UnknownFields::Ignored);
  });
}

void read_pod_spec(const Cursor& at, policy::Pod& pod) {
  read_fields(at,
              {{"nodeName", [&](const Cursor& c) { pod.node = c.text().value_or(""); }},
               {"hostNetwork", [&](const Cursor& c) { pod.host_network = c.boolean().value_or(false); }},
               {"serviceAccountName",
                [&](const Cursor& c) {
                  const auto account = c.text();
                  if (account && !account->empty()) pod.service_account = *account;
                }},
               {"containers", [&](const Cursor& c) { read_containers(c, pod); }},
               {"initContainers", [&](const Cursor& c) { read_containers(c, pod); }}},
              UnknownFields::Ignored);
}

void read_pod_addresses(const Cursor& at, policy::Pod& pod) {
  const auto read_ip = [&pod](const Cursor& c) {
    if (const auto address = read_address(c)) pod.addresses.push_back(*address);
  };
  for_each_item(at, [&](const Cursor& item) { read_fields(item, {{"ip", read_ip}}, UnknownFields::Ignored); });
}

void read_pod_status(const Cursor& at, policy::Pod& pod) {
  std::optional<policy::Address> single;
  read_fields(
      at,
      {{"phase", [&](const Cursor& c) { pod.phase = read_choice(c, kPhases).value_or(policy::PodPhase::Unknown); }},
       {"podIP", [&](const Cursor& c) { single = read_address(c); }},
       {"podIPs", [&](const Cursor& c) { read_pod_addresses(c, pod); }},
       {"hostIP", [&](const Cursor& c) { pod.host_address = read_address(c); }}},
      UnknownFields::Ignored);
  if (pod.addresses.empty() && single) pod.addresses.push_back(*single);
}

void read_node_address(const Cursor& at, policy::Node& node) {
  std::string type;
  read_fields(at, {{"type", [&](const Cursor& c) { type = c.text().value_or(""); }}, {"address", ignore_field}},
              UnknownFields::Ignored);
  const auto written = at.find("address");
  if (!written || (type != "InternalIP" && type != "ExternalIP")) return;  // the others are names
  if (const auto address = read_address(*written)) node.addresses.push_back(*address);
}

void read_node_status(const Cursor& at, policy::Node& node) {
  const auto read_addresses = [&node](const Cursor& c) {
    for_each_item(c, [&node](const Cursor& item) { read_node_address(item, node); });
  };
  read_fields(at, {{"addresses", read_addresses}}, UnknownFields::Ignored);
}

void read_pod_cidr(const Cursor& at, std::vector<policy::Prefix>& cidrs) {
  const auto text = at.text();
  if (!text || text->empty()) return;
  const auto prefix = policy::parse_prefix(*text);
  if (prefix)
    cidrs.push_back(*prefix);
  else
    at.error(prefix.error().message);
}

void read_node_spec(const Cursor& at, policy::Node& node) {
  std::vector<policy::Prefix> single;
  const auto read_all = [&node](const Cursor& c) {
    for_each_item(c, [&node](const Cursor& item) { read_pod_cidr(item, node.pod_cidrs); });
  };
  read_fields(at, {{"podCIDR", [&](const Cursor& c) { read_pod_cidr(c, single); }}, {"podCIDRs", read_all}},
              UnknownFields::Ignored);
  if (node.pod_cidrs.empty()) node.pod_cidrs = std::move(single);
}

}  // namespace

std::optional<policy::Resource> decode_namespace(const Cursor& object, const Metadata& metadata) {
  policy::Namespace result{.name = metadata.name, .labels = metadata.labels};
  const auto written = metadata.labels.find(kNamespaceNameLabel);
  // The API server sets this label whatever was written; nearly every policy relies on it.
  if (written && *written != metadata.name)
    object.warning(
        fmt::format("the label {} is always the namespace's name, not {}", kNamespaceNameLabel, quote(*written)));
  result.labels.set(std::string(kNamespaceNameLabel), metadata.name);
  return result;
}

std::optional<policy::Resource> decode_service_account(const Cursor&, const Metadata& metadata) {
  return policy::ServiceAccount{.ns = metadata.ns, .name = metadata.name, .labels = metadata.labels};
}

std::optional<policy::Resource> decode_pod(const Cursor& object, const Metadata& metadata) {
  policy::Pod pod;
  pod.ns = metadata.ns;
  pod.name = metadata.name;
  pod.labels = metadata.labels;
  pod.created = metadata.created.count();
  if (const auto spec = object.find("spec")) read_pod_spec(*spec, pod);
  if (const auto status = object.find("status")) read_pod_status(*status, pod);
  return pod;
}

std::optional<policy::Resource> decode_node(const Cursor& object, const Metadata& metadata) {
  policy::Node node;
  node.name = metadata.name;
  node.labels = metadata.labels;
  if (const auto spec = object.find("spec")) read_node_spec(*spec, node);
  if (const auto status = object.find("status")) read_node_status(*status, node);
  return node;
}

}  // namespace tierwall::daemon
