#pragma once
// What to do when somebody else wrote to our table: put it right at once, tell who it was, and not be drawn into an
// endless fight with a tool that undoes every repair. The kernel tells of foreign transactions (nft/table_notices.h);
// whether this one took protection away is not asked: writing the whole table anew is one transaction, and right in
// any case.

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "daemon/clock.h"
#include "nft/table_notices.h"
#include "systemd/event_loop.h"

namespace tierwall::daemon {

/// When repairs are made: the first ten within ten seconds at once, from then on one every second.
class RepairPace {
 public:
  static constexpr std::size_t kAtOnce = 10;
  static constexpr std::chrono::microseconds kWithin = std::chrono::seconds(10);
  static constexpr std::chrono::microseconds kSlow = std::chrono::seconds(1);

  /// When a repair that is wanted at `now` is to be made; absent if one is still to come that was wanted before.
  std::optional<std::chrono::microseconds> plan(std::chrono::microseconds now);
  [[nodiscard]] bool is_slow(std::chrono::microseconds now) const;

 private:
  std::deque<std::chrono::microseconds> planned_;  // the last kAtOnce
};

class TableDefence {
 public:
  struct Repair {
    std::chrono::microseconds at{0};  ///< on the clock's monotonic scale
    std::string blame;                ///< "process 'nft' (pid 4711) changed the table"
  };
  using Callback = std::function<void(const Repair&)>;

  /// Without notices there is no defence, and trouble() says why. Borrows the clock. `on_repair` runs on the loop.
  TableDefence(systemd::EventLoop& loop, Result<std::unique_ptr<nft::TableNotices>> notices, const Clock& clock,
               Callback on_repair);
  TableDefence(const TableDefence&) = delete;
  TableDefence& operator=(const TableDefence&) = delete;

  /// Why the table may not be right for up to a second; absent while repairs are made at once.
  [[nodiscard]] std::optional<std::string> trouble() const;

 private:
  void read_notices();

  std::unique_ptr<nft::TableNotices> notices_;  // absent: they cannot be had
  const Clock& clock_;
  Callback on_repair_;
  RepairPace pace_;
  std::string blame_;                   // of the last change
  std::optional<std::string> failure_;  // of the notices
  std::optional<systemd::IoWatch> readable_;
};

}  // namespace tierwall::daemon
