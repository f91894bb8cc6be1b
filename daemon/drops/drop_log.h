#pragma once
// The denials of the last time, as many as fit: what `tierwall drops` shows. Repetitions become one entry, so that a
// sender who does not give up does not push everything else out.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "daemon/drops/drop.h"
#include "policy/inventory.h"

namespace tierwall::daemon {

struct LoggedDrop {
  std::uint64_t number = 0;            ///< from 1, one more for each entry
  std::chrono::milliseconds first{0};  ///< since 1970
  std::chrono::milliseconds last{0};
  std::uint64_t packets = 0;  ///< that were told of; the table tells of a sample
  Drop drop;

  friend bool operator==(const LoggedDrop&, const LoggedDrop&) = default;
};

class DropLog {
 public:
  static constexpr std::size_t kMost = 2'000;
  /// The same thing again within this time is the same entry, whatever port it comes from. `tierwall drops --follow`
  /// shows an entry once.
  static constexpr std::chrono::milliseconds kTogether{1'000};
  /// Among so many entries a repetition is looked for.
  static constexpr std::size_t kLookedBack = 64;

  void add(Drop drop, std::chrono::milliseconds now);
  /// What an earlier log held, sorted by number. Before the first add().
  void remember(std::vector<LoggedDrop> entries);
  /// Those behind entry `after`, oldest first, at most `limit` of the newest.
  [[nodiscard]] std::vector<LoggedDrop> since(std::uint64_t after, std::size_t limit) const;
  [[nodiscard]] std::uint64_t last_number() const { return last_number_; }

  struct Decider {
    std::string words;  ///< name_decider()
    std::uint64_t packets = 0;

    friend auto operator<=>(const Decider&, const Decider&) = default;
  };
  /// Who denied what was last seen in that time (milliseconds since 1970), the most packets first. What bears a later
  /// time is from before the clock was set back, and does not count.
  [[nodiscard]] std::vector<Decider> deciders(std::chrono::milliseconds from, std::chrono::milliseconds to) const;

 private:
  std::deque<LoggedDrop> entries_;
  std::uint64_t last_number_ = 0;
};

/// Gives the ends that are pods of other nodes their names, as far as they are known. As slow as looking at every pod.
void name_pods(std::vector<LoggedDrop>& drops, const policy::Snapshot& world);

}  // namespace tierwall::daemon
