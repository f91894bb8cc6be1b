#pragma once
// New connections as a test tells them. Its descriptor is readable while there is something to read, as the kernel's.

#include <sys/eventfd.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include <unistd.h>

#include "daemon/connections/connection_events.h"
#include "systemd/unique_fd.h"

namespace tierwall::test {

class FakeConnectionEvents final : public daemon::ConnectionEvents {
 public:
  [[nodiscard]] int fd() const override { return readable_.raw(); }
  Result<std::vector<daemon::TrackedConnection>> read(std::size_t most) override {
    if (failure) return *failure;
    std::vector<daemon::TrackedConnection> some;
    while (!waiting_.empty() && some.size() < most) {
      some.push_back(waiting_.front());
      waiting_.pop_front();
    }
    std::uint64_t ignored = 0;
    if (waiting_.empty()) static_cast<void>(::read(fd(), &ignored, sizeof ignored));
    return some;
  }
  [[nodiscard]] std::uint64_t lost() const override { return lost_; }

  /// It begins; lost if `room` others wait already.
  void begin(const daemon::TrackedConnection& connection) {
    if (waiting_.size() == room) {
      ++lost_;
      return;
    }
    waiting_.push_back(connection);
    const std::uint64_t one = 1;
    static_cast<void>(::write(fd(), &one, sizeof one));
  }

  std::size_t room = 100;
  std::optional<Error> failure;

 private:
  systemd::UniqueFd readable_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::deque<daemon::TrackedConnection> waiting_;
  std::uint64_t lost_ = 0;
};

}  // namespace tierwall::test
