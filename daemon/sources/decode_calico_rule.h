#pragma once
// Rules of Calico policies and profiles (calico.md 1.8, 2.6).

#include <string>

#include "daemon/sources/decode_reader.h"
#include "daemon/sources/decode_rules.h"
#include "policy/model.h"

namespace tierwall::daemon {

/// A rule in which anything is wrong stays in its place with `understood` false (and Deny, if not even its action is
/// known). `ns` is the namespace of the policy, empty for cluster-scoped objects.
RuleSection read_calico_rules(const Cursor& at, const std::string& ns, policy::Direction direction);

}  // namespace tierwall::daemon
