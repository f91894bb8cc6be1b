#pragma once
// What the watched directories share: a queue of notices, and which notices say that the directory itself is lost.

#include <cerrno>
#include <cstdint>
#include <system_error>

#include <sys/inotify.h>

namespace tierwall::daemon {

constexpr std::uint32_t kLossEvents = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED;

/// Throws std::system_error: without a queue no source can start (the limit of instances per user is reached).
inline int make_inotify() {
  const int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "inotify_init1");
  return fd;
}

}  // namespace tierwall::daemon
