// Service of v1 and EndpointSlice of discovery.k8s.io/v1: what a rule that names a Service stands for.

#include <utility>

#include "daemon/sources/decode_address.h"
#include "daemon/sources/decode_alternatives.h"
#include "daemon/sources/decode_kubernetes.h"

namespace tierwall::daemon {

namespace {

constexpr std::string_view kServiceNameLabel = "kubernetes.io/service-name";
constexpr std::string_view kHeadless = "None";
constexpr std::string_view kNamesInsteadOfAddresses = "FQDN";

void read_cluster_address(const Cursor& at, std::vector<policy::Address>& addresses) {
  if (at.node().text == kHeadless) return;
  if (const auto address = read_address(at)) addresses.push_back(*address);
}

void read_service_spec(const Cursor& at, policy::Service& service) {
  std::vector<policy::Address> single;
  const auto read_all = [&service](const Cursor& c) {
    for_each_item(c, [&service](const Cursor& item) { read_cluster_address(item, service.cluster_addresses); });
  };
  read_fields(at, {{"clusterIP", [&](const Cursor& c) { read_cluster_address(c, single); }}, {"clusterIPs", read_all}},
              UnknownFields::Ignored);
  if (service.cluster_addresses.empty()) service.cluster_addresses = std::move(single);
}

void read_endpoint(const Cursor& at, policy::EndpointSlice& slice) {
  const auto read_addresses = [&slice](const Cursor& c) {
    for_each_item(c, [&slice](const Cursor& item) {
      if (const auto address = read_address(item)) slice.addresses.push_back(*address);
    });
  };
  read_fields(at, {{"addresses", read_addresses}}, UnknownFields::Ignored);
}

/// A port without a number belongs to something that only other programs understand.
void read_endpoint_port(const Cursor& at, policy::EndpointSlice& slice) {
  policy::EndpointPort port;
  const std::size_t before = at.errors();
  read_fields(at,
              {{"protocol", [&](const Cursor& c) { port.protocol = read_transport(c).value_or(policy::kTcp); }},
               {"port", [&](const Cursor& c) { port.port = read_port_number(c).value_or(0); }}},
              UnknownFields::Ignored);
  if (at.errors() == before && port.port != 0) slice.ports.push_back(port);
}

}  // namespace

std::optional<policy::Resource> decode_service(const Cursor& object, const Metadata& metadata) {
  policy::Service service;
  service.ns = metadata.ns;
  service.name = metadata.name;
  if (const auto spec = object.find("spec")) read_service_spec(*spec, service);
  return service;
}

std::optional<policy::Resource> decode_endpoint_slice(const Cursor& object, const Metadata& metadata) {
  policy::EndpointSlice slice;
  slice.ns = metadata.ns;
  slice.name = metadata.name;
  slice.service = metadata.labels.find(kServiceNameLabel).value_or("");
  const auto type = object.find("addressType");
  const bool of_names = type && type->node().text == kNamesInsteadOfAddresses;
  const auto endpoints = object.find("endpoints");
  if (endpoints && !of_names) for_each_item(*endpoints, [&slice](const Cursor& item) { read_endpoint(item, slice); });
  if (const auto ports = object.find("ports"))
    for_each_item(*ports, [&slice](const Cursor& item) { read_endpoint_port(item, slice); });
  return slice;
}

}  // namespace tierwall::daemon
