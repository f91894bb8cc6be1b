#include "daemon/ctl/traffic_filter.h"

#include <fmt/format.h>

namespace tierwall::daemon::ctl {

namespace {

bool is_pod(const std::string& wanted, const DropEnd& end) {
  if (wanted.empty()) return true;
  return wanted.back() == '/' ? end.pod.starts_with(wanted) : end.pod == wanted;
}

bool is_equal(const std::string& wanted, const std::string& value) {
  return wanted.empty() || wanted == value;
}

}  // namespace

bool TrafficFilter::matches(const Traffic& traffic) const {
  return is_pod(from_pod, traffic.source) && is_pod(to_pod, traffic.destination) &&
         (is_pod(pod, traffic.source) || is_pod(pod, traffic.destination)) &&
         is_equal(from_ip, traffic.source.address) && is_equal(to_ip, traffic.destination.address) &&
         is_equal(proto, traffic.protocol) && is_equal(to_port, std::to_string(traffic.destination_port));
}

std::string name_service(const std::string& protocol, const std::optional<std::string>& icmp, std::uint16_t port) {
  if (icmp) return protocol + " " + *icmp;
  return port == 0 ? protocol : fmt::format("{} {}", protocol, port);
}

std::string name_end(const DropEnd& end) {
  return end.pod.empty() ? end.address : end.pod;
}

}  // namespace tierwall::daemon::ctl
