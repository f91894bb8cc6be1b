#include "daemon/ctl/history_door.h"

#include <charconv>
#include <functional>

#include <fmt/format.h>

#include "daemon/state/open_state.h"

namespace tierwall::daemon::ctl {

namespace {

template <typename Value>
struct Question {
  const char* method;
  const char* result;
  Json parameters;
  Result<Value> (*from_json)(const Json&);
  std::function<Result<Value>(StateStore&)> from_store;
};

template <typename Value>
Result<Value> ask_past(const Question<Value>& question, const HistoryDoor& door) {
  const Result<Json> reply = call(door.socket, question.method, question.parameters);
  if (reply) {
    const auto found = reply->find(question.result);
    return found == reply->end() ? malformed(fmt::format("the answer has no {}", question.result))
                                 : question.from_json(*found);
  }
  if (reply.error().kind != ErrorKind::Unavailable) return reply.error();
  const auto store = open_state_for_reading(door.state);
  if (store) return question.from_store(**store);
  return Error{
      ErrorKind::Unavailable,
      fmt::format("{}, and without it the state cannot be read: {}", reply.error().message, store.error().message),
      reply.error().errno_value};
}

}  // namespace

Result<std::uint64_t> parse_generation(const std::string& text) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, number);
  if (failure == std::errc() && rest == end) return number;
  return malformed(fmt::format("'{}' is no generation; see tierwall history", text));
}

Result<std::vector<HistoryRow>> list_generations(const HistoryDoor& door, std::uint64_t limit) {
  return ask_past<std::vector<HistoryRow>>(
      {.method = "ListGenerations",
       .result = "generations",
       .parameters = {{"limit", limit}},
       .from_json = history_from_json,
       .from_store = [&](StateStore& store) { return read_history(store, static_cast<std::size_t>(limit)); }},
      door);
}

Result<HistoryRow> read_generation(const HistoryDoor& door, std::uint64_t number) {
  return ask_past<HistoryRow>({.method = "GetGeneration",
                               .result = "generation",
                               .parameters = {{"generation", number}},
                               .from_json = history_row_from_json,
                               .from_store = [&](StateStore& store) { return daemon::read_generation(store, number); }},
                              door);
}

Result<FileContents> read_files_at(const HistoryDoor& door, std::uint64_t generation) {
  return ask_past<FileContents>(
      {.method = "GetFiles",
       .result = "files",
       .parameters = {{"generation", generation}},
       .from_json = files_from_json,
       .from_store = [&](StateStore& store) { return daemon::read_files_at(store, generation); }},
      door);
}

}  // namespace tierwall::daemon::ctl
