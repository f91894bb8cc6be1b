#pragma once
// HostEndpoint of the Calico model -> resource (calico.md 1.4).

#include <optional>

#include "daemon/sources/decode_metadata.h"
#include "daemon/sources/decode_reader.h"
#include "policy/model.h"

namespace tierwall::daemon {

/// Reads a whole object whose metadata was read already. Absent if nothing can be made of the object: without a node,
/// or without an interface and addresses, it would govern nothing.
std::optional<policy::Resource> decode_host_endpoint(const Cursor& object, const Metadata& metadata);

}  // namespace tierwall::daemon
