#pragma once
// Tells whether a row still is what was written. SQLite notices damage to its own structure, not to what it stores,
// and one flipped bit could turn a Deny into something else. Guards against accidents, not against attackers.

#include <cstdint>
#include <string_view>

namespace tierwall::daemon {

/// Every value is taken in by steps that can be undone, so damage within eight bytes never goes unnoticed.
class Checksum {
 public:
  Checksum& add(std::string_view text);
  Checksum& add(std::int64_t number);
  [[nodiscard]] std::int64_t value() const { return static_cast<std::int64_t>(state_); }

 private:
  void mix(std::uint64_t word);

  std::uint64_t state_ = 0x7469657277616c6c;
};

}  // namespace tierwall::daemon
