#include "daemon/ctl/terminal.h"

#include <algorithm>

#include <fmt/format.h>

namespace tierwall::daemon::ctl {

namespace {

/// Characters, not bytes: what follows a first byte of UTF-8 takes no column.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace

std::string Columns::print() const {
  std::vector<std::size_t> widths;
  for (const std::vector<std::string>& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i + 1 < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string text;
  for (const std::vector<std::string>& row : rows_) {
    std::string line(indent_, ' ');
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - width(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

std::string count(std::size_t number, std::string_view noun, std::string_view plural) {
  if (number == 1) return fmt::format("1 {}", noun);
  return plural.empty() ? fmt::format("{} {}s", number, noun) : fmt::format("{} {}", number, plural);
}

std::string print_span(std::int64_t milliseconds) {
  const std::int64_t seconds = std::max<std::int64_t>(milliseconds, 0) / 1000;
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 120 * 60) return fmt::format("{} min", seconds / 60);
  if (seconds < 48 * 3600) return fmt::format("{} h", seconds / 3600);
  return fmt::format("{} d", seconds / 86400);
}

std::string print_duration(std::int64_t microseconds) {
  if (microseconds < 1000) return fmt::format("{} us", microseconds);
  if (microseconds < 1000 * 1000) return fmt::format("{:.1f} ms", static_cast<double>(microseconds) / 1e3);
  return fmt::format("{:.1f} s", static_cast<double>(microseconds) / 1e6);
}

std::string wrap(std::string_view text, std::size_t indent, std::size_t hanging) {
  std::string lines;
  std::string line(indent, ' ');
  bool fresh = true;
  while (!text.empty()) {
    const std::size_t blank = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, blank);
    text.remove_prefix(std::min(blank + 1, text.size()));
    if (!fresh && width(line) + 1 + width(word) > kTextWidth) {
      lines += line + '\n';
      line.assign(hanging, ' ');
      fresh = true;
    }
    if (!fresh) line += ' ';
    line += word;
    fresh = false;
  }
  return lines + line + '\n';
}

std::string join(const std::vector<std::string>& words, std::string_view separator) {
  return fmt::format("{}", fmt::join(words, separator));
}

std::string paint(std::string_view text, Color color, bool enabled) {
  if (!enabled) return std::string(text);
  switch (color) {
    case Color::Red:
      return fmt::format("\x1b[31m{}\x1b[0m", text);
    case Color::Green:
      return fmt::format("\x1b[32m{}\x1b[0m", text);
    case Color::Yellow:
      return fmt::format("\x1b[33m{}\x1b[0m", text);
    case Color::Bold:
      return fmt::format("\x1b[1m{}\x1b[0m", text);
  }
  return std::string(text);
}

}  // namespace tierwall::daemon::ctl
