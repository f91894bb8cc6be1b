#pragma once
// ChangeSet -> netlink bytes, with libnftnl. No socket here.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "nft/change_set.h"
#include "policy/result.h"

namespace tierwall::nft {

/// The bytes of one transaction and which operation each message belongs to.
struct Batch {
  static constexpr std::size_t kWholeTransaction = static_cast<std::size_t>(-1);

  std::vector<std::uint8_t> bytes;        ///< begin message, operations, end message
  std::uint32_t first_sequence = 0;       ///< of the begin message; the messages count up from it
  std::vector<std::size_t> operation_of;  ///< by sequence - first_sequence; kWholeTransaction for begin and end
};

/// Only the last message asks for an acknowledgement (failures answer unasked), so that success is one answer
/// however large the transaction is. Malformed if a name or comment is longer than the kernel holds; the error names
/// the operation.
Result<Batch> encode(const ChangeSet& changes, std::uint32_t first_sequence);

/// The table while it is written anew (NetlinkTables::commit). Never longer than the process that makes it: its owner
/// is the socket, and it does not persist.
inline constexpr const char* kCopyName = "tierwall-rewrite";
/// The same changes, but to that table.
Result<Batch> encode_for_copy(const ChangeSet& changes, std::uint32_t first_sequence);

/// The table that has packets traced (NetlinkTables::trace). Never longer than the process that makes it, likewise.
inline constexpr const char* kTraceName = "tierwall-trace";
Result<Batch> encode_for_trace(const ChangeSet& changes, std::uint32_t first_sequence);

/// What the kernel can do is tried on a table of this name, made and removed in one transaction.
inline constexpr const char* kProbeName = "tierwall-probe";
Result<Batch> encode_probe(const ChangeSet& changes, std::uint32_t first_sequence);

/// No transaction: asks for the table. Refused with ENOENT if it is not there.
Batch encode_table_request(std::uint32_t sequence);

/// The same with a table that is ours: operations 0 and 1.
Batch encode_ownership_probe(std::uint32_t first_sequence);

}  // namespace tierwall::nft
