#pragma once
// One tierwalld per network namespace, wherever its configuration and its control socket are: two would rewrite each
// other's table for ever. The lock is an abstract socket, because such names are per network namespace as the table
// is, and because the kernel lets go of it however the process ends.

#include <utility>

#include "policy/result.h"
#include "systemd/unique_fd.h"

namespace tierwall::daemon {

/// Held as long as the object lives.
class TableLock {
 public:
  /// Conflict: another tierwalld holds it, and the message says which. Denied: somebody has the name who could not run
  /// tierwalld, neither root nor the caller's user; he must not keep the firewall from running. Unavailable: there are
  /// no such sockets here.
  static Result<TableLock> take();

 private:
  explicit TableLock(systemd::UniqueFd socket) : socket_(std::move(socket)) {}

  systemd::UniqueFd socket_;
};

}  // namespace tierwall::daemon
