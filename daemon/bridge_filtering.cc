#include "daemon/bridge_filtering.h"

#include <algorithm>

#include <fmt/format.h>

#include "daemon/sources/load_world.h"

namespace tierwall::daemon {

namespace {

bool is_of_pods(const policy::Address& address, const std::vector<policy::Prefix>& pod_cidrs) {
  return std::ranges::any_of(pod_cidrs, [&](const policy::Prefix& cidr) { return cidr.contains(address); });
}

/// Why bridged packets of this family do not come by; absent if they do.
std::optional<std::string> find_obstacle(policy::Family family, const std::string& proc) {
  const char* name = family == policy::Family::V4 ? "bridge-nf-call-iptables" : "bridge-nf-call-ip6tables";
  const std::string path = fmt::format("{}/sys/net/bridge/{}", proc, name);
  const Result<std::string> setting = read_file(path);
  if (!setting) return fmt::format("the kernel module br_netfilter is not loaded ({} does not exist)", path);
  if (setting->starts_with('0')) return fmt::format("{} is 0", path);
  return std::nullopt;
}

}  // namespace

std::optional<std::string> find_unseen_bridge(const std::vector<policy::NetworkInterface>& bridges,
                                              const std::vector<policy::Prefix>& pod_cidrs, const std::string& proc) {
  for (const policy::NetworkInterface& bridge : bridges) {
    for (const policy::Address& address : bridge.addresses) {
      if (!is_of_pods(address, pod_cidrs)) continue;
      if (const auto obstacle = find_obstacle(address.family, proc)) {
        return fmt::format("pods are on bridge '{}' ({}), but {}: what they send each other on this node is not judged",
                           bridge.name, policy::print_address(address), *obstacle);
      }
    }
  }
  return std::nullopt;
}

}  // namespace tierwall::daemon
