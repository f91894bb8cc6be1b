#pragma once
// The HostEndpoint a node gets without anybody writing one, as Calico's controllers would make it (calico.md 4.6): of
// all interfaces, with a profile that allows everything, so that nothing changes until a policy selects it.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/inventory.h"

namespace tierwall::daemon {

/// Counts after every other source of an object (policy/inventory.cc).
inline constexpr std::string_view kAutoSource = "auto";

/// The addresses of this node's interfaces that mean something beyond it: not 127.0.0.0/8, ::1 or link-local ones.
std::vector<policy::Address> addresses_of_interfaces(const policy::Snapshot& world);

/// Has the labels of the Node object, if there is one. Expects the Node's addresses, or else those of this node's
/// interfaces that mean something beyond it.
policy::HostEndpoint make_auto_host_endpoint(const policy::Snapshot& world, const std::string& node);

/// The source: what changed since it was asked last.
class AutoHostEndpoint {
 public:
  /// `node`: whose host endpoint is to be there; absent: none is.
  std::vector<policy::ResourceEvent> follow(const policy::Snapshot& world, const std::optional<std::string>& node);

 private:
  std::optional<policy::HostEndpoint> told_;
};

}  // namespace tierwall::daemon
