#pragma once
// A transaction that is larger than the socket takes, in several: sets that are new are declared and filled first,
// which changes nothing for any packet because no rule looks into them yet, and all that is in force changes in the
// one that comes last. Pure.

#include <cstddef>
#include <optional>
#include <vector>

#include "nft/change_set.h"

namespace tierwall::nft {

struct TransactionPart {
  ChangeSet changes;
  std::vector<std::size_t> operation_of;  ///< by operation: its index in the whole transaction

  friend bool operator==(const TransactionPart&, const TransactionPart&) = default;
};

struct PreparedTransaction {
  std::vector<TransactionPart> sets;  ///< in this order; each of no more than the bytes that were asked for
  TransactionPart main;               ///< the rest, whole

  friend bool operator==(const PreparedTransaction&, const PreparedTransaction&) = default;
};

/// Absent if there is nothing to prepare: no set is new, or the table itself comes or goes in the transaction. Verdict
/// maps stay in the last part, because the chains they lead to come with it.
std::optional<PreparedTransaction> prepare_sets(const ChangeSet& changes, std::size_t most_bytes);

}  // namespace tierwall::nft
