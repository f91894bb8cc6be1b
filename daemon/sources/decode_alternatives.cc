#include "daemon/sources/decode_alternatives.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

namespace tierwall::daemon {

namespace {

constexpr Choice<policy::Protocol> kTransports[] = {
    {"TCP", policy::kTcp}, {"UDP", policy::kUdp}, {"SCTP", policy::kSctp}};

/// One protocol of a rule, with the ports it names.
struct ProtocolPorts {
  std::optional<policy::Protocol> protocol;  ///< absent: every protocol
  policy::PortList ports;                    ///< empty: all ports
};

/// Absent if no port is of this protocol.
std::optional<ProtocolPorts> ports_of(std::optional<policy::Protocol> protocol, const std::vector<WrittenPort>& all) {
  ProtocolPorts group{.protocol = protocol, .ports = {}};
  bool named = false, whole = false;
  for (const WrittenPort& port : all) {
    if (port.protocol != protocol) continue;
    named = true;
    whole = whole || (!port.range && port.name.empty());
    if (port.range) group.ports.ranges.push_back(*port.range);
    if (!port.name.empty()) group.ports.names.push_back(port.name);
  }
  if (!named) return std::nullopt;
  if (whole) group.ports = {};
  std::vector<std::string>& names = group.ports.names;
  group.ports.ranges = policy::merge_port_ranges(std::move(group.ports.ranges));
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return group;
}

std::vector<ProtocolPorts> group_by_protocol(const Alternatives<WrittenPort>& written) {
  if (!written.restricts) return {ProtocolPorts{}};
  std::vector<ProtocolPorts> groups;
  for (const Choice<policy::Protocol>& transport : kTransports) {
    if (auto group = ports_of(transport.value, written.items)) groups.push_back(*std::move(group));
  }
  if (auto group = ports_of(std::nullopt, written.items)) groups.push_back(*std::move(group));
  return groups;
}

}  // namespace

std::optional<policy::Protocol> read_transport(const Cursor& at) {
  return read_choice(at, kTransports);
}

std::optional<std::uint16_t> read_port_number(const Cursor& at) {
  const auto number = at.integer(1, std::numeric_limits<std::uint16_t>::max());
  if (!number) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

void read_port_name(const Cursor& at, std::string& name) {
  const auto text = at.text();
  if (!text) return;
  name = *text;
  if (!name.empty() && name.find_first_not_of("0123456789") == std::string::npos) {
    at.error(fmt::format("in quotes this is the name of a port; write the number {} without quotes", name));
  } else if (!policy::is_port_name(name)) {
    at.error(fmt::format("{} is no port name: at most 15 of a-z, 0-9 and '-', with a letter among them", quote(name)));
  }
}

void append_rules(policy::Rule rule, policy::Direction direction, const std::vector<policy::Peer>& peers,
                  const Alternatives<WrittenPort>& ports, std::vector<policy::Rule>& rules) {
  const std::vector<ProtocolPorts> groups = group_by_protocol(ports);
  for (const policy::Peer& peer : peers) {
    for (const ProtocolPorts& group : groups) {
      rule.protocol = group.protocol;
      (direction == policy::Direction::Ingress ? rule.source : rule.destination) = peer;
      rule.destination.ports = group.ports;
      rules.push_back(rule);
    }
  }
}

}  // namespace tierwall::daemon
