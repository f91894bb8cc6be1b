#include "daemon/sources/auto_host_endpoint.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace tierwall::daemon {

namespace {

using Change = policy::ResourceEvent::Change;

constexpr const char* kCreatedByLabel = "projectcalico.org/created-by";
constexpr const char* kCreator = "tierwalld";

/// Not 127.0.0.0/8, ::1 or 169.254.0.0/16. (Link-local IPv6 addresses count for no interface.)
bool means_the_node(const policy::Address& address) {
  if (address.family == policy::Family::V4) {
    return address.bytes[0] != 127 && !(address.bytes[0] == 169 && address.bytes[1] == 254);
  }
  policy::Address loopback{.family = policy::Family::V6};
  loopback.bytes[15] = 1;
  return address != loopback;
}

policy::ResourceEvent event_of(const policy::HostEndpoint& endpoint, Change change) {
  policy::ResourceEvent event{.source = std::string(kAutoSource), .key = policy::key_of(endpoint), .change = change};
  if (change == Change::Upsert) event.resource = endpoint;
  return event;
}

}  // namespace

std::vector<policy::Address> addresses_of_interfaces(const policy::Snapshot& world) {
  std::vector<policy::Address> addresses;
  for (const auto& [name, interface] : world.interfaces) {
    std::ranges::copy_if(interface.addresses, std::back_inserter(addresses), means_the_node);
  }
  return addresses;
}

policy::HostEndpoint make_auto_host_endpoint(const policy::Snapshot& world, const std::string& node) {
  policy::HostEndpoint endpoint{.name = node + "-auto-hep", .node = node};
  endpoint.interface_name = policy::kAllInterfaces;
  endpoint.profiles = {std::string(policy::kAllowProfile)};
  const auto known = world.nodes.find(node);
  if (known != world.nodes.end()) {
    endpoint.labels = known->second.labels;
    endpoint.expected_addresses = known->second.addresses;
  }
  endpoint.labels.set(kCreatedByLabel, kCreator);
  if (endpoint.expected_addresses.empty()) endpoint.expected_addresses = addresses_of_interfaces(world);
  std::ranges::sort(endpoint.expected_addresses);
  const auto repeated = std::unique(endpoint.expected_addresses.begin(), endpoint.expected_addresses.end());
  endpoint.expected_addresses.erase(repeated, endpoint.expected_addresses.end());
  return endpoint;
}

std::vector<policy::ResourceEvent> AutoHostEndpoint::follow(const policy::Snapshot& world,
                                                            const std::optional<std::string>& node) {
  std::optional<policy::HostEndpoint> wanted;
  if (node) wanted = make_auto_host_endpoint(world, *node);
  if (wanted == told_) return {};
  std::vector<policy::ResourceEvent> events;
  if (told_ && (!wanted || wanted->name != told_->name)) events.push_back(event_of(*told_, Change::Gone));
  if (wanted) events.push_back(event_of(*wanted, Change::Upsert));
  told_ = std::move(wanted);
  return events;
}

}  // namespace tierwall::daemon
