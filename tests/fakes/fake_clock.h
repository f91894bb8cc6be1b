#pragma once
// A clock that stands still until it is told to go on.

#include "daemon/clock.h"

namespace tierwall::test {

class FakeClock final : public daemon::Clock {
 public:
  void advance(std::chrono::microseconds time) { monotonic_ += time; }
  /// Somebody sets the wall clock; the monotonic one does not notice.
  void jump(std::chrono::microseconds time) { jumped_ += time; }

  [[nodiscard]] std::chrono::microseconds monotonic() const override { return monotonic_; }
  [[nodiscard]] std::chrono::milliseconds unix_time() const override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(kStart + monotonic_ + jumped_);
  }

 private:
  static constexpr std::chrono::microseconds kStart = std::chrono::seconds(1'700'000'000);
  std::chrono::microseconds jumped_{0};
  std::chrono::microseconds monotonic_ = std::chrono::seconds(1000);
};

}  // namespace tierwall::test
