#pragma once
// Makes a world in which something is wrong as small as it gets while it still is wrong, so that a person sees at once
// what matters.

#include <functional>

#include "policy/inventory.h"

namespace tierwall::test {

/// Is what was found in the larger world still there? Must be true of the world that is to be made smaller.
using StillWrong = std::function<bool(const policy::Snapshot&)>;

/// Takes away objects, then rules, then parts of rules, policies, pods and sets, one at a time and again from the
/// beginning until nothing more can go. Rules stay such that a decoder could have made them.
policy::Snapshot shrink(policy::Snapshot world, const StillWrong& still_wrong);

}  // namespace tierwall::test
