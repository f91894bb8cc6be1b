#include "daemon/ctl/rule_words.h"

#include <optional>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "daemon/ctl/terminal.h"

namespace tierwall::daemon::ctl {

namespace {

std::string print_nets(const policy::RangeSet& nets) {
  std::vector<std::string> items;
  for (const policy::AddressRange& range : nets.ranges()) items.push_back(policy::print_range(range));
  return items.empty() ? "no net" : join(items, " or ");
}

/// "port 80 or 443 or port 'http' of ...": sets of services say by themselves that they are ports.
std::string list_ports(const policy::ResolvedPorts& ports, const policy::NodePolicy& policy) {
  std::vector<std::string> items;
  for (const policy::PortRange range : ports.ranges) items.push_back(policy::print_port_range(range));
  for (const policy::SetId id : ports.services) items.push_back(policy.service_sets[id].description);
  return (ports.ranges.empty() ? "" : "port ") + join(items, " or ");
}

/// What must be true of one side, "from" or "to" it; empty: anything.
std::string print_peer(const policy::ResolvedPeer& peer, std::string_view preposition,
                       const policy::NodePolicy& policy) {
  std::string words;
  const auto add = [&](std::string_view before, const std::string& what) {
    words += fmt::format(" {} {}{}", words.empty() ? preposition : "and", before, what);
  };
  if (peer.in_set) add("", policy.address_sets[*peer.in_set].description);
  if (peer.not_in_set) add("not ", policy.address_sets[*peer.not_in_set].description);
  if (peer.nets) add("", print_nets(*peer.nets));
  if (peer.not_nets) add("not ", print_nets(*peer.not_nets));
  if (!peer.ports.empty()) add("", list_ports(peer.ports, policy));
  if (!peer.not_ports.empty()) add("not ", list_ports(peer.not_ports, policy));
  return words;
}

std::string print_icmp_type(const policy::Icmp& icmp) {
  if (!icmp.type) return "";
  return icmp.code ? fmt::format(" type {} code {}", *icmp.type, *icmp.code) : fmt::format(" type {}", *icmp.type);
}

}  // namespace

std::string print_rule(const policy::ResolvedRule& rule, const policy::NodePolicy& policy) {
  std::string words(policy::print_action(rule.action));
  if (!rule.understood) return words + (rule.action == policy::Action::Deny ? " (not understood)" : " nothing");
  if (rule.family) words += *rule.family == policy::Family::V4 ? " IPv4" : " IPv6";
  if (rule.protocol) words += " " + policy::print_protocol(*rule.protocol);
  if (rule.icmp) words += print_icmp_type(*rule.icmp);
  if (rule.not_protocol) words += " all but " + policy::print_protocol(*rule.not_protocol);
  if (rule.not_icmp) words += " but not" + print_icmp_type(*rule.not_icmp);
  return words + print_peer(rule.source, "from", policy) + print_peer(rule.destination, "to", policy);
}

std::string print_types(const policy::Policy& policy) {
  if (policy.applies_to_ingress && policy.applies_to_egress) return "Ingress, Egress";
  return policy.applies_to_ingress ? "Ingress" : "Egress";
}

std::string print_labels(const policy::Labels& labels) {
  std::vector<std::string> words;
  for (const auto& [key, value] : labels.entries()) words.push_back(fmt::format("{}={}", key, value));
  return join(words, ", ");
}

}  // namespace tierwall::daemon::ctl
