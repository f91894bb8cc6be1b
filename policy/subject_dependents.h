#pragma once
// What an object of the world contributes to, made explicit: which subjects answer selectors otherwise, or hold other
// addresses, once it changed. Whoever adds something to LabelScope or to Subject adds it here.
//
//   Pod, NetworkSet, HostEndpoint, Node    itself
//   Namespace        the pods and network sets in it (pcns. labels)
//   ServiceAccount   the pods that run as it (pcsa. labels)
//   Profile          the pods of the namespace it is the profile of, and the host endpoints that name it
//   (labelsToApply) PodSandbox       its pod; policy/address_claims.h knows which, and which other pods follow all
//   others       none

#include <vector>

#include "policy/inventory.h"
#include "policy/subjects.h"

namespace tierwall::policy {

/// Pre: whoever keeps subjects hears of every change of a Pod, so that what is gone need not be named here.
std::vector<ResourceKey> dependents_of(const Snapshot& snapshot, const ResourceKey& changed);

/// Do the tiers, policies, profiles and host endpoints in force depend on such objects, beside the members of sets?
bool shapes_policy(Kind kind);

/// Scopes of many pods in the order of the snapshot: looks up once what neighbours have in common.
class PodScopes {
 public:
  explicit PodScopes(const Snapshot& snapshot) : snapshot_(snapshot) {}
  LabelScope of(const Pod& pod);

 private:
  const Snapshot& snapshot_;
  const Pod* last_ = nullptr;
  LabelScope of_last_;
};

}  // namespace tierwall::policy
