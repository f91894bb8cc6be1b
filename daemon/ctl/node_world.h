#pragma once
// The world a node knows, for verbs without -f: the objects and settings of the daemon, or where none runs those of
// the state file and the configuration it left. A node knows what it needs: of pods elsewhere, and of policies that
// select nothing here, it may know less than the cluster.

#include <string>
#include <string_view>

#include "daemon/config.h"
#include "daemon/control/control_client.h"
#include "daemon/control/node_facts.h"
#include "daemon/control/packet_verdict.h"
#include "daemon/ctl/connection.h"
#include "daemon/ctl/context.h"
#include "policy/inventory.h"
#include "policy/result.h"

namespace tierwall::daemon::ctl {

/// Where to ask.
struct NodeDoors {
  std::string socket = kDefaultControlSocket;
  std::string config = kDefaultConfigFile;  ///< read where no daemon answers
  std::string state = {};                   ///< likewise; empty: the one the configuration names
};

struct NodeWorld {
  policy::Inventory inventory;
  NodeFacts facts;
  bool is_running = false;  ///< a daemon answered

  [[nodiscard]] const policy::Snapshot& snapshot() const { return inventory.snapshot(); }
};

/// Unavailable if neither a daemon nor a state file is there; otherwise what went wrong.
Result<NodeWorld> read_node_world(const NodeDoors& doors);

/// Says on the error stream that no daemon answered, if so, and what was asked instead.
void note_absent_daemon(const NodeWorld& world, std::string_view verb, const Context& context);

/// What the daemon says now. Errors as of call().
Result<NodeFacts> read_node_facts(const NodeDoors& doors);

/// How connections are judged on that node.
JudgeOptions judge_options(const NodeFacts& facts);

/// What the table in force does to a packet. Errors as of call().
Result<PacketVerdict> ask_table(const NodeDoors& doors, const nft::Packet& packet);

}  // namespace tierwall::daemon::ctl
