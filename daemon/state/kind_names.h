#pragma once
// Kinds are stored by name, so that the order of the enumeration may change.

#include <optional>
#include <string_view>

#include "policy/model.h"

namespace tierwall::daemon {

/// The last of the enumeration.
inline constexpr policy::Kind kLastKind = policy::Kind::StagedKubernetesNetworkPolicy;

/// The inverse of policy::print_kind; absent for a kind this version does not know.
std::optional<policy::Kind> parse_kind_name(std::string_view name);

}  // namespace tierwall::daemon
