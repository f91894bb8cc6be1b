#pragma once
// Text for people: aligned columns without boxes, counts with their noun, ages, colours where the terminal shows them.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tierwall::daemon::ctl {

/// Rows of cells, printed with every column as wide as its widest cell and two blanks between. The last cell of a row
/// does not widen its column, so titles and long ends push nothing apart. No blanks trail a line.
class Columns {
 public:
  explicit Columns(std::size_t indent = 0) : indent_(indent) {}

  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  [[nodiscard]] std::string print() const;

 private:
  std::size_t indent_;
  std::vector<std::vector<std::string>> rows_;
};

/// "1 policy", "3 policies": the plural is given where it is not the noun and an s.
std::string count(std::size_t number, std::string_view noun, std::string_view plural = {});
/// "3 s", "12 min", "5 h", "3 d": one unit is enough to tell fresh from stale. Negative spans (clocks differ) are "0
/// s".
std::string print_span(std::int64_t milliseconds);
/// "850 us", "3.2 ms", "1.5 s".
std::string print_duration(std::int64_t microseconds);
/// Lines of at most kTextWidth columns, each ended by a newline, broken at blanks: the first begins behind `indent`
/// blanks, the others behind `hanging`. A word that is longer than a line stays whole.
std::string wrap(std::string_view text, std::size_t indent, std::size_t hanging);
inline constexpr std::size_t kTextWidth = 100;
std::string join(const std::vector<std::string>& words, std::string_view separator);

enum class Color { Red, Green, Yellow, Bold };
/// The text in that colour if `enabled`.
std::string paint(std::string_view text, Color color, bool enabled);

}  // namespace tierwall::daemon::ctl
