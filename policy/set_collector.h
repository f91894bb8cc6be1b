#pragma once
// Collects the sets that rules name while they are resolved, each meaning once, and numbers them by meaning at the end.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "policy/node_policy.h"
#include "policy/subjects.h"

namespace tierwall::policy {

class SetCollector {
 public:
  /// Borrows both; they outlive it.
  SetCollector(const Snapshot& snapshot, const Subjects& subjects);

  /// `local` is the subject of the policy if the rule's endpoint stands on this side: port names there need only be
  /// looked up on the endpoints the policy applies to.
  ResolvedPeer source(const Peer& peer, std::optional<Protocol> protocol, const Selector* local);
  ResolvedPeer destination(const Peer& peer, std::optional<Protocol> protocol, const Selector* local);

  /// Moves the sets into `policy` sorted by meaning and renumbers the rules that name them.
  void deliver(NodePolicy& policy);

 private:
  using Slices = std::vector<const EndpointSlice*>;

  ResolvedPeer peer(const Peer& peer, std::optional<Protocol> protocol, const Selector* local);
  ResolvedPorts ports(const PortList& ports, std::optional<Protocol> protocol, const Selector& owners);
  SetId endpoints_and_nets(const Selector& selector);
  SetId nodes(const Selector& selector);
  SetId named_port(const std::string& port_name, std::optional<Protocol> protocol, const Selector& owners);
  SetId addresses_of(const ServiceName& service);
  SetId endpoints_of(const ServiceName& service, std::optional<Protocol> protocol);
  [[nodiscard]] Slices slices_of(const ServiceName& service) const;

  const Subjects& subjects_;
  std::map<ServiceName, Slices> slices_;
  std::map<std::string, SetId> address_ids_;  // by meaning
  std::map<std::string, SetId> service_ids_;
  std::vector<AddressSet> address_sets_;
  std::vector<ServiceSet> service_sets_;
};

}  // namespace tierwall::policy
