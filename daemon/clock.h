#pragma once
// The door to time, so that back-off and coalescing can be tested without waiting.

#include <chrono>

namespace tierwall::daemon {

class Clock {
 public:
  virtual ~Clock() = default;

  /// Never goes back; the zero point means nothing.
  [[nodiscard]] virtual std::chrono::microseconds monotonic() const = 0;
  /// Since 1970.
  [[nodiscard]] virtual std::chrono::milliseconds unix_time() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] std::chrono::microseconds monotonic() const override {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch());
  }
  [[nodiscard]] std::chrono::milliseconds unix_time() const override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
  }
};

}  // namespace tierwall::daemon
