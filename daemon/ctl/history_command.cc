#include "daemon/ctl/history_command.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <ostream>
#include <utility>

#include <fmt/format.h>

#include "daemon/control/utc_time.h"
#include "daemon/ctl/change_command.h"
#include "daemon/ctl/terminal.h"

namespace tierwall::daemon::ctl {

namespace {

constexpr std::size_t kShownChanges = 2;

std::optional<std::uint64_t> parse_number(const std::string& text) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, number);
  return failure == std::errc() && rest == end ? std::optional(number) : std::nullopt;
}

std::string print_cause(const HistoryRow& row) {
  if (row.cause.empty()) return "-";
  if (row.cause == "expired") return "not confirmed";
  return row.uid ? fmt::format("{} by uid {}", row.cause, *row.uid) : row.cause;
}

std::string print_one(const HistoryChange& change) {
  return change.change == "removed" ? change.object + " removed" : change.object;
}

std::string print_changes(const HistoryRow& row) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < std::min(row.changes.size(), kShownChanges); ++i)
    words.push_back(print_one(row.changes[i]));
  const std::uint64_t more = row.changes.size() - words.size() + row.changes_left_out;
  if (more > 0) words.push_back(fmt::format("and {} more", more));
  return words.empty() ? "-" : join(words, ", ");
}

template <typename Value, typename Print>
int answer(const Result<Value>& value, const HistoryOptions& options, const Context& context, const Print& print) {
  if (!value) return report_refusal(value.error(), options.door.socket, "history", context);
  if (options.output == Output::Json) {
    context.out << print(*value, true);
  } else {
    context.out << print(*value, false);
  }
  return exit_code::kOk;
}

std::string dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

int list(std::uint64_t limit, const HistoryOptions& options, const Context& context) {
  return answer(list_generations(options.door, limit), options, context,
                [](const std::vector<HistoryRow>& rows, bool json) {
                  if (!json) return print_history(rows);
                  Json all = Json::array();
                  for (const HistoryRow& row : rows) all.push_back(to_json(row));
                  return dump(Json{{"generations", std::move(all)}});
                });
}

int show(std::uint64_t number, const HistoryOptions& options, const Context& context) {
  return answer(read_generation(options.door, number), options, context,
                [](const HistoryRow& row, bool json) { return json ? dump(to_json(row)) : print_generation(row); });
}

int misuse(const Context& context, const std::string& message) {
  print_failure(context, "history", message);
  return exit_code::kBadInput;
}

}  // namespace

std::string print_history(const std::vector<HistoryRow>& rows) {
  Columns columns;
  columns.add({"GENERATION", "TIME", "POLICY DIRECTORY", "OBJECTS"});
  for (const HistoryRow& row : rows) {
    columns.add({fmt::format("{}", row.generation), print_utc(std::chrono::milliseconds(row.time_ms)), print_cause(row),
                 print_changes(row)});
  }
  return columns.print();
}

std::string print_generation(const HistoryRow& row) {
  std::string text =
      fmt::format("generation {}, {}\n", row.generation, print_utc(std::chrono::milliseconds(row.time_ms)));
  Columns lines(2);
  if (!row.cause.empty()) {
    lines.add({"directory", print_cause(row) + (row.files.empty() ? "" : ": " + join(row.files, ", "))});
  }
  lines.add({"in force", fmt::format("{} on this node, {}", count(row.endpoints, "endpoint"),
                                     count(row.policies, "policy", "policies"))});
  lines.add({"table",
             fmt::format("{}, {}, {}", count(row.chains, "chain"), count(row.rules, "rule"), count(row.sets, "set"))});
  for (const HistoryChange& change : row.changes)
    lines.add({change.change, fmt::format("{} ({})", change.object, change.source)});
  if (row.changes_left_out > 0) lines.add({"", fmt::format("and {} more that are not listed", row.changes_left_out)});
  return text + lines.print();
}

int history_command(const HistoryOptions& options, const Context& context) {
  const auto limit = parse_number(options.limit);
  if (!limit || *limit == 0) return misuse(context, fmt::format("-n: '{}' is no number of generations", options.limit));
  if (options.words.empty()) return list(*limit, options, context);
  if (options.words.front() != "show")
    return misuse(context, fmt::format("unexpected '{}'; see tierwall history --help", options.words.front()));
  if (options.words.size() != 2) return misuse(context, "name one generation: tierwall history show GENERATION");
  const Result<std::uint64_t> number = parse_generation(options.words.back());
  if (!number) return misuse(context, number.error().message);
  return show(*number, options, context);
}

}  // namespace tierwall::daemon::ctl
