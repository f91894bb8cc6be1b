#pragma once
// The one source of chance in generated worlds. The same seed gives the same choices on every machine: nothing of the
// standard library's distributions is used, which may differ between implementations. A fuzzer makes the choices
// itself.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <span>
#include <utility>
#include <vector>

namespace tierwall::test {

class RandomChoice {
 public:
  explicit RandomChoice(std::uint32_t seed) : engine_(seed) {}
  /// Every choice is the next byte, or the next two or four of a wide range; when they are used up, chance goes on with
  /// a seed of its own, because generators rely on it to come to an end. The bytes must outlive this object.
  explicit RandomChoice(std::span<const std::uint8_t> choices) : engine_(1), choices_(choices) {}

  /// Both ends inclusive.
  int number(int low, int high) {
    const auto range = static_cast<std::uint32_t>(high - low + 1);
    return low + static_cast<int>(draw(range) % range);
  }
  bool chance(int percent) { return number(1, 100) <= percent; }

  template <typename T>
  T pick(std::initializer_list<T> items) {
    return items.begin()[number(0, static_cast<int>(items.size()) - 1)];
  }
  /// *Pre:* there is something to pick from.
  template <typename T>
  const T& pick(const std::vector<T>& items) {
    return items[static_cast<std::size_t>(number(0, static_cast<int>(items.size()) - 1))];
  }
  template <typename T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) {
      std::swap(items[i - 1], items[static_cast<std::size_t>(number(0, static_cast<int>(i) - 1))]);
    }
  }

 private:
  std::uint32_t draw(std::uint32_t range) {
    const std::size_t width = range <= 0x100 ? 1 : range <= 0x10000 ? 2 : 4;
    if (choices_.size() < width) {
      choices_ = {};
      return static_cast<std::uint32_t>(engine_());
    }
    std::uint32_t drawn = 0;
    for (std::size_t i = 0; i < width; ++i) drawn = drawn << 8 | choices_[i];
    choices_ = choices_.subspan(width);
    return drawn;
  }

  std::mt19937 engine_;
  std::span<const std::uint8_t> choices_;
};

}  // namespace tierwall::test
