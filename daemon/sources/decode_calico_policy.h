#pragma once
// Policies of projectcalico.org, and their staged forms, which are never enforced (calico.md 1.1, 1.2, 1.7).

#include <optional>

#include "daemon/sources/decode_metadata.h"
#include "daemon/sources/decode_reader.h"
#include "policy/model.h"

namespace tierwall::daemon {

// Each reads a whole object whose metadata was read already. Absent if nothing can be made of the object.
std::optional<policy::Resource> decode_global_network_policy(const Cursor& object, const Metadata& metadata);
std::optional<policy::Resource> decode_calico_network_policy(const Cursor& object, const Metadata& metadata);
std::optional<policy::Resource> decode_staged_global_network_policy(const Cursor& object, const Metadata& metadata);
std::optional<policy::Resource> decode_staged_network_policy(const Cursor& object, const Metadata& metadata);

}  // namespace tierwall::daemon
