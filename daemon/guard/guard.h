#pragma once
// Keeps a change of policy from locking its author out. Before host policy is put in force, the management flows of
// this moment are judged by it; what would cut one is held or warned of.
//
//   sources --> resolve --> cuts nothing -----------------------------------> in force
//                             | cuts a flow, and without the directory's change it would not
//                             +--> hold:  everything else goes on, the directory's former host policy stays
//                             +--> warn:  in force, and said aloud          (always so for other causes, see GuardMode)
//
// Held are the objects that can touch host policy (HostEndpoint, GlobalNetworkPolicy, Tier, Profile, network sets);
// pods, namespaces and the policies of namespaces go on. A held change stays held, also when the session it would have
// cut ends, until the objects change or it is released. Owns no timer and never logs.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/guard/management_flows.h"
#include "daemon/node_settings.h"
#include "policy/inventory.h"
#include "policy/policy_change.h"

namespace tierwall::daemon {

/// A management flow that would not pass any more, and the decision against it.
struct CutFlow {
  ManagementFlow flow;
  policy::Decision decision;

  friend bool operator==(const CutFlow&, const CutFlow&) = default;
};

/// "the session of 203.0.113.9 on tcp 22 would be cut by GlobalNetworkPolicy x (tier default) rule 1 of HostEndpoint e"
std::string print_cut(const CutFlow& cut);

/// Those of the flows that `before` lets pass and `after` does not; without `before` everything passed.
std::vector<CutFlow> find_cut(const policy::NodePolicy* before, const policy::NodePolicy& after,
                              const std::vector<ManagementFlow>& flows, const policy::Failsafes& failsafes);

class Guard {
 public:
  /// Borrows it.
  explicit Guard(ManagementFlows& flows) : flows_(flows) {}
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  /// What was in force before this process counts as accepted. Before the first rule() only.
  void begin_with(const policy::Inventory& remembered, const NodeSettings& settings);

  /// What to put in force instead of `desired`, the policy the world asks for: nothing, or while a change is held one
  /// with the former host policy of the directory. `applied` is what is in force now, if anything, and differs from
  /// `desired` by `change`. Costs nothing where no host policy is, or where the change does not touch it.
  std::optional<policy::NodePolicy> rule(const policy::Inventory& inventory, const NodeSettings& settings,
                                         const policy::NodePolicy& desired, const policy::NodePolicy* applied,
                                         const policy::PolicyChange& change);
  /// What rule() said last is in force now.
  void note_accepted(const policy::Inventory& inventory, const policy::NodePolicy& in_force);
  /// The held change is wanted: the next rule() lets it through. False if nothing is held.
  bool release();

  /// What the held change would cut; empty: nothing is held.
  [[nodiscard]] const std::vector<CutFlow>& held() const { return held_; }
  /// What the change that is in force cuts, which was not held.
  [[nodiscard]] const std::vector<CutFlow>& warned() const { return warned_; }
  /// Why the flows could not be seen at the last rule().
  [[nodiscard]] const std::optional<std::string>& blind() const { return blind_; }

 private:
  struct Accepted {
    policy::Resource object;
    std::string source;
  };
  using Objects = std::map<policy::ResourceKey, Accepted>;

  [[nodiscard]] std::vector<ManagementFlow> watched_flows();
  [[nodiscard]] policy::Snapshot with_former_objects(const policy::Inventory& inventory, GuardMode mode) const;
  static Objects host_objects(const policy::Inventory& inventory);
  [[nodiscard]] bool touches_host_policy(const policy::NodePolicy& desired, const policy::PolicyChange& change);

  ManagementFlows& flows_;
  std::optional<policy::NodePolicy> before_start_;  // in force before the first commit of this process
  std::optional<Objects> accepted_;                 // that can touch host policy; absent: none was in force
  std::uint64_t accepted_at_ = 0;                   // the inventory's generation then
  std::optional<policy::NamedSets> host_sets_;      // that host policy asks for; absent: not known
  std::vector<CutFlow> held_;
  std::vector<CutFlow> warned_;
  std::optional<std::string> blind_;
  bool released_ = false;  // the next rule() holds nothing
};

}  // namespace tierwall::daemon
