#pragma once
// How often something costly is read again while somebody watches: not sooner than two seconds after the last look, and
// where reading takes long, for at most a tenth of the time.

#include <algorithm>
#include <chrono>

namespace tierwall::daemon::ctl {

class ReadingPace {
 public:
  using Time = std::chrono::microseconds;  ///< of Clock::monotonic()
  static constexpr Time kPause = std::chrono::seconds(2);

  [[nodiscard]] bool is_due(Time now) const { return now >= due_; }
  void note_reading(Time began, Time ended) { due_ = ended + std::max(kPause, 10 * (ended - began)); }

 private:
  Time due_{0};
};

}  // namespace tierwall::daemon::ctl
