#include "daemon/ctl/flow_text.h"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "daemon/ctl/suggestion.h"

namespace tierwall::daemon::ctl {

namespace {

using policy::Family;

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Result<std::uint16_t> parse_port(std::string_view what, std::string_view text) {
  const auto port = parse_number<std::uint16_t>(text);
  if (!port || *port == 0) return malformed(fmt::format("{} '{}' is not a port from 1 to 65535", what, text));
  return *port;
}

Result<policy::Icmp> parse_icmp(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto type = parse_number<std::uint8_t>(text.substr(0, slash));
  const auto code = slash == std::string_view::npos ? std::optional<std::uint8_t>(std::uint8_t{0})
                                                    : parse_number<std::uint8_t>(text.substr(slash + 1));
  if (!type || !code)
    return malformed(fmt::format("icmp '{}' is not TYPE or TYPE/CODE with numbers from 0 to 255", text));
  return policy::Icmp{type, code};
}

Result<policy::ResourceKey> parse_pod(std::string_view text) {
  const std::size_t slash = text.find('/');
  const bool whole = slash != std::string_view::npos && slash > 0 && slash + 1 < text.size() &&
                     text.find('/', slash + 1) == std::string_view::npos;
  if (!whole) return malformed(fmt::format("'pod:{}' does not name a pod: write pod:NAMESPACE/NAME", text));
  return policy::ResourceKey{policy::Kind::Pod, std::string(text.substr(0, slash)),
                             std::string(text.substr(slash + 1))};
}

std::string_view without_brackets(std::string_view text) {
  const bool bracketed = text.size() > 2 && text.front() == '[' && text.back() == ']';
  return bracketed ? text.substr(1, text.size() - 2) : text;
}

/// IFACE or IFACE:ADDR. Names of interfaces may hold colons, addresses do: the first colon with an address behind it
/// ends the name, and what only looks like an address is a mistake.
Result<End> parse_interface(std::string_view text) {
  End end{End::Kind::Interface, {}, {}, std::string(text)};
  for (std::size_t colon = text.find(':', 1); colon != std::string_view::npos; colon = text.find(':', colon + 1)) {
    const Result<policy::Address> address = policy::parse_address(without_brackets(text.substr(colon + 1)));
    if (!address) continue;
    end.address = *address;
    end.interface = text.substr(0, colon);
    return end;
  }
  const std::size_t colon = text.find(':', 1);
  const std::string_view rest = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  if (colon != std::string_view::npos && (rest.empty() || rest.find_first_of(".:[]/%") != std::string_view::npos)) {
    return malformed(fmt::format("'{}' in 'host:{}' is no address: write host:INTERFACE:ADDRESS", rest, text));
  }
  return end;
}

Result<policy::Protocol> choose_protocol(const FlowWords& words) {
  if (!words.proto) return words.icmp ? policy::kIcmp : policy::kTcp;
  const Result<policy::Protocol> protocol = policy::parse_protocol(*words.proto);
  if (!protocol) return protocol.error();
  const bool icmp = *protocol == policy::kIcmp || *protocol == policy::kIcmpv6;
  if (words.icmp && !icmp) return malformed(fmt::format("an icmp type is given, but the protocol is {}", *words.proto));
  return *protocol;
}

/// The ports that were written into `flow`; which of them must be written depends on the protocol.
Result<void> parse_ports(const FlowWords& words, FlowText& flow) {
  const bool ports = policy::has_ports(flow.protocol) || flow.protocol == policy::kUdpLite;
  const std::string name = policy::print_protocol(flow.protocol);
  if (!ports && (words.dport || words.sport)) return malformed(fmt::format("{} has no ports", name));
  if (policy::has_ports(flow.protocol) && !words.dport) {
    return malformed(fmt::format("a {} flow needs a destination port (dport)", name));
  }
  if (ports) flow.source_port = kDefaultSourcePort;
  for (const auto& [what, text, port] : {std::tuple{"dport", &words.dport, &flow.destination_port},
                                         std::tuple{"sport", &words.sport, &flow.source_port}}) {
    if (!*text) continue;
    const Result<std::uint16_t> parsed = parse_port(what, **text);
    if (!parsed) return parsed.error();
    *port = *parsed;
  }
  return {};
}

Result<Family> parse_family(std::string_view text) {
  if (text == "4") return Family::V4;
  if (text == "6") return Family::V6;
  return malformed(fmt::format("family '{}' is neither 4 nor 6", text));
}

}  // namespace

Result<End> parse_end(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  const std::string_view rest = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  if (text == "host") return End{};
  if (kind == "host" && !rest.empty()) return parse_interface(rest);
  if (kind == "pod" && colon != std::string_view::npos) {
    Result<policy::ResourceKey> pod = parse_pod(rest);
    if (!pod) return pod.error();
    return End{End::Kind::Pod, *std::move(pod), {}, {}};
  }
  if (kind == "ip" && colon != std::string_view::npos) {
    const Result<policy::Address> address = policy::parse_address(rest);
    if (!address) return address.error();
    return End{End::Kind::Address, {}, *address, {}};
  }
  return malformed(fmt::format(
      "'{}' is not an endpoint: write pod:NAMESPACE/NAME, ip:ADDRESS, host, host:INTERFACE or host:INTERFACE:ADDRESS",
      text));
}

namespace {

std::string print_outside(const std::optional<policy::Address>& address) {
  if (!address) return {};
  const std::string text = policy::print_address(*address);
  return address->family == Family::V6 ? ":[" + text + "]" : ":" + text;
}

}  // namespace

std::string print_end(const End& end) {
  switch (end.kind) {
    case End::Kind::Pod:
      return "pod:" + policy::print_name(end.pod);
    case End::Kind::Address:
      return "ip:" + policy::print_address(*end.address);
    case End::Kind::Host:
      return "host";
    case End::Kind::Interface:
      return "host:" + end.interface + print_outside(end.address);
  }
  TIERWALL_CHECK(false);
  return {};
}

Result<FlowText> parse_flow(const FlowWords& words) {
  FlowText flow;
  for (const auto& [what, text, end] :
       {std::tuple{"from", &words.from, &flow.from}, std::tuple{"to", &words.to, &flow.to}}) {
    Result<End> parsed = parse_end(*text);
    if (!parsed) return parsed.error().in(what);
    *end = *std::move(parsed);
  }
  const Result<policy::Protocol> protocol = choose_protocol(words);
  if (!protocol) return protocol.error();
  flow.protocol = *protocol;
  if (const Result<void> ports = parse_ports(words, flow); !ports) return ports.error();
  if (words.icmp) {
    const Result<policy::Icmp> icmp = parse_icmp(*words.icmp);
    if (!icmp) return icmp.error();
    flow.icmp = *icmp;
  }
  if (words.family) {
    const Result<Family> family = parse_family(*words.family);
    if (!family) return family.error();
    flow.family = *family;
  }
  return flow;
}

Result<FlowWords> words_from_json(const nlohmann::ordered_json& json) {
  if (!json.is_object()) return malformed("not a JSON object");
  FlowWords words;
  std::optional<std::string> from, to;
  const std::vector<std::pair<std::string, std::optional<std::string>*>> fields = {
      {"from", &from},         {"to", &to},           {"proto", &words.proto},  {"dport", &words.dport},
      {"sport", &words.sport}, {"icmp", &words.icmp}, {"family", &words.family}};
  for (const auto& [key, value] : json.items()) {
    const std::string& name = key;
    const auto field =
        std::find_if(fields.begin(), fields.end(), [&](const auto& known) { return known.first == name; });
    if (field == fields.end()) {
      std::vector<std::string> names;
      names.reserve(fields.size());
      for (const auto& known : fields) names.push_back(known.first);
      return malformed(fmt::format("unknown key '{}'{}", name, suggest(name, names)));
    }
    if (value.is_null()) continue;
    if (!value.is_string() && !value.is_number_integer())
      return malformed(name + ": neither a text nor a whole number");
    *field->second = value.is_string() ? value.get<std::string>() : value.dump();
  }
  if (!from || !to) return malformed(fmt::format("'{}' is missing", from ? "to" : "from"));
  words.from = *std::move(from);
  words.to = *std::move(to);
  return words;
}

std::string print_service(const policy::Flow& flow) {
  const std::string name = policy::print_protocol(flow.protocol);
  if (flow.protocol == policy::kIcmp || flow.protocol == policy::kIcmpv6) {
    const int echo_request = flow.protocol == policy::kIcmp ? 8 : 128;
    if (flow.icmp == policy::Icmp{static_cast<std::uint8_t>(echo_request), std::uint8_t{0}})
      return name + " echo-request";
    return fmt::format("{} {}/{}", name, flow.icmp.type.value_or(0), flow.icmp.code.value_or(0));
  }
  if (flow.destination_port != 0) return fmt::format("{} {}", name, flow.destination_port);
  return parse_number<int>(name) ? "protocol " + name : name;
}

}  // namespace tierwall::daemon::ctl
