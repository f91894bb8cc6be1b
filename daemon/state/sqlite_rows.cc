#include "daemon/state/sqlite_rows.h"

#include <array>

#include <fmt/format.h>

#include "daemon/state/kind_names.h"

namespace tierwall::daemon {

namespace {

using Change = ObjectChange::Change;

std::chrono::milliseconds time_at(const Run& run, int column) {
  return std::chrono::milliseconds(run.number_at(column));
}

std::uint64_t count_at(const Run& run, int column) {
  return static_cast<std::uint64_t>(run.number_at(column));
}

/// From four columns in a row.
std::optional<ObjectId> read_id(const Run& run, int first) {
  const auto kind = parse_kind_name(run.bytes_at(first + 1));
  if (!kind) return std::nullopt;
  return ObjectId{.source = run.text_at(first),
                  .key = {.kind = *kind, .ns = run.text_at(first + 2), .name = run.text_at(first + 3)}};
}

/// Stored as words, in the order of the enumeration.
constexpr std::array<std::string_view, 4> kCauses = {"edit", "apply", "rollback", "expired"};

FileCause parse_cause(std::string_view word) {
  for (std::size_t i = 0; i < kCauses.size(); ++i) {
    if (kCauses[i] == word) return static_cast<FileCause>(i);
  }
  return FileCause::Edit;  // of a newer version
}

}  // namespace

std::string select(const char* columns, const char* rest) {
  return fmt::format("SELECT {} FROM {}", columns, rest);
}

std::string insert(const char* table, const char* columns, const char* conflict) {
  const std::string names = columns;
  std::string marks = "?";
  for (const char c : names) marks += c == ',' ? ", ?" : "";
  return fmt::format("INSERT {} INTO {} ({}) VALUES ({})", conflict, table, names, marks);
}

void bind_id(Run& run, const ObjectId& id) {
  run.text(id.source).text(policy::print_kind(id.key.kind)).text(id.key.ns).text(id.key.name);
}

void bind_object(Run& run, const RememberedObject& object) {
  bind_id(run, object.id);
  run.text(object.boot_id).text(object.resource_version).text(object.where.file);
  run.number(std::int64_t{object.where.line}).number(std::int64_t{object.where.column});
  run.blob(object.document).seal();
}

std::optional<RememberedObject> read_object(const Run& run) {
  auto id = read_id(run, 0);
  if (!id) return std::nullopt;
  return RememberedObject{
      .id = *std::move(id),
      .resource_version = run.text_at(5),
      .document = run.text_at(9),
      .where = {.file = run.text_at(6),
                .line = static_cast<int>(run.number_at(7)),
                .column = static_cast<int>(run.number_at(8))},
      .boot_id = run.text_at(4),
  };
}

std::string read_object_name(const Run& run) {
  const std::string ns = run.text_at(2);
  return run.text_at(1) + " " + (ns.empty() ? "" : ns + "/") + run.text_at(3);
}

void bind_generation(Run& run, const Generation& generation) {
  const TableSummary& summary = generation.summary;
  run.number(generation.number).number(std::int64_t{generation.time.count()});
  run.number(summary.endpoints).number(summary.policies).number(summary.sets).number(summary.rules);
  run.number(summary.chains).text(generation.fingerprint).number(generation.changes_left_out).seal();
}

Generation read_generation(const Run& run) {
  return {
      .number = count_at(run, 0),
      .time = time_at(run, 1),
      .summary = {.endpoints = count_at(run, 2),
                  .policies = count_at(run, 3),
                  .sets = count_at(run, 4),
                  .rules = count_at(run, 5),
                  .chains = count_at(run, 6)},
      .fingerprint = run.text_at(7),
      .changes = {},
      .changes_left_out = count_at(run, 8),
  };
}

void bind_change(Run& run, const Generation& generation, std::size_t position) {
  const ObjectChange& change = generation.changes[position];
  run.number(generation.number).number(std::uint64_t{position});
  bind_id(run, change.id);
  run.number(std::int64_t{change.change == Change::Gone}).text(change.resource_version).seal();
}

std::optional<ObjectChange> read_change(const Run& run) {
  auto id = read_id(run, 2);
  if (!id) return std::nullopt;
  return ObjectChange{.id = *std::move(id),
                      .change = run.number_at(6) != 0 ? Change::Gone : Change::Upsert,
                      .resource_version = run.text_at(7)};
}

void bind_fact(Run& run, const std::string& name, const std::string& value) {
  run.text(name).text(value).seal();
}

void bind_counter(Run& run, const std::string& name, const Counter& counter) {
  run.text(name).number(counter.packets).number(counter.bytes);
  run.number(std::int64_t{counter.last_hit.count()}).seal();
}

Counter read_counter(const Run& run) {
  return {.packets = count_at(run, 1), .bytes = count_at(run, 2), .last_hit = time_at(run, 3)};
}

void bind_version(Run& run, const FileVersion& version) {
  run.number(version.number).number(version.generation).number(std::int64_t{version.time.count()});
  run.text(kCauses[static_cast<std::size_t>(version.cause)]);
  run.number(version.uid ? std::int64_t{*version.uid} : std::int64_t{-1}).number(std::int64_t{version.kept}).seal();
}

FileVersion read_version(const Run& run) {
  const std::int64_t uid = run.number_at(4);
  return {.number = count_at(run, 0),
          .generation = count_at(run, 1),
          .time = time_at(run, 2),
          .cause = parse_cause(run.bytes_at(3)),
          .uid = uid < 0 ? std::nullopt : std::optional(static_cast<std::uint32_t>(uid)),
          .kept = run.number_at(5) != 0};
}

void bind_pending(Run& run, const PendingChange& change) {
  static const Deadline none;
  const Deadline& wait = change.wait ? *change.wait : none;
  run.number(std::int64_t{1}).number(std::int64_t{change.wait.has_value()});
  run.number(std::int64_t{wait.given.count()}).number(std::int64_t{wait.unix_time.count()});
  run.number(std::int64_t{wait.monotonic.count()}).text(wait.boot_id);
  run.number(change.generation).number(std::int64_t{change.since.count()}).number(std::int64_t{change.uid}).seal();
}

PendingChange read_pending(const Run& run) {
  PendingChange change;
  if (run.number_at(1) != 0) {
    change.wait = {.given = time_at(run, 2),
                   .unix_time = time_at(run, 3),
                   .monotonic = std::chrono::microseconds(run.number_at(4)),
                   .boot_id = run.text_at(5)};
  }
  change.generation = count_at(run, 6);
  change.since = time_at(run, 7);
  change.uid = static_cast<std::uint32_t>(run.number_at(8));
  return change;
}

void bind_pending_file(Run& run, const std::string& name, const std::optional<std::string>& content) {
  run.text(name).number(std::int64_t{content.has_value()});
  run.blob(content ? std::string_view(*content) : std::string_view()).seal();
}

}  // namespace tierwall::daemon
