#pragma once
// Which of the packets or connections that a verb could show are meant.

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/drops/drop.h"

namespace tierwall::daemon::ctl {

/// What one of them is known by.
struct Traffic {
  const DropEnd& source;
  const DropEnd& destination;
  const std::string& protocol;  ///< "tcp", or a number
  std::uint16_t destination_port = 0;
};

/// What is empty means all of them.
struct TrafficFilter {
  std::string from_pod = {};  ///< "NAMESPACE/NAME", or "NAMESPACE/" for every pod of one
  std::string to_pod = {};
  std::string pod = {};  ///< either end
  std::string from_ip = {};
  std::string to_ip = {};
  std::string to_port = {};
  std::string proto = {};

  [[nodiscard]] bool matches(const Traffic& traffic) const;
};

/// The pod, or else the address.
std::string name_end(const DropEnd& end);
/// "tcp 80", "icmp 8/0", "protocol 47" as its protocol is printed; `port` 0: none.
std::string name_service(const std::string& protocol, const std::optional<std::string>& icmp, std::uint16_t port);

}  // namespace tierwall::daemon::ctl
