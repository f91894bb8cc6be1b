#include "daemon/state/sqlite_store.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "daemon/state/sqlite_rows.h"

namespace tierwall::daemon {

namespace {

/// Free pages that are kept for what comes next, and that are given back in one go at most.
constexpr std::int64_t kKeptFreePages = 256;

constexpr std::uint64_t kEveryNumber = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

}  // namespace

std::string SqliteStore::sql_of(Statement statement) {
  switch (statement) {
    case kRemoveObject:
      return "DELETE FROM objects WHERE source = ? AND kind = ? AND namespace = ? AND name = ?";
    case kPutObject:
      return insert("objects", kObjectColumns, "OR REPLACE");
    case kPutFact:
      return insert("facts", kFactColumns, "OR REPLACE");
    case kLatestNumber:
      return "SELECT max(number) FROM generations";
    case kPutGeneration:
      return insert("generations", kGenerationColumns, "");
    case kPutChange:
      return insert("changes", kChangeColumns, "");
    case kPruneByNumber:
      return "DELETE FROM generations WHERE number <= ?";
    case kPruneByTime:
      return "DELETE FROM generations WHERE time_ms < ? AND number < ?";
    case kObjects:
      return select(kObjectColumns, "objects");
    case kObjectsFrom:
      return select(kObjectColumns, "objects WHERE id >= ? AND id < ? ORDER BY id");
    case kObjectIdsFrom:
      return "SELECT id FROM objects WHERE id >= ? ORDER BY id LIMIT 1 OFFSET ?";
    case kFacts:
      return select(kFactColumns, "facts");
    case kGenerations:
      return select(kGenerationColumns, "generations WHERE number <= ? ORDER BY number DESC LIMIT ?");
    case kAllGenerations:
      return select(kGenerationColumns, "generations");
    case kChangesOf:
      return select(kChangeColumns, "changes WHERE generation = ? ORDER BY position");
    case kAllChanges:
      return select(kChangeColumns, "changes");
    case kCounters:
      return select(kCounterColumns, "counters");
    case kCounter:
      return select(kCounterColumns, "counters WHERE name = ?");
    case kPutCounter:
      return insert("counters", kCounterColumns, "OR REPLACE");
    case kCountCounters:
      return "SELECT count(*) FROM counters";
    case kPruneCounters:
      return "DELETE FROM counters WHERE name IN "
             "(SELECT name FROM counters ORDER BY last_hit_ms DESC, name LIMIT -1 OFFSET ?)";
    case kForgetBoot:
      return "DELETE FROM objects WHERE kind = ? AND boot <> ?";
    case kPutDrop:
      return insert("drops", kDropColumns, "OR REPLACE");
    case kPruneDrops:
      return "DELETE FROM drops WHERE number IN (SELECT number FROM drops ORDER BY number DESC LIMIT -1 OFFSET ?)";
    case kDrops:
      return select(kDropColumns, "drops ORDER BY number");
    case kFreePages:
      return "PRAGMA freelist_count";
    default:
      return sql_about_files(statement);
  }
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::make(Database database, Writing writing) {
  std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(database), std::move(writing)));
  if (const auto prepared = store->prepare(); !prepared) return prepared.error();
  return store;
}

Result<void> SqliteStore::prepare() {
  for (std::size_t i = 0; i < kStatementCount; ++i) {
    auto prepared = database_.prepare(sql_of(static_cast<Statement>(i)));
    if (!prepared) return prepared.error();
    statements_[i] = *std::move(prepared);
  }
  return {};
}

Result<bool> SqliteStore::next_row(Run& run) {
  auto row = run.step(database_);
  if (row && *row && !run.is_sealed())
    return malformed(fmt::format("{}: it is damaged: a row is not what was written", database_.path()));
  return row;
}

Result<void> SqliteStore::verify() {
  for (const Statement table : {kObjects, kAllGenerations, kAllChanges, kFacts, kCounters, kContents, kVersions,
                                kAllVersionFiles, kPending, kPendingFiles, kDrops}) {
    Run run(statements_[table]);
    for (;;) {
      const auto row = next_row(run);
      if (!row) return row.error();
      if (!*row) break;
    }
  }
  return {};
}

// --- changes ---

Result<Transaction> SqliteStore::begin_change() {
  if (writing_.refusal) return *writing_.refusal;
  return Transaction::begin(database_, Access::Write);
}

Result<void> SqliteStore::record(const StateChange& change) {
  auto transaction = begin_change();
  if (!transaction) return transaction.error();
  if (auto removed = remove_objects(change.removals); !removed) return removed;
  if (auto put = put_objects(change.upserts); !put) return put;
  if (auto put = put_facts(change.facts); !put) return put;
  if (change.generation) {
    if (auto put = put_generation(*change.generation); !put) return put;
  }
  auto committed = transaction->commit();
  if (committed) give_back_space();
  return committed;
}

Result<void> SqliteStore::remove_objects(const std::vector<ObjectId>& ids) {
  for (const ObjectId& id : ids) {
    Run run(statements_[kRemoveObject]);
    bind_id(run, id);
    if (auto done = run.finish(database_); !done) return done;
  }
  return {};
}

Result<void> SqliteStore::put_objects(const std::vector<RememberedObject>& objects) {
  for (const RememberedObject& object : objects) {
    Run run(statements_[kPutObject]);
    bind_object(run, object);
    if (auto done = run.finish(database_); !done) return done;
  }
  return {};
}

Result<void> SqliteStore::put_facts(const std::map<std::string, std::string>& facts) {
  for (const auto& [name, value] : facts) {
    Run run(statements_[kPutFact]);
    bind_fact(run, name, value);
    if (auto done = run.finish(database_); !done) return done;
  }
  return {};
}

Result<void> SqliteStore::put_generation(const Generation& given) {
  const Generation kept = within_limits(given, writing_.limits);
  Run latest(statements_[kLatestNumber]);
  const auto row = latest.step(database_);
  if (!row) return row.error();
  const auto number = static_cast<std::uint64_t>(latest.number_at(0));
  if (number == kept.number) {
    const auto same = read_generations(number, 1);
    if (!same) return same.error();
    if (!same->empty() && same->front() == kept) return {};
  }
  if (auto follows = check_follows(kept, number); !follows) return follows;
  if (auto written = write_generation(kept); !written) return written;
  return prune(kept);
}

Result<void> SqliteStore::write_generation(const Generation& generation) {
  Run run(statements_[kPutGeneration]);
  bind_generation(run, generation);
  if (auto done = run.finish(database_); !done) return done;
  for (std::size_t i = 0; i < generation.changes.size(); ++i) {
    Run change(statements_[kPutChange]);
    bind_change(change, generation, i);
    if (auto done = change.finish(database_); !done) return done;
  }
  return {};
}

Result<void> SqliteStore::prune(const Generation& newest) {
  if (newest.number > writing_.limits.generations) {
    Run run(statements_[kPruneByNumber]);
    run.number(newest.number - writing_.limits.generations);
    if (auto done = run.finish(database_); !done) return done;
  }
  Run run(statements_[kPruneByTime]);
  run.number(std::int64_t{(newest.time - writing_.limits.age).count()}).number(newest.number);
  return run.finish(database_);
}

Result<void> SqliteStore::add_counters(const Counters& counters) {
  auto transaction = begin_change();
  if (!transaction) return transaction.error();
  for (const auto& [name, added] : counters) {
    if (auto put = put_counter(name, added); !put) return put;
  }
  if (auto pruned = prune_counters(); !pruned) return pruned;
  return transaction->commit();
}

Result<void> SqliteStore::put_drops(const ToldDrops& drops) {
  auto transaction = begin_change();
  if (!transaction) return transaction.error();
  for (const auto& [number, document] : drops) {
    Run run(statements_[kPutDrop]);
    if (auto done = run.number(number).text(document).seal().finish(database_); !done) return done;
  }
  Run prune(statements_[kPruneDrops]);
  if (auto done = prune.number(std::uint64_t{writing_.limits.drops}).finish(database_); !done) return done;
  return transaction->commit();
}

Result<ToldDrops> SqliteStore::drops() {
  ToldDrops drops;
  Run run(statements_[kDrops]);
  for (;;) {
    const auto row = next_row(run);
    if (!row) return row.error();
    if (!*row) return drops;
    drops.emplace(static_cast<std::uint64_t>(run.number_at(0)), run.text_at(1));
  }
}

Result<void> SqliteStore::put_counter(const std::string& name, const Counter& added) {
  Counter before;
  {
    Run known(statements_[kCounter]);
    const auto row = next_row(known.text(name));
    if (!row) return row.error();
    if (*row) before = read_counter(known);
  }
  Run run(statements_[kPutCounter]);
  bind_counter(run, name, sum(before, added));
  return run.finish(database_);
}

Result<void> SqliteStore::prune_counters() {
  Run count(statements_[kCountCounters]);
  const auto row = count.step(database_);
  if (!row) return row.error();
  if (static_cast<std::size_t>(count.number_at(0)) <= writing_.limits.counters) return {};
  Run run(statements_[kPruneCounters]);
  return run.number(std::uint64_t{writing_.limits.counters}).finish(database_);
}

Result<std::size_t> SqliteStore::forget_boot(const std::string& boot_id, const std::vector<policy::Kind>& kinds) {
  auto transaction = begin_change();
  if (!transaction) return transaction.error();
  std::size_t forgotten = 0;
  for (const policy::Kind kind : kinds) {
    Run run(statements_[kForgetBoot]);
    if (const auto done = run.text(policy::print_kind(kind)).text(boot_id).finish(database_); !done)
      return done.error();
    forgotten += static_cast<std::size_t>(sqlite3_changes(database_.raw()));
  }
  if (const auto committed = transaction->commit(); !committed) return committed.error();
  give_back_space();
  return forgotten;
}

/// After the change, because it is not part of it: when it fails, it is tried again with the next one.
void SqliteStore::give_back_space() {
  {
    Run run(statements_[kFreePages]);
    const auto row = run.step(database_);
    if (!row || !*row || run.number_at(0) <= kKeptFreePages) return;
  }
  static_cast<void>(database_.execute(fmt::format("PRAGMA incremental_vacuum({})", kKeptFreePages)));
}

// --- reading ---

Result<Remembered> SqliteStore::load() {
  auto transaction = Transaction::begin(database_, Access::Read);  // one state for all tables
  if (!transaction) return transaction.error();
  Remembered remembered;
  if (const auto read = read_objects(remembered); !read) return read.error();
  if (const auto read = read_facts(remembered); !read) return read.error();
  if (const auto read = read_counters(remembered); !read) return read.error();
  auto generations = read_generations(kEveryNumber, 1);
  if (!generations) return generations.error();
  if (!generations->empty()) remembered.latest = std::move(generations->front());
  return remembered;
}

Result<void> SqliteStore::read_objects(Remembered& remembered) {
  Run run(statements_[kObjects]);
  for (;;) {
    const auto row = next_row(run);
    if (!row) return row.error();
    if (!*row) break;
    if (auto object = read_object(run))
      remembered.objects.push_back(*std::move(object));
    else
      remembered.unknown.push_back(read_object_name(run));
  }
  std::ranges::sort(remembered.objects, {}, &RememberedObject::id);
  std::ranges::sort(remembered.unknown);
  return {};
}

/// Rows are sealed over exactly their columns, so their ids are asked for apart.
Result<ObjectPage> SqliteStore::objects(std::uint64_t from, std::size_t limit) {
  auto transaction = Transaction::begin(database_, Access::Read);
  if (!transaction) return transaction.error();
  ObjectPage page;
  {
    Run behind(statements_[kObjectIdsFrom]);
    const auto row = behind.number(from).number(std::uint64_t{limit}).step(database_);
    if (!row) return row.error();
    if (*row) page.next = static_cast<std::uint64_t>(behind.number_at(0));
  }
  Run run(statements_[kObjectsFrom]);
  run.number(from).number(page.next == 0 ? kEveryNumber : page.next);
  for (;;) {
    const auto row = next_row(run);
    if (!row) return row.error();
    if (!*row) return page;
    if (auto object = read_object(run)) page.objects.push_back(*std::move(object));
  }
}

Result<void> SqliteStore::read_facts(Remembered& remembered) {
  Run run(statements_[kFacts]);
  for (;;) {
    const auto row = next_row(run);
    if (!row) return row.error();
    if (!*row) return {};
    remembered.facts.emplace(run.text_at(0), run.text_at(1));
  }
}

Result<void> SqliteStore::read_counters(Remembered& remembered) {
  Run run(statements_[kCounters]);
  for (;;) {
    const auto row = next_row(run);
    if (!row) return row.error();
    if (!*row) return {};
    remembered.counters.emplace(run.text_at(0), read_counter(run));
  }
}

Result<std::vector<Generation>> SqliteStore::history(std::size_t limit) {
  auto transaction = Transaction::begin(database_, Access::Read);
  if (!transaction) return transaction.error();
  return read_generations(kEveryNumber, limit);
}

Result<Generation> SqliteStore::generation(std::uint64_t number) {
  auto transaction = Transaction::begin(database_, Access::Read);
  if (!transaction) return transaction.error();
  auto found = read_generations(std::min(number, kEveryNumber), 1);
  if (!found) return found.error();
  if (found->empty() || found->front().number != number)
    return Error{ErrorKind::NotFound, fmt::format("generation {} is not remembered", number)};
  return std::move(found->front());
}

Result<std::vector<Generation>> SqliteStore::read_generations(std::uint64_t from, std::size_t limit) {
  std::vector<Generation> generations;
  Run run(statements_[kGenerations]);
  run.number(from).number(std::min(std::uint64_t{limit}, kEveryNumber));
  for (;;) {
    const auto row = next_row(run);
    if (!row) return row.error();
    if (!*row) return generations;
    Generation generation = read_generation(run);
    if (const auto read = read_changes(generation); !read) return read.error();
    generations.push_back(std::move(generation));
  }
}

Result<void> SqliteStore::read_changes(Generation& generation) {
  Run run(statements_[kChangesOf]);
  run.number(generation.number);
  for (;;) {
    const auto row = next_row(run);
    if (!row) return row.error();
    if (!*row) return {};
    if (auto change = read_change(run))
      generation.changes.push_back(*std::move(change));
    else
      ++generation.changes_left_out;  // of a kind that only a newer version knows
  }
}

}  // namespace tierwall::daemon
