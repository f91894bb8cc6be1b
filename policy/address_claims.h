#pragma once
// Which pod holds which address, kept while pods and sandboxes change: of several that claim one address one holds it
// (design.md 7.5), and who that is changes with any of them.

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "policy/inventory.h"

namespace tierwall::policy {

class AddressClaims {
 public:
  using PodName = std::pair<std::string, std::string>;  ///< namespace and name

  /// A sandbox came, went or changed. Answers the pods it gives addresses to, or gave.
  std::set<PodName> note_sandbox(const Snapshot& snapshot, const ResourceKey& sandbox);
  /// A pod or one of its sandboxes came, went or changed. Answers the other pods that claim, or claimed, an address it
  /// claims or claimed: they may hold another one now.
  std::set<PodName> note_pod(const Snapshot& snapshot, const PodName& pod);

  /// What the pod holds, in the order it claims it.
  [[nodiscard]] std::vector<Address> held_by(const Snapshot& snapshot, const PodName& pod) const;
  /// On pods that share an address, as find_subjects has them.
  [[nodiscard]] std::vector<std::string> remarks(const Snapshot& snapshot) const;

 private:
  using Claimants = std::vector<const PodName*>;  // keys of claims_

  [[nodiscard]] std::vector<Address> claimed_now(const Snapshot& snapshot, const PodName& pod) const;
  void withdraw(const PodName& pod, const std::vector<Address>& addresses, std::set<PodName>& others);
  void enter(const PodName& pod, const std::vector<Address>& addresses, std::set<PodName>& others);

  std::map<PodName, std::vector<Address>> claims_;  // of pods that are endpoints
  std::map<Address, Claimants> claimants_;
  std::set<Address> contested_;                        // have several claimants
  std::map<PodName, PodName> pod_of_sandbox_;          // by namespace and name of the sandbox
  std::map<PodName, std::set<PodName>> sandboxes_of_;  // by pod
};

}  // namespace tierwall::policy
