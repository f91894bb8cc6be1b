#include "daemon/reconciler.h"

#include <algorithm>
#include <cerrno>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "nft/diff.h"
#include "policy/resolve.h"

namespace tierwall::daemon {

namespace {

using systemd::Level;

/// 100 ms, doubled with every refusal, at most 30 s.
std::chrono::microseconds back_off(int refusals) {
  std::chrono::microseconds delay = Reconciler::kFirstRetry;
  for (int i = 1; i < refusals && delay < Reconciler::kLastRetry; ++i) delay *= 2;
  return std::min(delay, Reconciler::kLastRetry);
}

/// The table is not what was applied: somebody flushed or edited it.
bool shows_foreign_change(const nft::Rejected& rejected) {
  return rejected.errno_value == ENOENT || rejected.errno_value == EEXIST;
}

}  // namespace

Reconciler::Reconciler(const policy::Inventory& inventory, Guard& guard, nft::KernelTables& tables, const Clock& clock,
                       systemd::JournalSink& journal, NodeSettings settings)
    : inventory_(inventory),
      guard_(guard),
      tables_(tables),
      clock_(clock),
      journal_(journal),
      settings_(std::move(settings)) {}

void Reconciler::mark_dirty() {
  const std::chrono::microseconds now = clock_.monotonic();
  if (!dirty_since_) dirty_since_ = now;
  if (retry_at_) retry_at_ = std::min(*retry_at_, now + kRetryAfterChange);
}

void Reconciler::sources_in_sync() {
  if (std::exchange(sources_in_sync_, true)) return;
  mark_dirty();
}

void Reconciler::use_settings(NodeSettings settings) {
  settings_ = std::move(settings);
  mark_dirty();
}

void Reconciler::write_anew() {
  whole_table_ = true;
  mark_dirty();
}

void Reconciler::hurry() {
  const std::chrono::microseconds now = clock_.monotonic();
  if (dirty_since_) dirty_since_ = now - kSettle;
  if (retry_at_) retry_at_ = now;
}

std::optional<std::chrono::microseconds> Reconciler::due() const {
  if (!sources_in_sync_) return std::nullopt;
  if (retry_at_) return retry_at_;
  if (dirty_since_) return *dirty_since_ + kSettle;
  return std::nullopt;
}

void Reconciler::step() {
  const std::optional<std::chrono::microseconds> wanted = due();
  const std::chrono::microseconds now = clock_.monotonic();
  if (!wanted || now < *wanted) return;
  dirty_since_.reset();
  retry_at_.reset();

  const std::vector<CutFlow> held_before = guard_.held();
  const std::vector<CutFlow> warned_before = guard_.warned();
  Attempt attempt{.policy = guard_.rule(inventory_, settings_, applied_ ? &applied_->policy : nullptr),
                  .desired = {},
                  .changes = {},
                  .whole_table = whole_table_,
                  .started = now};
  report_guard(held_before, warned_before);
  Result<nft::Ruleset> desired = nft::compile(attempt.policy, compile_options(settings_, inventory_.snapshot()));
  if (!desired) {
    trouble_ = fmt::format("{}; the rules applied before stay in force", desired.error().message);
    journal_.record({.level = Level::Error,
                     .id = systemd::message::kNotCompiled,
                     .message = fmt::format("policy cannot be compiled: {}", *trouble_),
                     .fields = {},
                     .errno_value = desired.error().errno_value});
    return;
  }
  attempt.desired = std::move(*desired);
  attempt.changes = attempt.whole_table ? nft::rebuild(attempt.desired) : nft::diff(applied_->ruleset, attempt.desired);
  if (const std::optional<Refusal> refusal = send(attempt)) return refuse(attempt, *refusal);
  accept(std::move(attempt));
}

std::optional<Reconciler::Refusal> Reconciler::send(const Attempt& attempt) {
  if (attempt.whole_table) return send_one(attempt.changes);
  if (split_removals_) return send_split(attempt);
  std::optional<Refusal> refusal = send_one(attempt.changes);
  if (!refusal || !refusal->busy_chain) return refusal;
  // Kernels before 6.2: a chain whose last map element goes in the same transaction still counts as used.
  split_removals_ = true;
  return send_split(attempt);
}

std::optional<Reconciler::Refusal> Reconciler::send_split(const Attempt& attempt) {
  const nft::SplitChangeSet split = nft::split_removals(attempt.changes);
  if (std::optional<Refusal> refusal = send_one(split.main)) return refusal;
  std::optional<Refusal> refusal = send_one(split.removals);
  if (refusal && !split.main.empty()) {
    // The policy is in force; chains that nothing refers to are left over, and the next diff removes them.
    Applied landed = *applied_;
    landed.ruleset = nft::apply(std::move(landed.ruleset), split.main);
    landed.policy = attempt.policy;
    applied_ = std::make_shared<const Applied>(std::move(landed));
  }
  return refusal;
}

std::optional<Reconciler::Refusal> Reconciler::send_one(const nft::ChangeSet& changes) {
  if (changes.empty()) return std::nullopt;
  ++transactions_;
  nft::CommitOutcome outcome = tables_.commit(changes);
  auto* rejected = std::get_if<nft::Rejected>(&outcome);
  if (rejected == nullptr) return std::nullopt;
  Refusal refusal{.rejected = std::move(*rejected), .operation = "", .busy_chain = false};
  if (refusal.rejected.operation < changes.operations.size()) {
    const nft::Operation& operation = changes.operations[refusal.rejected.operation];
    refusal.operation = nft::describe(operation);
    refusal.busy_chain = refusal.rejected.errno_value == EBUSY && std::holds_alternative<nft::DeleteChain>(operation);
  }
  return refusal;
}

void Reconciler::accept(Attempt attempt) {
  refusals_ = 0;
  whole_table_ = false;
  trouble_.reset();
  const bool changed = !attempt.changes.empty();
  guard_.note_accepted(inventory_, attempt.policy);
  Applied next{.generation = last_generation_,
               .policy = std::move(attempt.policy),
               .ruleset = std::move(attempt.desired),
               .changes = applied_ ? applied_->changes : nft::ChangeSet{},
               .time = applied_ ? applied_->time : std::chrono::milliseconds(0),
               .duration = applied_ ? applied_->duration : std::chrono::microseconds(0)};
  if (changed) {
    next.generation = ++last_generation_;
    next.changes = std::move(attempt.changes);
    next.time = clock_.unix_time();
    next.duration = clock_.monotonic() - attempt.started;
  }
  applied_ = std::make_shared<const Applied>(std::move(next));
  if (changed) report_commit();
}

void Reconciler::refuse(const Attempt& attempt, const Refusal& refusal) {
  ++refusals_;
  const bool at_once = shows_foreign_change(refusal.rejected) && !attempt.whole_table;
  if (at_once || refusals_ >= kRebuildAfter) whole_table_ = true;
  const std::chrono::microseconds delay = at_once ? std::chrono::microseconds(0) : back_off(refusals_);
  retry_at_ = clock_.monotonic() + delay;
  trouble_ = at_once ? fmt::format("somebody else changed the table ({}); it is written anew", refusal.rejected.message)
                     : fmt::format("the kernel refused a transaction ({}); the rules applied before stay in force",
                                   refusal.rejected.message);
  report_refusal(refusal, delay);
}

void Reconciler::report_refusal(const Refusal& refusal, std::chrono::microseconds delay) {
  std::vector<systemd::FieldValue> fields = {{systemd::Field::Table, nft::kTableName}};
  if (!refusal.operation.empty()) fields.push_back({systemd::Field::Operation, refusal.operation});
  journal_.record(
      {.level = Level::Error,
       .id = systemd::message::kRejected,
       .message = fmt::format("kernel refused transaction {}: {}; {} in {} ms", transactions_, refusal.rejected.message,
                              whole_table_ ? "writing the whole table" : "trying again", delay.count() / 1000),
       .fields = std::move(fields),
       .errno_value = refusal.rejected.errno_value});
}

void Reconciler::report_guard(const std::vector<CutFlow>& held_before, const std::vector<CutFlow>& warned_before) {
  const auto report = [&](const CutFlow& cut, const char* outcome) {
    journal_.record({.level = Level::Warning,
                     .id = systemd::message::kGuarded,
                     .message = fmt::format("{}: {}", print_cut(cut), outcome),
                     .fields = {},
                     .errno_value = 0});
  };
  if (guard_.held() != held_before) {
    for (const CutFlow& cut : guard_.held()) report(cut, "the change of host policy is held");
  }
  if (guard_.warned() != warned_before) {
    for (const CutFlow& cut : guard_.warned()) report(cut, "the change of host policy is made nevertheless");
  }
}

void Reconciler::report_commit() {
  const AppliedStatus status = summarize(*applied_);
  journal_.record({.level = Level::Info,
                   .id = systemd::message::kCommitted,
                   .message = fmt::format("committed generation {}, changes: {}, duration: {} us, endpoints: {}, "
                                          "policies: {}, chains: {}, sets: {}, elements: {}",
                                          status.generation, status.changes, status.duration_us, status.endpoints,
                                          status.policies, status.chains, status.sets, status.elements),
                   .fields = {{systemd::Field::Generation, std::to_string(status.generation)},
                              {systemd::Field::Changes, std::to_string(status.changes)},
                              {systemd::Field::DurationUs, std::to_string(status.duration_us)},
                              {systemd::Field::Table, nft::kTableName}},
                   .errno_value = 0});
}

}  // namespace tierwall::daemon
