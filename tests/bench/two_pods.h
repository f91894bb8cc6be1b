#pragma once
// Two pods of one node, "sender" and "receiver", and policies for what the receiver takes, one rule each.

#include <string>

#include "nft/kernel_tables.h"
#include "nft/ruleset.h"
#include "policy/inventory.h"
#include "policy/model.h"

namespace tierwall::bench {

inline constexpr const char* kSender = "10.0.0.1";
inline constexpr const char* kReceiver = "10.0.0.2";
inline constexpr const char* kNode = "here";

policy::Snapshot two_pods();
/// The `index`-th policy of the receiver.
void add_policy(policy::Snapshot& world, int index, policy::Rule rule);
/// The whole table in place of the one before; ends the process if the kernel refuses.
void commit(nft::KernelTables& tables, const nft::Ruleset& table);

}  // namespace tierwall::bench
