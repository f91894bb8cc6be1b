#pragma once
// What the API server adds to an object before it stores it: system metadata and the defaults that readers see. Only
// defaults that matter to a reader of policies and pods are made: policyTypes and ports of NetworkPolicy, podIP and
// podIPs, phases, service accounts, the name label of namespaces. Nothing is validated.

#include <cstdint>

#include <nlohmann/json.hpp>

#include "tests/fake_api/resource_table.h"

namespace tierwall::fake_api {

/// The object as stored, but for its resourceVersion. `former` is the stored version that it replaces, or null; uid,
/// creation and generation go on from there. `serial` makes a new uid. An own creationTimestamp is kept, because tests
/// decide which of two pods is younger.
nlohmann::json complete_object(const ResourceType& type, nlohmann::json object, const nlohmann::json* former,
                               std::uint64_t serial);

}  // namespace tierwall::fake_api
