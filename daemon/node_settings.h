#pragma once
// What of the configuration decides about the table of this node.

#include <string>

#include "daemon/config.h"
#include "nft/compile.h"
#include "policy/failsafe.h"
#include "policy/inventory.h"
#include "policy/ordering.h"

namespace tierwall::daemon {

struct NodeSettings {
  std::string node;
  GuardMode guard = GuardMode::HoldDirectory;
  policy::Failsafes failsafes = {};
  policy::TieBreak tie_break = policy::TieBreak::Calico332;
  nft::CompileOptions compile;

  friend bool operator==(const NodeSettings&, const NodeSettings&) = default;
};

NodeSettings node_settings(const Config& config);

/// The node's pod CIDRs are those of the configuration, or else those its Node object names.
nft::CompileOptions compile_options(const NodeSettings& settings, const policy::Snapshot& world);

}  // namespace tierwall::daemon
