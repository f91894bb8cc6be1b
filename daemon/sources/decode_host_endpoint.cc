#include "daemon/sources/decode_host_endpoint.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "daemon/sources/decode_alternatives.h"

namespace tierwall::daemon {

namespace {

/// As the kernel has them: 16 bytes with the end.
constexpr std::size_t kLongestInterfaceName = 15;

/// Calico's rule, and beyond it "@" and ":", which names of VLAN and alias interfaces can have.
bool is_interface_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_.-@:").find(c) != std::string_view::npos;
  };
  return !name.empty() && name.size() <= kLongestInterfaceName && name != "." && name != ".." &&
         std::ranges::all_of(name, allowed);
}

void read_interface_name(const Cursor& at, policy::HostEndpoint& endpoint) {
  const auto name = at.text();
  if (!name) return;
  if (!name->empty() && *name != policy::kAllInterfaces && !is_interface_name(*name)) {
    at.error(fmt::format("{} is no interface name: '*', or at most {} of a-z, A-Z, 0-9 and _.-@:", quote(*name),
                         kLongestInterfaceName));
    return;
  }
  endpoint.interface_name = *name;
}

void read_expected_addresses(const Cursor& at, policy::HostEndpoint& endpoint) {
  for_each_item(at, [&](const Cursor& item) {
    const auto text = item.text();
    if (!text) return;
    const auto address = policy::parse_address(*text);
    if (!address) return item.error(address.error().message);
    endpoint.expected_addresses.push_back(*address);
  });
  std::ranges::sort(endpoint.expected_addresses);
  const auto repeated = std::unique(endpoint.expected_addresses.begin(), endpoint.expected_addresses.end());
  endpoint.expected_addresses.erase(repeated, endpoint.expected_addresses.end());
}

void read_profiles(const Cursor& at, policy::HostEndpoint& endpoint) {
  for_each_item(at, [&](const Cursor& item) {
    auto name = item.text();
    if (!name) return;
    if (name->empty()) return item.error("is empty");
    if (std::ranges::count(endpoint.profiles, *name) == 0) endpoint.profiles.push_back(*std::move(name));
  });
}

void read_ports(const Cursor& at, policy::HostEndpoint& endpoint) {
  for_each_item(at, [&](const Cursor& item) {
    std::string name;
    std::optional<policy::Protocol> protocol;
    std::optional<std::uint16_t> port;
    const std::size_t before = item.errors();
    read_fields(item, {{"name", [&](const Cursor& c) { name = c.text().value_or(""); }},
                       {"protocol", [&](const Cursor& c) { protocol = read_transport(c); }},
                       {"port", [&](const Cursor& c) { port = read_port_number(c); }}});
    if (item.errors() != before) return;
    if (name.empty() || !protocol || !port) return item.error("needs name, protocol and port");
    endpoint.ports.push_back({std::move(name), *protocol, *port});
  });
}

}  // namespace

std::optional<policy::Resource> decode_host_endpoint(const Cursor& object, const Metadata& metadata) {
  policy::HostEndpoint endpoint{.name = metadata.name, .labels = metadata.labels};
  bool is_object = true;
  const std::size_t before = object.errors();
  read_spec(object, [&](const Cursor& spec) {
    is_object = read_fields(spec, {{"node", [&](const Cursor& c) { endpoint.node = c.text().value_or(""); }},
                                   {"interfaceName", [&](const Cursor& c) { read_interface_name(c, endpoint); }},
                                   {"expectedIPs", [&](const Cursor& c) { read_expected_addresses(c, endpoint); }},
                                   {"profiles", [&](const Cursor& c) { read_profiles(c, endpoint); }},
                                   {"ports", [&](const Cursor& c) { read_ports(c, endpoint); }}});
  });
  if (!is_object) return std::nullopt;
  const bool complete =
      !endpoint.node.empty() && (!endpoint.interface_name.empty() || !endpoint.expected_addresses.empty());
  if (complete) return endpoint;
  if (object.errors() == before) {
    object.error(endpoint.node.empty() ? "spec.node is missing: a host endpoint belongs to a node"
                                       : "spec needs interfaceName or expectedIPs");
  }
  return std::nullopt;
}

}  // namespace tierwall::daemon
