#include "daemon/sources/decode_cluster_ports.h"

#include <optional>

#include <fmt/format.h>

namespace tierwall::daemon {

namespace {

/// What is left out is reported by its name.
struct WrittenRange {
  std::optional<std::uint16_t> start, end;
};

/// `smallest`: how far the end must at least be from the start.
void settle_range(const Cursor& at, const WrittenRange& range, int smallest, WrittenPort& port) {
  if (!range.start) at.missing("start");
  if (!range.end) at.missing("end");
  if (!range.start || !range.end) return;
  if (*range.end - *range.start < smallest) {
    at.find("end")->error(fmt::format("must be {} start, which is {}, but is {}", smallest > 0 ? "above" : "at least",
                                      *range.start, *range.end));
    return;
  }
  port.range = {*range.start, *range.end};
}

void read_range(const Cursor& at, WrittenPort& port) {
  WrittenRange range;
  const std::size_t before = at.errors();
  read_fields(at, {{"start", [&](const Cursor& c) { range.start = read_port_number(c); }},
                   {"end", [&](const Cursor& c) { range.end = read_port_number(c); }}});
  if (at.errors() == before) settle_range(at, range, 1, port);
}

void read_number(const Cursor& at, WrittenPort& port) {
  if (const auto number = read_port_number(at)) port.range = {*number, *number};
}

void read_destination_port(const Cursor& at, WrittenPort& port) {
  const std::size_t before = at.errors();
  read_fields(at, {{"number", [&](const Cursor& c) { read_number(c, port); }},
                   {"range", [&](const Cursor& c) { read_range(c, port); }}});
  if (at.errors() == before) demand_one_of(at, {"number", "range"});
}

/// `tcp: {}` reads like every TCP port, but the schema refuses it.
void read_transport_ports(const Cursor& at, WrittenPort& port) {
  const std::size_t before = at.errors();
  read_fields(at, {{"destinationPort", [&](const Cursor& c) { read_destination_port(c, port); }}});
  if (at.errors() == before && !at.find("destinationPort"))
    at.missing("destinationPort", "write the range from 1 to 65535 to mean every port");
}

void read_named_port(const Cursor& at, WrittenPort& port) {
  port.protocol.reset();
  read_port_name(at, port.name);
}

void read_admin_number(const Cursor& at, WrittenPort& port) {
  const std::size_t before = at.errors();
  read_fields(at, {{"protocol", [&](const Cursor& c) { port.protocol = read_transport(c); }},
                   {"port", [&](const Cursor& c) { read_number(c, port); }}});
  if (at.errors() == before && !port.range) at.missing("port");
}

void read_admin_range(const Cursor& at, WrittenPort& port) {
  WrittenRange range;
  const std::size_t before = at.errors();
  read_fields(at, {{"protocol", [&](const Cursor& c) { port.protocol = read_transport(c); }},
                   {"start", [&](const Cursor& c) { range.start = read_port_number(c); }},
                   {"end", [&](const Cursor& c) { range.end = read_port_number(c); }}});
  if (at.errors() == before) settle_range(at, range, 0, port);
}

}  // namespace

WrittenPort read_cluster_protocol(const Cursor& at) {
  WrittenPort port;
  const std::size_t before = at.errors();
  const auto ports_of = [&port](policy::Protocol protocol) {
    return [&port, protocol](const Cursor& c) {
      port.protocol = protocol;
      read_transport_ports(c, port);
    };
  };
  read_fields(at, {{"tcp", ports_of(policy::kTcp)},
                   {"udp", ports_of(policy::kUdp)},
                   {"sctp", ports_of(policy::kSctp)},
                   {"destinationNamedPort", [&](const Cursor& c) { read_named_port(c, port); }}});
  if (at.errors() == before) demand_one_of(at, {"tcp", "udp", "sctp", "destinationNamedPort"});
  return port;
}

WrittenPort read_admin_port(const Cursor& at) {
  WrittenPort port;
  const std::size_t before = at.errors();
  read_fields(at, {{"portNumber", [&](const Cursor& c) { read_admin_number(c, port); }},
                   {"portRange", [&](const Cursor& c) { read_admin_range(c, port); }},
                   {"namedPort", [&](const Cursor& c) { read_named_port(c, port); }}});
  if (at.errors() == before) demand_one_of(at, {"portNumber", "portRange", "namedPort"});
  return port;
}

}  // namespace tierwall::daemon
