#include "daemon/state/sqlite_rows.h"

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

}  // namespace

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

}  // namespace tierwall::daemon
