#pragma once
// The door to the kernel's nftables. Implementations: NetlinkTables (the kernel), FakeKernelTables (tests). Both pass
// tests/unit/nft/kernel_tables_contract_test.cc.

#include <cstddef>
#include <string>
#include <variant>

#include "nft/change_set.h"
#include "policy/result.h"

namespace tierwall::nft {

struct Committed {
  std::size_t messages = 0;  ///< netlink messages of the transaction
  std::size_t bytes = 0;

  friend bool operator==(const Committed&, const Committed&) = default;
};

/// The kernel refused; nothing changed.
struct Rejected {
  static constexpr std::size_t kWholeTransaction = static_cast<std::size_t>(-1);

  std::size_t operation = kWholeTransaction;  ///< index into the ChangeSet's operations, if one is to blame
  int errno_value = 0;
  std::string message;  ///< "set src-3f9a element 10.0.0.1: File exists"

  friend bool operator==(const Rejected&, const Rejected&) = default;
};

/// Whether the transaction landed cannot be told: what the kernel said was lost. It landed whole or not at all, but
/// sets that nothing refers to may be left over. The remedy is to write the whole table anew.
struct Unknown {
  std::string message;

  friend bool operator==(const Unknown&, const Unknown&) = default;
};

using CommitOutcome = std::variant<Committed, Rejected, Unknown>;

class KernelTables {
 public:
  virtual ~KernelTables() = default;

  /// Sends the changes as one transaction for both families: all of it lands or nothing does. Blocks until the kernel
  /// answered; an empty ChangeSet commits without a message. What nothing leads to yet may be made in transactions
  /// before it, because of the kernel's size or timing; if it fails then, that is taken away again.
  virtual CommitOutcome commit(const ChangeSet& changes) = 0;
  /// Whether a table can be ours (TableOwner::Us), which kernels since Linux 6.9 can; tried, not guessed by version.
  /// Unsupported with the reason if not.
  virtual Result<void> can_own() = 0;
};

}  // namespace tierwall::nft
