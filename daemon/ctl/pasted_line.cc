#include "daemon/ctl/pasted_line.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace tierwall::daemon::ctl {

namespace {

using Fields = std::map<std::string, std::string, std::less<>>;

/// The words KEY=VALUE of a line. Errors of ICMP carry the packet they are about in brackets, with the same keys.
Fields read_fields(std::string_view line) {
  Fields fields;
  line = line.substr(0, line.find("[SRC="));
  while (!line.empty()) {
    const std::size_t blank = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, blank);
    const std::size_t equals = word.find('=');
    if (equals != std::string_view::npos)
      fields.try_emplace(std::string(word.substr(0, equals)), word.substr(equals + 1));
    line.remove_prefix(std::min(blank + 1, line.size()));
  }
  return fields;
}

std::optional<std::string> find(const Fields& fields, std::string_view key) {
  const auto found = fields.find(key);
  return found == fields.end() || found->second.empty() ? std::nullopt : std::optional(found->second);
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return text;
}

Result<FlowWords> words_from_kernel(const Fields& fields) {
  const auto destination = find(fields, "DST");
  const auto protocol = find(fields, "PROTO");
  if (!destination || !protocol) return malformed("the line has SRC= but no DST= or PROTO=");
  FlowWords words{.from = "ip:" + fields.find("SRC")->second, .to = "ip:" + *destination};
  words.proto = lower(*protocol);
  words.dport = find(fields, "DPT");
  words.sport = find(fields, "SPT");
  if (const auto type = find(fields, "TYPE")) words.icmp = *type + "/" + find(fields, "CODE").value_or("0");
  return words;
}

/// Split where two blanks or more are.
std::vector<std::string> columns_of(std::string_view line) {
  std::vector<std::string> columns;
  while (!line.empty()) {
    const std::size_t gap = std::min(line.find("  "), line.size());
    if (gap > 0) columns.emplace_back(line.substr(0, gap));
    line.remove_prefix(gap);
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  }
  return columns;
}

std::string end_of(const std::string& name) {
  return (name.find('/') == std::string::npos ? "ip:" : "pod:") + name;
}

}  // namespace

Result<FlowWords> words_from_line(std::string_view line) {
  const Fields fields = read_fields(line);
  if (find(fields, "SRC")) return words_from_kernel(fields);
  const std::vector<std::string> columns = columns_of(line);
  if (columns.size() < 4)
    return malformed("the line is neither one of the kernel's log (SRC=, DST=, PROTO=) nor one of tierwall drops");
  FlowWords words{.from = end_of(columns[1]), .to = end_of(columns[2])};
  const std::string& service = columns[3];
  const std::size_t blank = std::min(service.find(' '), service.size());
  words.proto = service.substr(0, blank);
  if (blank == service.size()) return words;
  (words.proto->starts_with("icmp") ? words.icmp : words.dport) = service.substr(blank + 1);
  return words;
}

}  // namespace tierwall::daemon::ctl
