#pragma once
// Flows as people and scripts write them: endpoints by name, ports, protocols. Words in, values out; nothing here knows
// which pods exist.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "policy/evaluate.h"
#include "policy/model.h"
#include "policy/result.h"

namespace tierwall::daemon::ctl {

/// One end: pod:NS/NAME, ip:ADDR, host, host:IFACE, host:IFACE:ADDR.
struct End {
  enum class Kind { Pod, Address, Host, Interface };
  Kind kind = Kind::Host;
  policy::ResourceKey pod;
  std::optional<policy::Address> address;  ///< of Address; of Interface if the outside address is given
  std::string interface;

  friend bool operator==(const End&, const End&) = default;
};

Result<End> parse_end(std::string_view text);
std::string print_end(const End& end);

/// The flow as written, word by word; what was not written is absent.
struct FlowWords {
  std::string from;
  std::string to;
  std::optional<std::string> proto = {};
  std::optional<std::string> dport = {};
  std::optional<std::string> sport = {};
  std::optional<std::string> icmp = {};    ///< "TYPE" or "TYPE/CODE"
  std::optional<std::string> family = {};  ///< "4" or "6"
};

/// The flow with its words understood. Names are not looked up yet.
struct FlowText {
  End from;
  End to;
  policy::Protocol protocol = policy::kTcp;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::optional<policy::Icmp> icmp;  ///< absent: an echo request
  std::optional<policy::Family> family;

  friend bool operator==(const FlowText&, const FlowText&) = default;
};

inline constexpr std::uint16_t kDefaultSourcePort = 40000;

/// tcp unless a protocol or an ICMP type is given. Protocols with ports need a destination port.
Result<FlowText> parse_flow(const FlowWords& words);
/// One object {"from","to","proto","dport","sport","icmp","family"}; unknown keys are errors.
Result<FlowWords> words_from_json(const nlohmann::ordered_json& json);

/// "tcp 8080", "icmp 8/0", "icmp echo-request", "protocol 47".
std::string print_service(const policy::Flow& flow);

}  // namespace tierwall::daemon::ctl
