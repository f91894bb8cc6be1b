#pragma once
// A connection the kernel tracks, told as policy sees it: who, to whom, and what decides about it now.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "daemon/connections/connection_table.h"
#include "daemon/control/status.h"
#include "daemon/ctl/live_connections.h"
#include "daemon/ctl/node_world.h"
#include "daemon/ctl/worlds.h"
#include "daemon/drops/drop.h"

namespace tierwall::daemon::ctl {

struct SeenFlow {
  std::chrono::milliseconds time{0};  ///< since 1970; 0: it is there, since when is not known
  DropEnd source = {};
  DropEnd destination = {};  ///< where it went: behind a Service the pod
  std::string protocol = {};
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::optional<std::string> icmp = {};  ///< "8/0"
  std::string asked_for = {};            ///< "10.96.0.1:443", if that was translated
  std::string verdict = {};              ///< "allow", "deny"; "-": nobody judges it here
  std::string by = {};                   ///< "egress: no policy; ingress: GlobalNetworkPolicy x (tier y) rule 1"
  std::string staged_verdict = {};       ///< with the staged policies, where that is another one

  friend bool operator==(const SeenFlow&, const SeenFlow&) = default;
};

Json to_json(const SeenFlow& flow);

/// Judges by a node's world as it was when this was made.
class FlowTeller {
 public:
  /// `own_addresses` are those of the node's interfaces. Borrows routes.
  FlowTeller(NodeWorld world, std::set<policy::Address> own_addresses, Routes& routes);
  FlowTeller(const FlowTeller&) = delete;
  FlowTeller& operator=(const FlowTeller&) = delete;

  /// Who and to whom, not judged yet.
  [[nodiscard]] SeenFlow name(const TrackedConnection& connection) const;
  /// What was named, with the verdict of policy.
  void judge(const TrackedConnection& connection, SeenFlow& flow) const;
  /// Counts changes of what the daemon knows.
  [[nodiscard]] std::uint64_t known() const { return world_.facts.known; }

 private:
  [[nodiscard]] std::string pod_at(const policy::Address& address) const;
  [[nodiscard]] End end_at(const policy::Address& address) const;

  NodeWorld world_;
  std::set<policy::Address> own_addresses_;
  Routes& routes_;
  std::map<policy::Address, policy::ResourceKey> pods_;
  bool has_host_endpoints_ = false;
  Worlds worlds_;  // last: it borrows the world
};

}  // namespace tierwall::daemon::ctl
