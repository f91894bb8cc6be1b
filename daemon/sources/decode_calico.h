#pragma once
// Objects of the Calico model other than policies -> resources (calico.md section 1), and the metadata of objects in
// the group Calico stores (crd.projectcalico.org/v1) instead of the one users write (projectcalico.org/v3).

#include <optional>

#include "daemon/sources/decode_metadata.h"
#include "daemon/sources/decode_reader.h"
#include "policy/model.h"

namespace tierwall::daemon {

// Each reads a whole object whose metadata was read already. Absent if nothing can be made of the object.
std::optional<policy::Resource> decode_tier(const Cursor& object, const Metadata& metadata);
/// Global ones have no namespace.
std::optional<policy::Resource> decode_network_set(const Cursor& object, const Metadata& metadata);
std::optional<policy::Resource> decode_profile(const Cursor& object, const Metadata& metadata);

/// Stored objects keep the metadata users wrote as JSON in an annotation: its labels and name count before the object's
/// own. A policy of tier default without a name there loses the prefix "default." (calico.md 1.0).
void read_stored_metadata(const Cursor& object, bool is_policy, Metadata& metadata);

}  // namespace tierwall::daemon
