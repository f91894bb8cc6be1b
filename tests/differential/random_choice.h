#pragma once
// The one source of chance in generated worlds. The same seed gives the same choices on every machine: nothing of the
// standard library's distributions is used, which may differ between implementations.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <utility>
#include <vector>

namespace tierwall::test {

class RandomChoice {
 public:
  explicit RandomChoice(std::uint32_t seed) : engine_(seed) {}

  /// Both ends inclusive.
  int number(int low, int high) {
    return low + static_cast<int>(engine_() % static_cast<std::uint32_t>(high - low + 1));
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
  std::mt19937 engine_;
};

}  // namespace tierwall::test
