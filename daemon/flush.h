#pragma once
// `tierwalld flush`: takes the table off the node, for good: what was remembered stays. For removing Tierwall, and for
// an operator who wants the node open.

#include "nft/kernel_tables.h"
#include "policy/result.h"

namespace tierwall::daemon {

/// False if there was no table. Denied if it belongs to another process that runs; Unavailable, with the kernel's
/// words, if it refuses otherwise.
Result<bool> flush(nft::KernelTables& tables);

}  // namespace tierwall::daemon
