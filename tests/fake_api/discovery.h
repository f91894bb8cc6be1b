#pragma once
// The discovery documents of what is served: /api, /apis, /apis/GROUP, /api/v1, /apis/GROUP/VERSION. The old form, one
// document per path; the aggregated one is not offered, and clients that prefer it take this one.

#include <optional>
#include <string>

#include "tests/fake_api/object_store.h"

namespace tierwall::fake_api {

/// Absent if the path is no discovery document, or of a group or version of which nothing is served.
std::optional<std::string> discovery_document(const ObjectStore& store, const std::string& path);

}  // namespace tierwall::fake_api
