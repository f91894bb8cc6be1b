#pragma once
// What is different between two worlds, object by object, in the words of policy: what was written otherwise, which
// rules went and came, which endpoints gained or lost a policy, and which addresses a selector denotes now.

#include <string>
#include <vector>

#include "daemon/control/status.h"
#include "policy/inventory.h"
#include "policy/node_policy.h"

namespace tierwall::daemon::ctl {

/// A world and its policy for the endpoints that are asked about.
struct JudgedWorld {
  const policy::Snapshot& world;
  const policy::NodePolicy& policy;
};

struct FieldDifference {
  std::string field;   ///< "order"
  std::string before;  ///< empty: it had none, or the object was not there
  std::string after;

  friend bool operator==(const FieldDifference&, const FieldDifference&) = default;
};

struct ObjectDifference {
  enum class Change { Added, Changed, Removed, Affected };

  policy::ResourceKey key;
  Change change = Change::Changed;  ///< Affected: as it was, but it selects others now
  std::vector<FieldDifference> fields = {};
  std::vector<std::string> rules_removed = {};  ///< "ingress 2. Allow tcp from app == 'web' to port 80"
  std::vector<std::string> rules_added = {};
  std::vector<std::string> gained = {};  ///< "pod shop/web": selected by it now
  std::vector<std::string> lost = {};
  bool selects_nothing = false;  ///< a policy that selects none of the endpoints now

  friend bool operator==(const ObjectDifference&, const ObjectDifference&) = default;
};

/// A selector of some rule in both worlds.
struct SetDifference {
  std::string set;                       ///< "app == 'web'"
  std::vector<std::string> gained = {};  ///< addresses and nets
  std::vector<std::string> lost = {};

  friend bool operator==(const SetDifference&, const SetDifference&) = default;
};

struct PolicyDifference {
  std::vector<ObjectDifference> objects = {};  ///< sorted by key
  std::vector<SetDifference> sets = {};        ///< sorted

  [[nodiscard]] bool empty() const { return objects.empty() && sets.empty(); }
  friend bool operator==(const PolicyDifference&, const PolicyDifference&) = default;
};

/// Rules are those of policies that select one of the endpoints; of the others only their fields are told.
PolicyDifference compare_worlds(const JudgedWorld& before, const JudgedWorld& after);

std::string print_difference(const PolicyDifference& difference, bool color);
Json to_json(const PolicyDifference& difference);

}  // namespace tierwall::daemon::ctl
