#pragma once
// What was denied of late outlives the process: some seconds after a denial was told, the entries of the log that are
// new or have grown go to the state store, which keeps as many as the log does. A flood costs one transaction in that
// time, and the log has a bound.
//
// Owns no timer and never logs: due() says when step() wants to be called.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "daemon/clock.h"
#include "daemon/drops/drop_log.h"
#include "daemon/state/state_store.h"

namespace tierwall::daemon {

class DropMemory {
 public:
  /// From the first denial to its transaction.
  static constexpr std::chrono::microseconds kSettle = std::chrono::seconds(10);

  /// Borrows all of them, the store until move_to().
  DropMemory(const DropLog& log, StateStore& store, const Clock& clock) : log_(log), store_(&store), clock_(clock) {}
  DropMemory(const DropMemory&) = delete;
  DropMemory& operator=(const DropMemory&) = delete;

  /// What an earlier process told, for the log.
  [[nodiscard]] Result<std::vector<LoggedDrop>> restore();
  /// The log may have grown.
  void note();
  /// Goes over to another store, because this one could not be written; borrows it. All entries of the log go there,
  /// behind those it holds.
  void move_to(StateStore& store);

  [[nodiscard]] std::optional<std::chrono::microseconds> due() const { return due_; }
  void step();
  /// Writes what is new now: before the process ends.
  void flush();
  /// Why the last transaction failed; its entries are written with the next.
  [[nodiscard]] const std::optional<std::string>& trouble() const { return trouble_; }

 private:
  const DropLog& log_;
  StateStore* store_;  // never null
  const Clock& clock_;
  std::uint64_t final_ = 0;  // up to this number entries are written and do not grow any more
  std::uint64_t ahead_ = 0;  // so much higher are numbers in the store than in the log
  std::optional<std::chrono::microseconds> due_;
  std::optional<std::string> trouble_;
};

}  // namespace tierwall::daemon
