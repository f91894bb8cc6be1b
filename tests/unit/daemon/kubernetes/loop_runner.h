#pragma once
// Turns an event loop for as long as a test has to wait for something.

#include <chrono>
#include <cstdint>
#include <functional>

#include <systemd/sd-event.h>

#include "systemd/event_loop.h"

namespace tierwall::test {

/// False if the condition still does not hold after the time.
inline bool turn_until(systemd::EventLoop& loop, const std::function<bool()>& condition,
                       std::chrono::milliseconds patience = std::chrono::seconds(10)) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::microseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0 || loop.failure()) return false;
    if (sd_event_run(loop.raw(), static_cast<std::uint64_t>(left.count())) < 0) return false;
  }
  return true;
}

/// Serves what is pending now, and what comes from that, until nothing is left to do at once.
inline void turn_until_idle(systemd::EventLoop& loop) {
  while (sd_event_run(loop.raw(), 0) > 0) {
  }
}

}  // namespace tierwall::test
