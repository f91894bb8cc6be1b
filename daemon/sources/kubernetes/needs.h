#pragma once
// What of a cluster the policies in force here make worth knowing (kubernetes.md 3.9): following every pod of a large
// cluster is dear, for its API server most of all.

#include <set>
#include <string>

#include "policy/inventory.h"
#include "policy/node_policy.h"

namespace tierwall::daemon {

struct Needs {
  enum class Pods {
    OwnNode,     ///< of this node only
    Namespaces,  ///< and of some namespaces
    All,
  };

  bool service_accounts = false;
  bool services = false;  ///< and their endpoint slices
  bool nodes = false;     ///< all of them, not just this one
  Pods pods = Pods::OwnNode;
  std::set<std::string> pod_namespaces = {};  ///< for Pods::Namespaces

  friend bool operator==(const Needs&, const Needs&) = default;
};

/// `here` is what was resolved for this node: only policies that select its pods have peers that matter. Service
/// accounts are the exception, because they can decide whom a policy selects.
Needs find_needs(const policy::Snapshot& world, const policy::NodePolicy& here);

}  // namespace tierwall::daemon
