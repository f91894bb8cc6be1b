#include "daemon/state/state_store.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

namespace tierwall::daemon {

namespace {

/// The largest number SQLite knows.
constexpr std::uint64_t kLargest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

std::uint64_t add_up(std::uint64_t left, std::uint64_t right) {
  const std::uint64_t bounded = std::min(left, kLargest);
  return bounded + std::min(right, kLargest - bounded);
}

}  // namespace

Generation within_limits(Generation generation, const StateLimits& limits) {
  if (generation.changes.size() <= limits.changes) return generation;
  generation.changes_left_out += generation.changes.size() - limits.changes;
  generation.changes.resize(limits.changes);
  return generation;
}

Counter sum(const Counter& left, const Counter& right) {
  return {.packets = add_up(left.packets, right.packets),
          .bytes = add_up(left.bytes, right.bytes),
          .last_hit = std::max(left.last_hit, right.last_hit)};
}

Result<void> check_follows(const Generation& next, std::uint64_t latest) {
  TIERWALL_CHECK(next.number > 0 && next.number <= kLargest);
  if (next.number > latest) return {};
  return Error{ErrorKind::Conflict,
               fmt::format("generation {} cannot be recorded after generation {}", next.number, latest)};
}

std::size_t size_of(const FileContents& files) {
  std::size_t bytes = 0;
  for (const auto& [name, content] : files) bytes += content.size();
  return bytes;
}

Error no_such_version(std::uint64_t version) {
  return {ErrorKind::NotFound, fmt::format("the files of version {} are not remembered", version)};
}

}  // namespace tierwall::daemon
