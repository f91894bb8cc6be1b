#include "daemon/sources/rfc3339.h"

#include <charconv>
#include <cstddef>
#include <system_error>

namespace tierwall::daemon {

namespace {

std::optional<int> digits(std::string_view& text, std::size_t count) {
  int value = 0;
  if (text.size() < count) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + count, value);
  if (error != std::errc() || end != text.data() + count || text.front() == '-') return std::nullopt;
  text.remove_prefix(count);
  return value;
}

bool skip(std::string_view& text, char expected) {
  if (text.empty() || (text.front() | 0x20) != (expected | 0x20)) return false;
  text.remove_prefix(1);
  return true;
}

/// "-08:00" or "Z"
std::optional<std::chrono::minutes> parse_offset(std::string_view text) {
  if (skip(text, 'Z')) return text.empty() ? std::optional(std::chrono::minutes(0)) : std::nullopt;
  if (text.empty() || (text.front() != '+' && text.front() != '-')) return std::nullopt;
  const int sign = text.front() == '-' ? -1 : 1;
  text.remove_prefix(1);
  const auto hours = digits(text, 2);
  if (!hours || text.empty() || text.front() != ':') return std::nullopt;
  text.remove_prefix(1);
  const auto minutes = digits(text, 2);
  if (!minutes || !text.empty() || *hours > 23 || *minutes > 59) return std::nullopt;
  return sign * (std::chrono::hours(*hours) + std::chrono::minutes(*minutes));
}

/// The fraction of a second, if one is written.
std::optional<std::chrono::milliseconds> take_fraction(std::string_view& text) {
  if (text.empty() || text.front() != '.') return std::chrono::milliseconds(0);
  text.remove_prefix(1);
  int milliseconds = 0;
  int unit = 100;
  std::size_t length = 0;
  for (; length < text.size() && text[length] >= '0' && text[length] <= '9'; ++length, unit /= 10)
    milliseconds += (text[length] - '0') * unit;
  text.remove_prefix(length);
  if (length == 0) return std::nullopt;
  return std::chrono::milliseconds(milliseconds);
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_rfc3339(std::string_view text) {
  const auto year = digits(text, 4);
  if (!year || !skip(text, '-')) return std::nullopt;
  const auto month = digits(text, 2);
  if (!month || !skip(text, '-')) return std::nullopt;
  const auto day = digits(text, 2);
  if (!day || !skip(text, 'T')) return std::nullopt;
  const auto hour = digits(text, 2);
  if (!hour || !skip(text, ':')) return std::nullopt;
  const auto minute = digits(text, 2);
  if (!minute || !skip(text, ':')) return std::nullopt;
  const auto second = digits(text, 2);
  if (!second) return std::nullopt;
  const auto fraction = take_fraction(text);
  const auto offset = fraction ? parse_offset(text) : std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!offset || !date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(*hour) + std::chrono::minutes(*minute) -
         *offset + std::chrono::seconds(*second) + *fraction;
}

}  // namespace tierwall::daemon
