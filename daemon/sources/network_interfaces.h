#pragma once
// A source of NetworkInterface objects: the interfaces of this node with their addresses, followed through the kernel's
// notices. Tells only what policy can depend on: link-local IPv6 addresses count as none, and interfaces that could
// only be noise are left out (see .cc). Lives on the loop's thread; never logs.

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/sources/document.h"
#include "daemon/sources/kernel_interfaces.h"
#include "policy/inventory.h"
#include "systemd/event_loop.h"

namespace tierwall::daemon {

inline constexpr std::string_view kInterfacesSource = "interfaces";

class NetworkInterfaces {
 public:
  static constexpr std::chrono::microseconds kRetry = std::chrono::milliseconds(200);
  /// Called with the interfaces that changed: none if only failure() became another.
  using Callback = std::function<void(std::vector<policy::ResourceEvent>)>;

  /// Borrows the door. `on_events` runs on the loop, and before start() returns.
  NetworkInterfaces(systemd::EventLoop& loop, KernelInterfaces& kernel, Callback on_events);
  NetworkInterfaces(const NetworkInterfaces&) = delete;
  NetworkInterfaces& operator=(const NetworkInterfaces&) = delete;

  /// Interfaces an earlier process told of: those that are gone are told as gone at start. Before start() only.
  void remember(const std::vector<policy::ResourceEvent>& interfaces);
  /// Lists what there is and follows it.
  void start();

  /// What was told, by name.
  [[nodiscard]] const std::map<std::string, policy::NetworkInterface>& interfaces() const { return told_; }
  /// Those of them that are bridges.
  [[nodiscard]] std::vector<policy::NetworkInterface> bridges() const;
  /// Why the interfaces cannot be listed; what was told before counts meanwhile, and it is tried again.
  [[nodiscard]] const std::optional<std::string>& failure() const { return failure_; }

 private:
  struct Link {
    std::string name = {};
    std::string kind = {};
    std::set<policy::Address> addresses = {};
  };

  void list();
  void read_notices();
  void apply(const std::vector<InterfaceNotice>& notices);
  void apply(const LinkNotice& notice);
  void apply(const AddressNotice& notice);
  static bool matters(const Link& link);
  void tell(bool health_changed);

  KernelInterfaces& kernel_;
  Callback on_events_;
  std::map<int, Link> links_;  // by index
  std::map<std::string, policy::NetworkInterface> told_;
  std::optional<std::string> failure_;
  systemd::Timer retry_;
  systemd::IoWatch readable_;
};

/// An interface as text, for whoever remembers it, and back. Empty: its name is no UTF-8, so it cannot be remembered.
std::string print_interface(const policy::NetworkInterface& interface);
Result<policy::NetworkInterface> read_interface(const Node& document, const std::string& name);

}  // namespace tierwall::daemon
