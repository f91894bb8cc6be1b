#include "tests/lab/matrix.h"

#include <algorithm>

namespace tierwall::lab {
namespace {

std::string port_title(const Target& target) {
  const std::string protocol = policy::print_protocol(target.protocol);
  return target.port == 0 ? protocol : protocol + " " + std::to_string(target.port);
}

std::string padded(const std::string& text, std::size_t width) {
  return text.size() >= width ? text : text + std::string(width - text.size(), ' ');
}

std::string without_trailing_blanks(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::string colored(const std::string& text, const std::optional<Outcome>& outcome, bool changed) {
  if (!outcome) return text;
  const char* color = *outcome == Outcome::Allowed ? "32" : "31";
  return std::string("\033[") + (changed ? "1;" : "") + color + "m" + text + "\033[0m";
}

std::size_t column_width(const Target& target) {
  return std::max({target.title.size(), port_title(target).size(), std::string_view("refuse*").size()}) + 2;
}

std::size_t title_width(const MatrixShape& shape) {
  std::size_t width = std::string_view("from \\ to").size();
  for (const Source& source : shape.sources) width = std::max(width, source.title.size());
  return width + 2;
}

std::string print_header(const MatrixShape& shape) {
  std::string hosts = padded("from \\ to", title_width(shape));
  std::string ports = padded("", title_width(shape));
  for (const Target& target : shape.targets) {
    hosts += padded(target.title, column_width(target));
    ports += padded(port_title(target), column_width(target));
  }
  return without_trailing_blanks(hosts) + without_trailing_blanks(ports);
}

}  // namespace

BothFamilies probe_matrix(const Lab& lab, const MatrixShape& shape, const BothFamilies& expected) {
  const std::size_t size = shape.sources.size() * shape.targets.size();
  BothFamilies seen{Cells(size), Cells(size)};
  std::vector<Probe> probes;
  std::vector<Outcome> wanted;
  std::vector<std::optional<Outcome>*> places;
  const auto add = [&](policy::Family family, const Cells& hoped_for, Cells& cells) {
    for (std::size_t i = 0; i < size; ++i) {
      const Source& source = shape.sources[i / shape.targets.size()];
      const Target& target = shape.targets[i % shape.targets.size()];
      if (source.host == target.host) continue;
      probes.push_back({&lab.host(source.host), &lab.host(target.host), target.protocol, target.port, family, true});
      wanted.push_back(hoped_for[i].value_or(Outcome::Allowed));
      places.push_back(&cells[i]);
    }
  };
  add(policy::Family::V4, expected.v4, seen.v4);
  add(policy::Family::V6, expected.v6, seen.v6);
  const std::vector<Outcome> outcomes = run_expecting(probes, wanted);
  for (std::size_t i = 0; i < places.size(); ++i) *places[i] = outcomes[i];
  return seen;
}

std::string print_matrix(const MatrixShape& shape, const Cells& cells, const Cells* before, MatrixStyle style) {
  std::string result = print_header(shape);
  std::size_t at = 0;
  for (const Source& source : shape.sources) {
    std::string line = padded(source.title, title_width(shape));
    for (const Target& target : shape.targets) {
      const std::optional<Outcome> cell = cells[at];
      const bool changed = before != nullptr && (*before)[at] != cell;
      const std::string word = cell ? std::string(print_outcome(*cell)) : "-";
      const std::string text = padded(word + (changed ? "*" : ""), column_width(target));
      line += style.color ? colored(text, cell, changed) : text;
      ++at;
    }
    result += without_trailing_blanks(std::move(line));
  }
  return result;
}

std::vector<std::string> describe_differences(const MatrixShape& shape, const Cells& cells, const Cells& expected) {
  std::vector<std::string> result;
  const auto word = [](const std::optional<Outcome>& cell) { return std::string(cell ? print_outcome(*cell) : "-"); };
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (cells[i] == expected[i]) continue;
    const Target& target = shape.targets[i % shape.targets.size()];
    result.push_back(shape.sources[i / shape.targets.size()].title + " -> " + target.title + " " + port_title(target) +
                     ": " + word(cells[i]) + ", expected " + word(expected[i]));
  }
  return result;
}

}  // namespace tierwall::lab
