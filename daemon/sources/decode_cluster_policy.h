#pragma once
// The cluster-wide policies of policy.networking.k8s.io (kubernetes.md section 2): ClusterNetworkPolicy of v1alpha2,
// and the two kinds of v1alpha1 it replaced, which become the same thing. They stand in the tiers kube-admin and
// kube-baseline, before and behind the policies of namespaces (calico.md 3.5).
//
// A peer, protocol or port that is not understood matches nothing where the rule accepts; a rule that denies or passes
// is then not understood as a whole and denies everything that reaches it (kubernetes.md 2.1, "Fail closed").

#include <optional>

#include "daemon/sources/decode_metadata.h"
#include "daemon/sources/decode_reader.h"
#include "policy/model.h"

namespace tierwall::daemon {

// Each reads a whole object whose metadata was read already. Absent if nobody knows which pods it is about.
std::optional<policy::Resource> decode_cluster_network_policy(const Cursor& object, const Metadata& metadata);
std::optional<policy::Resource> decode_admin_network_policy(const Cursor& object, const Metadata& metadata);
std::optional<policy::Resource> decode_baseline_admin_network_policy(const Cursor& object, const Metadata& metadata);

}  // namespace tierwall::daemon
