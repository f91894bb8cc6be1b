#include "daemon/state/checksum.h"

#include <cstring>

namespace tierwall::daemon {

namespace {

constexpr std::uint64_t kMultiplier = 0x9e3779b97f4a7c15;  // odd, so multiplying loses nothing

}  // namespace

void Checksum::mix(std::uint64_t word) {
  state_ = (state_ ^ word) * kMultiplier;
  state_ ^= state_ >> 32;
}

Checksum& Checksum::add(std::int64_t number) {
  mix(static_cast<std::uint64_t>(number));
  return *this;
}

Checksum& Checksum::add(std::string_view text) {
  mix(text.size());
  std::uint64_t word = 0;
  for (; text.size() >= sizeof word; text.remove_prefix(sizeof word)) {
    std::memcpy(&word, text.data(), sizeof word);
    mix(word);
  }
  if (text.empty()) return *this;
  word = 0;
  std::memcpy(&word, text.data(), text.size());
  mix(word);
  return *this;
}

}  // namespace tierwall::daemon
