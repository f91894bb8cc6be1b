#pragma once
// Objects of Kubernetes itself -> resources. Fields nobody here needs are ignored in cluster objects and reported in
// policies.

#include <optional>

#include "daemon/sources/decode_metadata.h"
#include "daemon/sources/decode_reader.h"
#include "policy/model.h"

namespace tierwall::daemon {

// Each reads a whole object whose metadata was read already. Absent if nothing can be made of the object.
std::optional<policy::Resource> decode_namespace(const Cursor& object, const Metadata& metadata);
std::optional<policy::Resource> decode_service_account(const Cursor& object, const Metadata& metadata);
std::optional<policy::Resource> decode_pod(const Cursor& object, const Metadata& metadata);
std::optional<policy::Resource> decode_node(const Cursor& object, const Metadata& metadata);
std::optional<policy::Resource> decode_service(const Cursor& object, const Metadata& metadata);
/// discovery.k8s.io/v1. Endpoints count whatever their conditions say, as in Calico; slices of names have no addresses.
std::optional<policy::Resource> decode_endpoint_slice(const Cursor& object, const Metadata& metadata);
/// networking.k8s.io/v1: a policy of tier default at order 1000 whose rules all allow. A peer or port that is not
/// understood is left out, a rule that is not understood matches nothing; the pods stay isolated.
std::optional<policy::Resource> decode_network_policy(const Cursor& object, const Metadata& metadata);
/// projectcalico.org/v3: the same with a stagedAction; never enforced.
std::optional<policy::Resource> decode_staged_kubernetes_network_policy(const Cursor& object, const Metadata& metadata);

}  // namespace tierwall::daemon
