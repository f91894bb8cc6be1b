#include "daemon/control/packet_verdict.h"

#include <utility>

#include "daemon/control/object_reader.h"

namespace tierwall::daemon {

namespace {

std::string last_rule(const nft::Journey& journey) {
  for (auto walk = journey.walks.rbegin(); walk != journey.walks.rend(); ++walk) {
    if (walk->second.steps.empty()) continue;
    const nft::Walk::Step& step = walk->second.steps.back();
    return step.chain + ": " + step.rule;
  }
  return "no rule";
}

/// What the fields are for a moment, before they are addresses.
struct Ends {
  std::string source;
  std::string destination;
};

Result<void> take_addresses(const Ends& ends, nft::Packet& packet) {
  const Result<policy::Address> source = policy::parse_address(ends.source);
  if (!source) return source.error().in("source");
  const Result<policy::Address> destination = policy::parse_address(ends.destination);
  if (!destination) return destination.error().in("destination");
  if (source->family != destination->family) return malformed("source and destination are of two families");
  packet.source = *source;
  packet.destination = *destination;
  return {};
}

}  // namespace

PacketVerdict judge_packet(const nft::Ruleset& ruleset, const nft::Packet& packet) {
  const nft::Journey journey = nft::travel(ruleset, packet);
  return {journey.end == nft::Walk::End::Dropped, last_rule(journey)};
}

Json to_json(const nft::Packet& packet) {
  return {{"source", policy::print_address(packet.source)},
          {"destination", policy::print_address(packet.destination)},
          {"protocol", packet.protocol.number},
          {"source_port", packet.source_port},
          {"destination_port", packet.destination_port},
          {"icmp_type", packet.icmp_type},
          {"icmp_code", packet.icmp_code},
          {"in_interface", packet.in_interface},
          {"out_interface", packet.out_interface},
          {"source_is_local", packet.source_is_local}};
}

Result<nft::Packet> packet_from_json(const Json& json) {
  ObjectReader reader(json, "packet");
  nft::Packet packet;
  Ends ends;
  reader.read("source", ends.source);
  reader.read("destination", ends.destination);
  reader.read("protocol", packet.protocol.number);
  reader.read("source_port", packet.source_port);
  reader.read("destination_port", packet.destination_port);
  reader.read("icmp_type", packet.icmp_type);
  reader.read("icmp_code", packet.icmp_code);
  reader.read("in_interface", packet.in_interface);
  reader.read("out_interface", packet.out_interface);
  reader.read("source_is_local", packet.source_is_local);
  auto read = reader.finish(std::move(packet));
  if (!read) return read;
  if (const Result<void> taken = take_addresses(ends, *read); !taken) return taken.error().in("packet");
  return read;
}

Json to_json(const PacketVerdict& verdict) {
  return {{"dropped", verdict.dropped}, {"rule", verdict.rule}};
}

Result<PacketVerdict> packet_verdict_from_json(const Json& json) {
  ObjectReader reader(json, "verdict");
  PacketVerdict verdict;
  reader.read("dropped", verdict.dropped);
  reader.read("rule", verdict.rule);
  return reader.finish(std::move(verdict));
}

}  // namespace tierwall::daemon
