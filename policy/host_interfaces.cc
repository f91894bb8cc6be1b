#include "policy/host_interfaces.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace tierwall::policy {

namespace {

bool has_any(const NetworkInterface& interface, const std::vector<Address>& addresses) {
  return std::ranges::any_of(
      addresses, [&](const Address& address) { return std::ranges::count(interface.addresses, address) > 0; });
}

/// Interfaces the host endpoint asks for; kAllInterfaces among them stands for itself.
std::vector<std::string> wanted_interfaces(const Snapshot& snapshot, const HostEndpoint& endpoint) {
  if (!endpoint.interface_name.empty()) return {endpoint.interface_name};
  std::vector<std::string> wanted;
  for (const auto& [name, interface] : snapshot.interfaces) {
    if (has_any(interface, endpoint.expected_addresses)) wanted.push_back(name);
  }
  return wanted;
}

std::string print_interface(const std::string& name) {
  return name == kAllInterfaces ? "all interfaces" : "interface '" + name + "'";
}

/// Remarks on host endpoints of this node whose interfaces are not what their author will have expected.
void remark_on_absence(const Snapshot& snapshot, const HostEndpoint& endpoint, const std::vector<std::string>& wanted,
                       std::vector<std::string>& remarks) {
  if (snapshot.interfaces.empty() || endpoint.interface_name == kAllInterfaces) return;
  if (endpoint.interface_name.empty()) {
    if (!wanted.empty()) return;
    remarks.push_back("HostEndpoint " + endpoint.name +
                      ": no interface of this node has an address of its expectedIPs");
  } else if (snapshot.interfaces.count(endpoint.interface_name) == 0) {
    remarks.push_back("HostEndpoint " + endpoint.name + ": this node has no interface '" + endpoint.interface_name +
                      "' (yet)");
  }
}

}  // namespace

std::vector<ResolvedHostEndpoint> find_governed(const Snapshot& snapshot, const std::optional<std::string>& node,
                                                std::vector<std::string>& remarks) {
  std::vector<ResolvedHostEndpoint> governed;
  std::map<std::pair<std::string, std::string>, std::string> governor;  // by node and interface
  for (const auto& [name, endpoint] : snapshot.host_endpoints) {
    if (node && endpoint.node != *node) continue;
    ResolvedHostEndpoint resolved{.name = name, .node = endpoint.node, .interfaces = {}, .treatments = {}};
    const std::vector<std::string> wanted = wanted_interfaces(snapshot, endpoint);
    for (const std::string& interface : wanted) {
      const auto [first, added] = governor.try_emplace({endpoint.node, interface}, name);
      if (!added) {
        remarks.push_back("HostEndpoint " + name + ": " + print_interface(interface) + " of node " + endpoint.node +
                          " is governed by HostEndpoint " + first->second + ", whose name comes first");
      } else if (interface == kAllInterfaces) {
        resolved.all_interfaces = true;
      } else {
        resolved.interfaces.push_back(interface);
      }
    }
    if (node) remark_on_absence(snapshot, endpoint, wanted, remarks);
    if (resolved.all_interfaces || !resolved.interfaces.empty()) governed.push_back(std::move(resolved));
  }
  std::ranges::sort(governed, [](const ResolvedHostEndpoint& left, const ResolvedHostEndpoint& right) {
    return std::tie(left.node, left.name) < std::tie(right.node, right.name);
  });
  return governed;
}

}  // namespace tierwall::policy
