#pragma once
// `tierwalld restore`: puts the last known policy into the kernel before the network comes up, and returns. Pods of the
// earlier boot are forgotten, so what is in force then is the policy without its pods: addresses of this node's pod
// CIDRs are unknown and treated so.

#include <optional>
#include <string>

#include "daemon/config.h"
#include "daemon/memory.h"
#include "daemon/state/file_history.h"
#include "nft/kernel_tables.h"
#include "nft/ruleset.h"
#include "policy/result.h"

namespace tierwall::daemon {

struct RestorePlan {
  std::optional<nft::Ruleset> table;  ///< absent: there is nothing to put into the kernel
  std::string what;                   ///< for the operator: what is restored, or why not
  bool complete = true;               ///< false: the memory could not be used

  friend bool operator==(const RestorePlan&, const RestorePlan&) = default;
};

/// What to put into the kernel. `remembered` is what Memory::restore() said. Host endpoint policy is complete in it,
/// before there is a link: endpoints that name their interface need none, and those that expect addresses govern the
/// interfaces that had them. Without a usable memory the answer is the fallback table if the configuration asks for it,
/// or leaves it open and host endpoint policy had been in force; nothing otherwise.
RestorePlan plan_restore(const Result<Restored>& remembered, const Config& config);

/// The same objects as they were before a change that nobody has confirmed: it may be what locked the operator out.
/// `directory` is where its files are.
Restored without_change(Restored remembered, const PendingChange& change, const std::string& directory);

/// Writes the table in one transaction. Unavailable with the kernel's words if it is refused.
Result<void> put_in_force(const nft::Ruleset& table, nft::KernelTables& tables);

}  // namespace tierwall::daemon
