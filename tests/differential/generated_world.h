#pragma once
// Random small worlds and flows aimed at their edges: overlapping sets, both families, port range ends, tiers that
// pass, rules that were not understood. The same seed gives the same world.

#include <cstdint>
#include <random>
#include <vector>

#include "policy/evaluate.h"
#include "policy/inventory.h"

namespace tierwall::test {

policy::Snapshot generate_world(std::uint32_t seed);

/// Flows between addresses the world knows, their neighbours and strangers.
std::vector<policy::Flow> generate_flows(const policy::Snapshot& world, std::uint32_t seed, std::size_t count);

}  // namespace tierwall::test
