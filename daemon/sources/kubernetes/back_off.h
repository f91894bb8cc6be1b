#pragma once
// How long to wait before the next try, so that many nodes whose API server went away do not come back as one.

#include <chrono>
#include <functional>
#include <optional>

namespace tierwall::daemon {

/// From 0 up to, but not including, 1. Injected, so that tests know what comes.
using Random = std::function<double()>;

/// A length of time between two bounds.
std::chrono::microseconds random_between(std::chrono::microseconds shortest, std::chrono::microseconds longest,
                                         const Random& random);

/// Doubles with every failure; begins anew after a while without one.
class BackOff {
 public:
  static constexpr std::chrono::microseconds kFirst = std::chrono::milliseconds(800);
  static constexpr std::chrono::microseconds kLongest = std::chrono::seconds(30);
  static constexpr std::chrono::microseconds kForgetAfter = std::chrono::minutes(2);

  /// Something failed at `now`: the time to wait, of which up to a half is chance.
  std::chrono::microseconds next(std::chrono::microseconds now, const Random& random);

 private:
  std::chrono::microseconds delay_ = kFirst;
  std::optional<std::chrono::microseconds> last_failure_;
};

}  // namespace tierwall::daemon
