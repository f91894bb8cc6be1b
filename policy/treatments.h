#pragma once
// The treatments of one endpoint, made of the policies that select it.

#include <cstddef>
#include <vector>

#include "policy/model.h"
#include "policy/node_policy.h"

namespace tierwall::policy {

/// Where a policy stands in a NodePolicy.
struct PolicyPlace {
  std::size_t tier = 0;    ///< index into NodePolicy::tiers
  std::size_t policy = 0;  ///< index into that tier's policies
};

/// Of a pod that no policy selects: ingress, egress.
std::vector<Treatment> treatments_of_pod();
/// Of a host endpoint that no policy selects: every class in both directions.
std::vector<Treatment> treatments_of_host_endpoint();

/// The policy selects the endpoint. Pre: those in front of it were appended before.
void append_policy(std::vector<Treatment>& treatments, const Policy& policy, PolicyPlace place);

}  // namespace tierwall::policy
