#include "daemon/table_lock.h"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

namespace tierwall::daemon {

namespace {

using systemd::UniqueFd;

constexpr std::string_view kLockName = "tierwall/table/inet/tierwall";

UniqueFd make_lock_socket() {
  return UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

/// Calls bind or connect with the name of the lock. 0 or an errno.
template <typename Call>
int with_lock_name(Call call, const UniqueFd& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  kLockName.copy(address.sun_path + 1, sizeof address.sun_path - 1);  // behind a zero byte: abstract
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + kLockName.size());
  return call(socket.raw(), reinterpret_cast<const sockaddr*>(&address), length) == 0 ? 0 : errno;
}

Error lock_error(const char* what, int errno_value) {
  return {ErrorKind::Unavailable, fmt::format("lock of the table: {}: {}", what, std::strerror(errno_value)),
          errno_value};
}

/// Who listens at the name; an error if whoever it was is gone, or too many ask him.
Result<ucred> find_holder() {
  const UniqueFd socket = make_lock_socket();
  if (const int failed = with_lock_name(connect, socket); failed != 0) return lock_error("connect", failed);
  ucred holder{};
  socklen_t size = sizeof holder;
  if (getsockopt(socket.raw(), SOL_SOCKET, SO_PEERCRED, &holder, &size) != 0) return lock_error("holder", errno);
  return holder;
}

Error held_by(const ucred& holder) {
  if (holder.uid == 0 || holder.uid == geteuid()) {
    return {ErrorKind::Conflict,
            fmt::format("another tierwalld (pid {}) keeps the table of this network namespace; two would fight over it",
                        holder.pid),
            EADDRINUSE};
  }
  return {
      ErrorKind::Denied,
      fmt::format("lock of the table: user {} (pid {}) holds it, who has no business with it", holder.uid, holder.pid),
      EADDRINUSE};
}

}  // namespace

Result<TableLock> TableLock::take() {
  constexpr int kTries = 3;
  UniqueFd socket = make_lock_socket();
  if (!socket.is_open()) return lock_error("socket", errno);
  for (int i = 0; i < kTries; ++i) {
    const int failed = with_lock_name(bind, socket);
    if (failed == 0) {
      // Nobody is ever answered; being connected is enough to learn whose it is.
      if (listen(socket.raw(), SOMAXCONN) != 0) return lock_error("listen", errno);
      return TableLock(std::move(socket));
    }
    if (failed != EADDRINUSE) return lock_error("bind", failed);
    if (const Result<ucred> holder = find_holder()) return held_by(*holder);
  }
  return lock_error("held by somebody who does not answer", EADDRINUSE);
}

}  // namespace tierwall::daemon
