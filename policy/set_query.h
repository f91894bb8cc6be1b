#pragma once
// What the members of a set are, said without looking for them.

#include <optional>
#include <string>
#include <vector>

#include "policy/model.h"

namespace tierwall::policy {

struct SetQuery {
  enum class Of {
    Endpoints,         ///< addresses of pods and host endpoints, and the ranges of network sets; by `selector`
    Nodes,             ///< addresses of nodes; by `selector`
    ServiceAddresses,  ///< addresses of the endpoints of `service`
    NamedPorts,        ///< what `port_name` is on the pods and host endpoints `selector` denotes; a ServiceSet
    ServicePorts,      ///< the endpoints of `service` with their ports; a ServiceSet
  };

  Of of = Of::Endpoints;
  Selector selector = {};
  ServiceName service = {};
  std::string port_name = {};
  std::optional<Protocol> protocol = {};  ///< of NamedPorts and ServicePorts: only ports of this one

  friend bool operator==(const SetQuery&, const SetQuery&) = default;
};

/// The queries of a NodePolicy's sets, in their order.
struct SetQueries {
  std::vector<SetQuery> address_sets = {};
  std::vector<SetQuery> service_sets = {};
};

}  // namespace tierwall::policy
