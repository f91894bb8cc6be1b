#include "daemon/sources/kubernetes/back_off.h"

#include <algorithm>

namespace tierwall::daemon {

std::chrono::microseconds random_between(std::chrono::microseconds shortest, std::chrono::microseconds longest,
                                         const Random& random) {
  const double spread = static_cast<double>((longest - shortest).count()) * random();
  return shortest + std::chrono::microseconds(static_cast<std::int64_t>(spread));
}

std::chrono::microseconds BackOff::next(std::chrono::microseconds now, const Random& random) {
  if (last_failure_ && now - *last_failure_ >= kForgetAfter) delay_ = kFirst;
  last_failure_ = now;
  const std::chrono::microseconds wait = std::min(random_between(delay_, 2 * delay_, random), kLongest);
  delay_ = std::min(2 * delay_, kLongest);
  return wait;
}

}  // namespace tierwall::daemon
