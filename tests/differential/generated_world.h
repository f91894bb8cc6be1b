#pragma once
// Random small worlds, and flows aimed at their edges: overlapping sets, both families, the ends of port and address
// ranges, tiers that pass, rules that were not understood, pods that share an address. The same seed gives the same
// world.

#include <cstdint>
#include <vector>

#include "nft/compile.h"
#include "policy/evaluate.h"
#include "policy/inventory.h"
#include "policy/ordering.h"
#include "tests/differential/random_choice.h"

namespace tierwall::test {

struct WorldOptions {
  /// The pods' addresses are those of fixed_pod_addresses(), each held by a pod of its own, and flows are between them
  /// and the address outside: what a lab that is built once can carry.
  bool fixed_pods = false;
};

struct GeneratedWorld {
  policy::Snapshot snapshot;
  policy::TieBreak tie_break = policy::TieBreak::Calico332;
  nft::Flattening flattening = {};  ///< as it comes, always, never
};

GeneratedWorld generate_world(std::uint32_t seed, const WorldOptions& options = {});
GeneratedWorld generate_world(RandomChoice& random, const WorldOptions& options = {});

/// Flows between addresses the world knows, the edges of its blocks and strangers; ports near the ends of its ranges.
std::vector<policy::Flow> generate_flows(const policy::Snapshot& world, std::uint32_t seed, std::size_t count,
                                         const WorldOptions& options = {});
std::vector<policy::Flow> generate_flows(const policy::Snapshot& world, RandomChoice& random, std::size_t count,
                                         const WorldOptions& options = {});

/// "node-1": whose policy is judged.
extern const char* const kJudgedNode;

inline constexpr int kFixedPods = 6;
/// Of the pod with this number, IPv4 first. A world may know one of them only.
std::vector<policy::Address> fixed_pod_addresses(int pod);
/// A host outside the cluster, and at times an address of another node or of a network set.
std::vector<policy::Address> outside_addresses();

/// "10.0.0.1 -> fd00::2 tcp 80 -> 443", with "type 8/0" for ICMP.
std::string print_flow(const policy::Flow& flow);

}  // namespace tierwall::test
