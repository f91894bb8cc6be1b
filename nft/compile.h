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

#include "nft/compile_options.h"
#include "nft/rule_place.h"
#include "nft/ruleset.h"
#include "nft/table_parts.h"
#include "policy/node_policy.h"
#include "policy/result.h"

namespace tierwall::nft {

/// A table, and what of it follows members and pods that come and go.
struct CompiledTable {
  Ruleset ruleset;
  TableParts parts;
  TablePlaces places;
};

/// The whole table. Unsupported if a treatment nests more chains than the kernel follows (16 levels): the error names
/// the endpoint, and the caller keeps the former table in force.
Result<Ruleset> compile(const policy::NodePolicy& policy, const CompileOptions& options);
Result<CompiledTable> compile_table(const policy::NodePolicy& policy, const CompileOptions& options);

}  // namespace tierwall::nft
