#pragma once
// A node and its surroundings as network namespaces. Pods are routed the way ptp and Calico do it: a veth pair, the
// pod's addresses as /32 and /128, a gateway that exists on every host side of a pair. All of it is gone when the Lab
// is, or when the process is.
//
//    pod  pod  pod                  pod  pod
//     |    |    |                    |    |
//    pod0 pod1 pod2                 pod0 pod1
//    [    node    ]                 [ second node ]         [ outside ]
//     eth0 192.0.2.1                 eth0 192.0.2.2          eth0 192.0.2.100
//      '------------- wire: a bridge in its own namespace ----------'
//
// Link names are those inside the namespaces; the machine's own namespace never sees one.

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "policy/address.h"
#include "tests/lab/net_namespace.h"

namespace tierwall::lab {

/// Something with a name and addresses, at most one per family.
struct Machine {
  std::string name;  ///< pods: "NAMESPACE/NAME"
  std::vector<policy::Address> addresses;

  friend bool operator==(const Machine&, const Machine&) = default;
};

struct LabPlan {
  std::vector<Machine> pods{};         ///< on the node under test
  std::vector<Machine> remote_pods{};  ///< on the second node; empty: there is no second node

  friend bool operator==(const LabPlan&, const LabPlan&) = default;
};

struct Host {
  std::string name;
  std::vector<policy::Address> addresses;
  NetNamespace network;

  [[nodiscard]] bool has(policy::Family family) const;
  /// *Pre:* it has an address of this family.
  [[nodiscard]] const policy::Address& address(policy::Family family) const;
};

class Lab {
 public:
  explicit Lab(const LabPlan& plan);

  [[nodiscard]] const Host& node() const { return host("node"); }
  [[nodiscard]] const Host& outside() const { return host("outside"); }
  /// "node", "node-2", "outside" or a pod's name. *Pre:* it exists.
  [[nodiscard]] const Host& host(std::string_view name) const;

 private:
  Host& add(const Machine& machine);
  void lay_wire(const std::vector<const Host*>& ends) const;
  void connect_pods(const Host& node, const std::vector<Machine>& pods);
  void route(const Host& from, const std::vector<Machine>& targets, const Host& via) const;

  NetNamespace wire_;
  std::deque<Host> hosts_;  // a deque, because references to hosts are handed out
};

/// From text: "10.0.0.1", "fd00::1".
Machine make_machine(const std::string& name, const std::vector<std::string>& addresses);

}  // namespace tierwall::lab
