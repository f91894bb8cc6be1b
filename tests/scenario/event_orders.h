#pragma once
// The ways in which the same history may reach a watcher. Events about one object from one source keep their order, as
// every source promises; everything else may be otherwise.

#include <vector>

#include "policy/inventory.h"
#include "tests/differential/random_choice.h"

namespace tierwall::test {

using Events = std::vector<policy::ResourceEvent>;

/// Events about different objects, or from different sources, change places.
Events shuffled(const Events& events, RandomChoice& random);

/// Every event comes twice.
Events doubled(const Events& events);

/// Of every object and source only what still counts at the end: that it is gone, or the last good version and the
/// last broken one after it.
Events squashed(const Events& events);

}  // namespace tierwall::test
