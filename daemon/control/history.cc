#include "daemon/control/history.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "daemon/control/object_reader.h"
#include "daemon/control/utc_time.h"

namespace tierwall::daemon {

namespace {

std::string_view print_cause(FileCause cause) {
  switch (cause) {
    case FileCause::Edit:
      return "edit";
    case FileCause::Apply:
      return "apply";
    case FileCause::Rollback:
      return "rollback";
    case FileCause::Expired:
      return "expired";
  }
  TIERWALL_CHECK(false);
  return {};
}

/// Files that only one of them has, or that differ.
std::vector<std::string> differing(const FileContents& left, const FileContents& right) {
  std::vector<std::string> names;
  for (const auto& [name, content] : left) {
    const auto other = right.find(name);
    if (other == right.end() || other->second != content) names.push_back(name);
  }
  for (const auto& [name, content] : right) {
    if (!left.contains(name)) names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

HistoryRow describe(const Generation& generation) {
  HistoryRow row;
  row.generation = generation.number;
  row.time_ms = generation.time.count();
  for (const ObjectChange& change : generation.changes) {
    row.changes.push_back({.change = change.change == ObjectChange::Change::Gone ? "removed" : "put",
                           .source = change.id.source,
                           .object = policy::print_key(change.id.key)});
  }
  row.changes_left_out = generation.changes_left_out;
  row.endpoints = generation.summary.endpoints;
  row.policies = generation.summary.policies;
  row.sets = generation.summary.sets;
  row.rules = generation.summary.rules;
  row.chains = generation.summary.chains;
  return row;
}

/// Says who changed the policy directory in this generation. `versions` are the newest first.
void add_cause(HistoryRow& row, StateStore& store, const std::vector<FileVersion>& versions) {
  const auto found = std::ranges::find(versions, row.generation, &FileVersion::generation);
  if (found == versions.end()) return;
  row.cause = print_cause(found->cause);
  if (found->uid) row.uid = std::int64_t{*found->uid};
  const auto before = std::next(found);
  const auto files = store.files_of(found->number);
  const auto former = before == versions.end() ? Result<FileContents>(FileContents{}) : store.files_of(before->number);
  if (files && former) row.files = differing(*former, *files);
}

Result<HistoryChange> change_from_json(const Json& json) {
  ObjectReader reader(json, "change");
  HistoryChange change;
  reader.read("change", change.change);
  reader.read("source", change.source);
  reader.read("object", change.object);
  return reader.finish(std::move(change));
}

}  // namespace

Result<std::vector<HistoryRow>> read_history(StateStore& store, std::size_t limit) {
  const auto generations = store.history(limit);
  if (!generations) return generations.error();
  const auto versions = store.file_versions();
  if (!versions) return versions.error();
  std::vector<HistoryRow> rows;
  for (const Generation& generation : *generations) {
    rows.push_back(describe(generation));
    add_cause(rows.back(), store, *versions);
  }
  return rows;
}

Result<HistoryRow> read_generation(StateStore& store, std::uint64_t number) {
  const auto generation = store.generation(number);
  if (!generation) {
    const auto all = store.history(StateLimits().generations);
    if (generation.error().kind != ErrorKind::NotFound || !all || all->empty()) return generation.error();
    return Error{ErrorKind::NotFound,
                 fmt::format("generation {} is not remembered; the history goes from {} ({}) to {}", number,
                             all->back().number, print_utc(all->back().time), all->front().number)};
  }
  const auto versions = store.file_versions();
  if (!versions) return versions.error();
  HistoryRow row = describe(*generation);
  add_cause(row, store, *versions);
  return row;
}

Result<FileContents> read_files_at(StateStore& store, std::uint64_t generation) {
  const auto versions = store.file_versions();
  if (!versions) return versions.error();
  const auto then =
      std::ranges::find_if(*versions, [&](const FileVersion& version) { return version.generation <= generation; });
  if (then == versions->end() || !then->kept) {
    return Error{ErrorKind::NotFound,
                 fmt::format("what the policy directory held in generation {} is not remembered", generation)};
  }
  return store.files_of(then->number);
}

Json to_json(const HistoryRow& row) {
  Json changes = Json::array();
  for (const HistoryChange& change : row.changes)
    changes.push_back(Json{{"change", change.change}, {"source", change.source}, {"object", change.object}});
  return {{"generation", row.generation},
          {"time_ms", row.time_ms},
          {"cause", row.cause},
          {"uid", row.uid ? Json(*row.uid) : Json(nullptr)},
          {"files", row.files},
          {"changes", std::move(changes)},
          {"changes_left_out", row.changes_left_out},
          {"endpoints", row.endpoints},
          {"policies", row.policies},
          {"sets", row.sets},
          {"rules", row.rules},
          {"chains", row.chains}};
}

Result<HistoryRow> history_row_from_json(const Json& json) {
  ObjectReader reader(json, "generation");
  HistoryRow row;
  reader.read("generation", row.generation);
  reader.read("time_ms", row.time_ms);
  reader.read("cause", row.cause);
  reader.read("uid", row.uid);
  reader.read("files", row.files);
  reader.read_array("changes", row.changes, change_from_json);
  reader.read("changes_left_out", row.changes_left_out);
  reader.read("endpoints", row.endpoints);
  reader.read("policies", row.policies);
  reader.read("sets", row.sets);
  reader.read("rules", row.rules);
  reader.read("chains", row.chains);
  return reader.finish(std::move(row));
}

Result<std::vector<HistoryRow>> history_from_json(const Json& json) {
  return rows_from_json(json, history_row_from_json);
}

Json to_json(const FileContents& files) {
  Json all = Json::array();
  for (const auto& [name, content] : files) all.push_back({{"name", name}, {"content", content}});
  return all;
}

Result<std::pair<std::string, std::string>> file_from_json(const Json& json) {
  ObjectReader reader(json, "file");
  std::pair<std::string, std::string> file;
  reader.read("name", file.first);
  reader.read("content", file.second);
  return reader.finish(std::move(file));
}

Result<FileContents> files_from_json(const Json& json) {
  const auto rows = rows_from_json(json, file_from_json);
  if (!rows) return rows.error();
  return FileContents(rows->begin(), rows->end());
}

}  // namespace tierwall::daemon
