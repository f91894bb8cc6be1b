#pragma once
// Failures in a row of one thing that is asked again and again. One of them is an accident that the next try mends, and
// no news; several, or one that is not mended for a while, are a loss.

#include <chrono>
#include <optional>

namespace tierwall::daemon {

class FailureStreak {
 public:
  static constexpr int kLostAfter = 2;
  static constexpr std::chrono::microseconds kLostAge = std::chrono::seconds(10);

  void add(std::chrono::microseconds now) {
    if (count_++ == 0) since_ = now;
  }
  void end() { count_ = 0; }

  [[nodiscard]] bool is_loss(std::chrono::microseconds now) const {
    return count_ >= kLostAfter || (count_ > 0 && now - since_ >= kLostAge);
  }
  /// When it becomes a loss although nothing more happens; absent if it is none or is one already.
  [[nodiscard]] std::optional<std::chrono::microseconds> loss_due(std::chrono::microseconds now) const {
    if (count_ == 0 || is_loss(now)) return std::nullopt;
    return since_ + kLostAge;
  }

 private:
  int count_ = 0;
  std::chrono::microseconds since_{0};  ///< of the first
};

}  // namespace tierwall::daemon
