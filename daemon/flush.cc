#include "daemon/flush.h"

#include <cerrno>
#include <variant>

#include "nft/change_set.h"

namespace tierwall::daemon {

namespace {

Result<bool> no_table_after(const nft::Rejected& rejected) {
  if (rejected.errno_value == ENOENT) return false;
  if (rejected.errno_value == EPERM) {
    return Error{ErrorKind::Denied, "the table inet tierwall belongs to a process that runs; stop it first", EPERM};
  }
  return Error{ErrorKind::Unavailable, "the kernel refused: " + rejected.message, rejected.errno_value};
}

}  // namespace

Result<bool> flush(nft::KernelTables& tables) {
  // Deleted without being made before: a table that had an owner can be deleted by anybody, but made only by an owner.
  const nft::ChangeSet removal{.operations = {nft::DeleteTable{}}};
  nft::CommitOutcome outcome = tables.commit(removal);
  bool again = false;
  if (std::holds_alternative<nft::Unknown>(outcome)) {
    again = true;
    outcome = tables.commit(removal);
  }
  if (const auto* unknown = std::get_if<nft::Unknown>(&outcome)) {
    return Error{ErrorKind::Unavailable, "whether the table is gone is not known: " + unknown->message};
  }
  if (const auto* rejected = std::get_if<nft::Rejected>(&outcome)) {
    Result<bool> answer = no_table_after(*rejected);
    if (answer && again) return true;  // gone by the first try
    return answer;
  }
  return true;
}

}  // namespace tierwall::daemon
