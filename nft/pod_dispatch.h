#pragma once
// From the addresses of this node's pods to the chains that judge them.

#include <map>
#include <utility>

#include "nft/compile_options.h"
#include "nft/rule_place.h"
#include "nft/ruleset.h"
#include "nft/set_unions.h"
#include "policy/node_policy.h"
#include "policy/result.h"

namespace tierwall::nft {

/// The chain of each treatment that a pod with addresses of the family has; empty where a treatment needs none.
using TreatmentChains = std::map<std::pair<policy::Family, policy::Treatment>, std::string>;

/// Adds what the treatments need that are not among the chains yet to the ruleset, and forgets those that no pod has.
/// Of the unions' family. Unsupported as compile(), naming a pod.
Result<void> compile_pods(const policy::NodePolicy& policy, const CompileOptions& options, SetUnions& unions,
                          Ruleset& ruleset, TablePlaces& places, TreatmentChains& chains);

std::string dispatch_map_name(policy::Direction direction, policy::Family family);
/// Address -> chain. Pre: the chains are there.
Set make_dispatch_map(policy::Direction direction, policy::Family family, const policy::NodePolicy& policy,
                      const TreatmentChains& chains);
/// The addresses of the node's pods.
Set make_pods_set(policy::Family family, const policy::NodePolicy& policy);

}  // namespace tierwall::nft
