#include "tests/lab/crafted_packet.h"

#include <cstddef>

#include "tests/lab/sctp_packet.h"

namespace tierwall::lab {
namespace {

using policy::Family;
using policy::Flow;
using Bytes = std::vector<std::uint8_t>;

constexpr std::uint8_t kHopLimit = 64;
constexpr std::size_t kHeaderV4 = 20, kHeaderV6 = 40;

void append(Bytes& bytes, std::span<const std::uint8_t> more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

void append_8(Bytes& bytes, std::uint8_t value) {
  bytes.push_back(value);
}

void append_16(Bytes& bytes, std::size_t value) {
  bytes.push_back(static_cast<std::uint8_t>(value >> 8 & 0xff));
  bytes.push_back(static_cast<std::uint8_t>(value & 0xff));
}

void append_ports(Bytes& bytes, const Flow& flow) {
  append_16(bytes, flow.source_port);
  append_16(bytes, flow.destination_port);
}

// The Internet checksum (RFC 1071).
std::uint16_t checksum(const Bytes& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) sum += i % 2 == 0 ? std::uint32_t{bytes[i]} << 8 : bytes[i];
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

// The same over the pseudo header that most protocols put before their own.
std::uint16_t transport_checksum(const Flow& flow, const Bytes& transport) {
  Bytes covered;
  append(covered, flow.source->octets());
  append(covered, flow.destination->octets());
  append_16(covered, flow.protocol.number);
  append_16(covered, transport.size());
  append(covered, transport);
  return checksum(covered);
}

void write_checksum(Bytes& transport, std::size_t at, std::uint16_t sum) {
  transport[at] = static_cast<std::uint8_t>(sum >> 8);
  transport[at + 1] = static_cast<std::uint8_t>(sum & 0xff);
}

Bytes make_tcp(const Flow& flow, std::uint16_t identifier) {
  Bytes tcp;
  append_ports(tcp, flow);
  append_16(tcp, 0);
  append_16(tcp, identifier);             // sequence number
  tcp.insert(tcp.end(), {0, 0, 0, 0});    // acknowledged
  tcp.insert(tcp.end(), {5 << 4, 0x02});  // length in words, SYN
  append_16(tcp, 1024);                   // window
  tcp.insert(tcp.end(), {0, 0, 0, 0});    // checksum, urgent pointer
  write_checksum(tcp, 16, transport_checksum(flow, tcp));
  return tcp;
}

// UDP-Lite differs in what the length field means: 0, all is covered by the checksum.
Bytes make_udp(const Flow& flow) {
  Bytes udp;
  append_ports(udp, flow);
  append_16(udp, flow.protocol == policy::kUdp ? 8 : 0);
  append_16(udp, 0);
  write_checksum(udp, 6, transport_checksum(flow, udp));
  return udp;
}

Bytes make_icmp(const Flow& flow, std::uint16_t identifier) {
  Bytes icmp = {flow.icmp.type.value_or(std::uint8_t{0}), flow.icmp.code.value_or(std::uint8_t{0}), 0, 0};
  append_16(icmp, identifier);
  append_16(icmp, 1);
  const bool v6 = flow.protocol == policy::kIcmpv6;
  write_checksum(icmp, 2, v6 ? transport_checksum(flow, icmp) : checksum(icmp));
  return icmp;
}

Bytes make_transport(const Flow& flow, std::uint16_t identifier) {
  if (flow.protocol == policy::kTcp) return make_tcp(flow, identifier);
  if (flow.protocol == policy::kUdp || flow.protocol == policy::kUdpLite) return make_udp(flow);
  if (flow.protocol == policy::kIcmp || flow.protocol == policy::kIcmpv6) return make_icmp(flow, identifier);
  if (flow.protocol == policy::kSctp) {
    const auto init = make_sctp_init({flow.source_port, flow.destination_port});
    return Bytes(init.begin(), init.end());
  }
  return {0, 0, 0x08, 0x00, 0, 0, 0, 0};  // reads as GRE without options
}

Bytes make_header_v4(const Flow& flow, std::uint16_t identifier, std::size_t payload) {
  Bytes header = {0x45, 0};
  append_16(header, kHeaderV4 + payload);
  append_16(header, identifier);
  append_16(header, 0);  // no fragment
  append_8(header, kHopLimit);
  append_8(header, flow.protocol.number);
  append_16(header, 0);
  append(header, flow.source->octets());
  append(header, flow.destination->octets());
  write_checksum(header, 10, checksum(header));
  return header;
}

Bytes make_header_v6(const Flow& flow, std::uint16_t identifier, std::size_t payload) {
  Bytes header = {0x60, 0};
  append_16(header, identifier);  // the low bits of the flow label
  append_16(header, payload);
  append_8(header, flow.protocol.number);
  append_8(header, kHopLimit);
  append(header, flow.source->octets());
  append(header, flow.destination->octets());
  return header;
}

}  // namespace

Bytes make_packet(const Flow& flow, std::uint16_t identifier) {
  const Bytes transport = make_transport(flow, identifier);
  const auto make_header = flow.family == Family::V4 ? make_header_v4 : make_header_v6;
  Bytes packet = make_header(flow, identifier, transport.size());
  append(packet, transport);
  return packet;
}

std::string lasting_bytes(std::span<const std::uint8_t> packet) {
  std::string bytes(packet.begin(), packet.end());
  const bool v4 = packet.size() >= kHeaderV4 && packet[0] >> 4 == 4;
  const bool v6 = packet.size() >= kHeaderV6 && packet[0] >> 4 == 6;
  if (v4) bytes[8] = bytes[10] = bytes[11] = '\0';
  if (v6) bytes[7] = '\0';
  return v4 || v6 ? bytes : std::string();
}

}  // namespace tierwall::lab
