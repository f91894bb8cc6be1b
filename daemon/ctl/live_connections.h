#pragma once
// The connections of this node at one moment, and how the kernel would reach their ends.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "daemon/connections/connection_table.h"
#include "policy/result.h"

namespace tierwall::daemon::ctl {

struct LiveConnections {
  std::set<policy::Address> own_addresses;  ///< of the node's interfaces
  std::vector<TrackedConnection> connections;
};

/// Lists anew where the kernel lost a part of its answer. Errors as the table's; Busy after several tries.
Result<LiveConnections> list_live_connections(ConnectionTable& table);

/// The kernel's answers about routes, each asked for once.
class Routes {
 public:
  /// The interface by which this address is reached; empty: by none.
  const std::string& interface_to(const policy::Address& address);

 private:
  std::map<policy::Address, std::string> interfaces_;
};

}  // namespace tierwall::daemon::ctl
