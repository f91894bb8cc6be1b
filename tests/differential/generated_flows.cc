// The flows of tests/differential/generated_world.h.

#include <algorithm>
#include <string>

#include "tests/differential/generated_words.h"
#include "tests/differential/generated_world.h"

namespace tierwall::test {

namespace {

using policy::Address;
using policy::Family;

/// The address behind (+1) or before (-1); around the ends it comes out at the other end.
Address neighbour(Address address, int step) {
  for (std::size_t i = address.octets().size(); i-- > 0;) {
    const std::uint8_t before = address.bytes[i];
    address.bytes[i] = static_cast<std::uint8_t>(before + step);
    const bool carries = step > 0 ? before == 0xff : before == 0;
    if (!carries) break;
  }
  return address;
}

/// What is worth aiming at in a world.
struct Targets {
  std::vector<Address> pods;
  std::vector<Address> edges;  ///< of blocks, and strangers
  std::vector<std::uint16_t> ports;
  std::vector<policy::ServiceAddress> services;  ///< what named ports and services denote
};

void append_edges(std::vector<Address>& edges, const policy::AddressRange& range) {
  for (const Address& end : {range.first, range.last})
    edges.insert(edges.end(), {end, neighbour(end, 1), neighbour(end, -1)});
}

void append_port(std::vector<std::uint16_t>& ports, int port) {
  if (port >= 1 && port <= 65535) ports.push_back(static_cast<std::uint16_t>(port));
}

void append_targets(Targets& targets, const policy::Peer& peer) {
  for (const policy::Prefix& net : peer.nets) append_edges(targets.edges, to_range(net));
  for (const policy::Prefix& net : peer.not_nets) append_edges(targets.edges, to_range(net));
  for (const policy::PortList* list : {&peer.ports, &peer.not_ports}) {
    for (const policy::PortRange& range : list->ranges) {
      for (const int port : {range.first - 1, range.first + 0, range.last + 0, range.last + 1})
        append_port(targets.ports, port);
    }
  }
}

/// `ports`: of containers or of an endpoint slice.
template <typename Port>
void append_services(Targets& targets, const std::vector<Address>& addresses, const std::vector<Port>& ports) {
  for (const Port& port : ports) {
    append_port(targets.ports, port.port);
    for (const Address& address : addresses) targets.services.push_back({address, port.protocol, port.port});
  }
}

Targets find_targets(const policy::Snapshot& world) {
  Targets targets{{}, {}, {80, 443}, {}};
  for (const char* stranger : {"10.0.0.7", "203.0.113.9", "192.0.2.100", "fd00::7", "2001:db8::9"})
    targets.edges.push_back(*policy::parse_address(stranger));
  for (const auto& [name, pod] : world.pods) {
    targets.pods.insert(targets.pods.end(), pod.addresses.begin(), pod.addresses.end());
    append_services(targets, pod.addresses, pod.ports);
  }
  for (const auto& [name, slice] : world.endpoint_slices) {
    targets.edges.insert(targets.edges.end(), slice.addresses.begin(), slice.addresses.end());
    append_services(targets, slice.addresses, slice.ports);
  }
  for (const auto& [name, node] : world.nodes)
    targets.edges.insert(targets.edges.end(), node.addresses.begin(), node.addresses.end());
  for (const auto& [key, set] : world.network_sets) {
    for (const policy::AddressRange& range : set.nets.ranges()) append_edges(targets.edges, range);
  }
  for (const auto& [key, policy] : world.policies) {
    for (const policy::Direction direction : policy::kDirections) {
      for (const policy::Rule& rule : policy.rules(direction)) {
        append_targets(targets, rule.source);
        append_targets(targets, rule.destination);
      }
    }
  }
  return targets;
}

Targets fixed_targets(const policy::Snapshot& world) {
  Targets targets = find_targets(world);
  targets.pods.clear();
  for (int pod = 0; pod < kFixedPods; ++pod) {
    for (const Address& address : fixed_pod_addresses(pod)) targets.pods.push_back(address);
  }
  targets.edges = outside_addresses();
  return targets;
}

class FlowGenerator {
 public:
  FlowGenerator(RandomChoice& random, Targets targets) : random_(random), targets_(std::move(targets)) {}

  policy::Flow flow() {
    policy::Flow flow;
    flow.source = some_address();
    flow.family = flow.source->family;
    flow.destination = some_address(flow.family);
    flow.protocol = some_protocol(flow.family);
    if (policy::has_ports(flow.protocol)) {
      flow.source_port = random_.chance(50) ? random_.pick(targets_.ports) : std::uint16_t{50000};
      flow.destination_port = random_.chance(90) ? random_.pick(targets_.ports) : some_port(random_);
    }
    if (flow.protocol == policy::kIcmp || flow.protocol == policy::kIcmpv6) flow.icmp = some_icmp(flow);
    if (!targets_.services.empty() && random_.chance(25)) aim_at_service(flow);
    return flow;
  }

 private:
  const Address& some_address() {
    return targets_.pods.empty() || random_.chance(25) ? random_.pick(targets_.edges) : random_.pick(targets_.pods);
  }

  const Address& some_address(Family family) {
    for (;;) {
      const Address& address = some_address();
      if (address.family == family) return address;
    }
  }

  /// To the address and port of a service, mostly by its protocol; at times from there.
  void aim_at_service(policy::Flow& flow) {
    const policy::ServiceAddress& service = random_.pick(targets_.services);
    flow.family = service.address.family;
    flow.icmp = {};
    flow.protocol = random_.chance(70) ? service.protocol : random_.pick({policy::kTcp, policy::kUdp, policy::kSctp});
    const bool to_service = random_.chance(80);
    flow.source = to_service ? some_address(flow.family) : service.address;
    flow.destination = to_service ? service.address : some_address(flow.family);
    flow.source_port = to_service ? std::uint16_t{50000} : service.port;
    flow.destination_port = to_service ? service.port : random_.pick(targets_.ports);
  }

  policy::Protocol some_protocol(Family family) {
    const int choice = random_.number(0, 19);
    if (choice < 6) return policy::kTcp;
    if (choice < 11) return policy::kUdp;
    if (choice < 14) return policy::kSctp;
    if (choice < 18) return family == Family::V4 ? policy::kIcmp : policy::kIcmpv6;
    if (choice < 19) return policy::Protocol{47};
    return random_.chance(50) ? policy::kUdpLite : family == Family::V4 ? policy::kIcmpv6 : policy::kIcmp;
  }

  policy::Icmp some_icmp(const policy::Flow& flow) {
    const bool v4 = flow.protocol == policy::kIcmp;
    const int type = v4 ? random_.pick({0, 3, 8, 8, 11}) : random_.pick({1, 3, 8, 128, 128, 129, 135, 143});
    return {static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(random_.number(0, 1))};
  }

  RandomChoice& random_;
  Targets targets_;
};

}  // namespace

std::vector<policy::Flow> generate_flows(const policy::Snapshot& world, std::uint32_t seed, std::size_t count,
                                         const WorldOptions& options) {
  RandomChoice random(seed ^ 0x9e3779b9U);
  return generate_flows(world, random, count, options);
}

std::vector<policy::Flow> generate_flows(const policy::Snapshot& world, RandomChoice& random, std::size_t count,
                                         const WorldOptions& options) {
  FlowGenerator generator(random, options.fixed_pods ? fixed_targets(world) : find_targets(world));
  std::vector<policy::Flow> flows;
  flows.reserve(count);
  for (std::size_t i = 0; i < count; ++i) flows.push_back(generator.flow());
  return flows;
}

std::string print_flow(const policy::Flow& flow) {
  std::string text =
      print_address(*flow.source) + " -> " + print_address(*flow.destination) + " " + print_protocol(flow.protocol);
  if (policy::has_ports(flow.protocol))
    text += " " + std::to_string(flow.source_port) + " -> " + std::to_string(flow.destination_port);
  if (flow.icmp.type) text += " type " + std::to_string(*flow.icmp.type);
  if (flow.icmp.code) text += "/" + std::to_string(*flow.icmp.code);
  return text;
}

}  // namespace tierwall::test
