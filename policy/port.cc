#include "policy/port.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "policy/quoted.h"

namespace tierwall::policy {

namespace {

struct NamedProtocol {
  std::string_view name;
  Protocol protocol;
};

constexpr NamedProtocol kNamedProtocols[] = {{"icmp", kIcmp},     {"tcp", kTcp},   {"udp", kUdp},
                                             {"icmpv6", kIcmpv6}, {"sctp", kSctp}, {"udplite", kUdpLite}};

char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                    [](char left, char right) { return to_lower(left) == right; });
}

/// The whole text as a decimal number from 1 to `limit`.
std::optional<unsigned> read_number(std::string_view text, unsigned limit) {
  unsigned value = 0;
  const char* end = text.data() + text.size();
  const std::from_chars_result read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end || value < 1 || value > limit) return std::nullopt;
  return value;
}

Result<std::uint16_t> parse_port(std::string_view text) {
  if (const std::optional<unsigned> port = read_number(text, 65535)) return static_cast<std::uint16_t>(*port);
  return malformed("port " + quoted(text) + " is not a number from 1 to 65535");
}

}  // namespace

Result<Protocol> parse_protocol(std::string_view text) {
  for (const NamedProtocol& known : kNamedProtocols) {
    if (equals_ignoring_case(text, known.name)) return known.protocol;
  }
  if (const std::optional<unsigned> number = read_number(text, 255)) {
    return Protocol{static_cast<std::uint8_t>(*number)};
  }
  return malformed("protocol " + quoted(text) +
                   " is not one of TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite or a number from 1 to 255");
}

std::string print_protocol(Protocol protocol) {
  for (const NamedProtocol& known : kNamedProtocols) {
    if (protocol == known.protocol) return std::string(known.name);
  }
  return std::to_string(protocol.number);
}

bool has_ports(Protocol protocol) {
  return protocol == kTcp || protocol == kUdp || protocol == kSctp;
}

bool carries_ports(Protocol protocol) {
  return has_ports(protocol) || protocol == kUdpLite;
}

Result<PortRange> parse_port_range(std::string_view text) {
  const std::size_t colon = text.find(':');
  const Result<std::uint16_t> first = parse_port(text.substr(0, colon));
  if (!first) return first.error();
  if (colon == std::string_view::npos) return PortRange{*first, *first};
  const Result<std::uint16_t> last = parse_port(text.substr(colon + 1));
  if (!last) return last.error();
  if (*last < *first) return malformed("port range " + quoted(text) + " ends before it begins");
  return PortRange{*first, *last};
}

std::string print_port_range(PortRange range) {
  if (range.first == range.last) return std::to_string(range.first);
  return std::to_string(range.first) + "-" + std::to_string(range.last);
}

std::vector<PortRange> merge_port_ranges(std::vector<PortRange> ranges) {
  std::sort(ranges.begin(), ranges.end());
  std::vector<PortRange> merged;
  for (const PortRange& range : ranges) {
    if (!merged.empty() && unsigned{range.first} <= unsigned{merged.back().last} + 1) {
      merged.back().last = std::max(merged.back().last, range.last);
    } else {
      merged.push_back(range);
    }
  }
  return merged;
}

bool is_port_name(std::string_view text) {
  if (text.empty() || text.size() > 15 || text.front() == '-' || text.back() == '-') return false;
  if (text.find("--") != std::string_view::npos) return false;
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto is_allowed = [&is_letter](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '-'; };
  return std::all_of(text.begin(), text.end(), is_allowed) && std::any_of(text.begin(), text.end(), is_letter);
}

}  // namespace tierwall::policy
