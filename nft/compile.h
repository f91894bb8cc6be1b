#pragma once
// NodePolicy -> Ruleset: the only place where allow, deny and pass become nft words. Layout (design.md 4):
//
//   forward (filter + 10)   established = recheck: ct mark has the cut bit -> drop
//                           ct state established,related accept
//                           neighbour discovery accept
//                           unknown addresses of node.pod_cidrs  -> drop
//                           ip saddr vmap @egress4               -> jump eg4-NAME   one chain per treatment and family
//                           ip daddr vmap @ingress4              -> jump in4-NAME
//                           ip6 saddr vmap @egress6, ip6 daddr vmap @ingress6 likewise
//   input   (filter + 10)   the same opening
//                           unknown source addresses of node.pod_cidrs, but not from lo  -> drop
//                           ip saddr vmap @egress4, ip6 saddr vmap @egress6         pod to its own host
//                           endpoint_to_host = drop              -> drop
//
//   eg4-NAME                tier by tier, rule by rule:  Allow -> return (to the base chain: the next policy point)
//                                                        Deny  -> drop (nft/denied_log.h: or the way there)
//                                                        Pass  -> goto the chain of the tiers that follow
//
// What host endpoints add: nft/compile_host.h.
//
// Chains are named by a hash of their content, so equal treatment is one chain and a changed policy is a new one.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nft/denied_log.h"
#include "nft/member_sets.h"
#include "nft/rule_place.h"
#include "nft/ruleset.h"
#include "policy/failsafe.h"
#include "policy/node_policy.h"
#include "policy/result.h"

namespace tierwall::nft {

/// How many rules are still written one by one.
struct Flattening {
  std::size_t readable = 8;  ///< a treatment of so many rules stays as it is written; 0: never
  std::size_t apart = 4;     ///< of neighbours with one verdict, so many keep a line each; 0: none

  static constexpr Flattening always() { return {0, 0}; }
  static constexpr Flattening never() { return {static_cast<std::size_t>(-1), static_cast<std::size_t>(-1)}; }

  friend bool operator==(const Flattening&, const Flattening&) = default;
};

struct CompileOptions {
  enum class EndpointToHost { Accept, Return, Drop };
  enum class UnknownPod { Drop, Allow };

  enum class HostDeny { Drop, Reject };
  /// Whether packets of connections that carry kCutBit (nft/cut_bit.h) are dropped.
  enum class Established { Keep, Recheck };

  std::vector<policy::Prefix> pod_cidrs = {};  ///< of this node; empty: unknown_pod has nothing to act on
  UnknownPod unknown_pod = UnknownPod::Drop;
  EndpointToHost endpoint_to_host = EndpointToHost::Accept;
  Established established = Established::Keep;

  Flattening flattening = {};
  std::optional<DeniedLog> denied_log = {};  ///< of pods and host endpoints; absent: denied packets are just dropped

  // Of host endpoints:
  std::string node = {};  ///< whose; empty: of none
  policy::Failsafes failsafes = {};
  HostDeny host_deny = HostDeny::Drop;
  std::uint32_t mark = 0x0200'0000;  ///< one bit of the packet mark that nobody else uses

  friend bool operator==(const CompileOptions&, const CompileOptions&) = default;
};

/// A table, and what of it follows members that come and go.
struct CompiledTable {
  Ruleset ruleset;
  MemberSets members;
  TablePlaces places;
};

/// The whole table. Unsupported if a treatment nests more chains than the kernel follows (16 levels): the error names
/// the endpoint, and the caller keeps the former table in force.
Result<Ruleset> compile(const policy::NodePolicy& policy, const CompileOptions& options);
Result<CompiledTable> compile_table(const policy::NodePolicy& policy, const CompileOptions& options);

}  // namespace tierwall::nft
