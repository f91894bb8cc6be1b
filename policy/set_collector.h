#pragma once
// Collects the sets that rules name while they are resolved, each meaning once, and numbers them by meaning at the end.
// Who their members are is found elsewhere: policy/set_members.h, policy/set_index.h.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "policy/node_policy.h"
#include "policy/set_query.h"

namespace tierwall::policy {

class SetCollector {
 public:
  /// `local` is the subject of the policy if the rule's endpoint stands on this side: port names there need only be
  /// looked up on the endpoints the policy applies to.
  ResolvedPeer source(const Peer& peer, std::optional<Protocol> protocol, const Selector* local);
  ResolvedPeer destination(const Peer& peer, std::optional<Protocol> protocol, const Selector* local);

  /// Moves the sets, which have no members yet, into `policy` sorted by meaning and renumbers the rules that name them.
  /// Answers what their members are.
  SetQueries deliver(NodePolicy& policy);

 private:
  template <typename Set>
  struct Collected {
    std::map<std::string, SetId> ids = {};  // by meaning
    std::vector<Set> sets = {};
    std::vector<SetQuery> queries = {};
  };

  ResolvedPeer peer(const Peer& peer, std::optional<Protocol> protocol, const Selector* local);
  std::vector<SetId> named_ports(const PortList& ports, std::optional<Protocol> protocol, const Selector& owners);
  SetId endpoints_and_nets(const Selector& selector);
  SetId nodes(const Selector& selector);
  SetId named_port(const std::string& port_name, std::optional<Protocol> protocol, const Selector& owners);
  SetId addresses_of(const ServiceName& service);
  SetId endpoints_of(const ServiceName& service, std::optional<Protocol> protocol);

  Collected<AddressSet> address_sets_;
  Collected<ServiceSet> service_sets_;
};

}  // namespace tierwall::policy
