#include "daemon/reconciler.h"

#include <algorithm>
#include <cerrno>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "nft/diff.h"

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

void Reconciler::repair(std::chrono::microseconds at) {
  whole_table_ = true;
  // What the kernel refused is not tried more often because somebody else writes, too.
  retry_at_ = retry_at_ ? std::min(*retry_at_, std::max(at, clock_.monotonic() + kRetryAfterChange)) : at;
}

void Reconciler::hurry() {
  const std::chrono::microseconds now = clock_.monotonic();
  stepped_at_.reset();
  if (retry_at_) retry_at_ = now;
}

std::optional<std::chrono::microseconds> Reconciler::due() const {
  if (!sources_in_sync_) return std::nullopt;
  if (retry_at_) return retry_at_;
  if (!dirty_since_ || !stepped_at_) return dirty_since_;
  return std::max(*dirty_since_, *stepped_at_ + kSettle);
}

Reconciler::Outcome Reconciler::step() {
  const std::optional<std::chrono::microseconds> wanted = due();
  const std::chrono::microseconds now = clock_.monotonic();
  if (!wanted || now < *wanted) return Outcome::Nothing;
  dirty_since_.reset();
  retry_at_.reset();
  stepped_at_ = now;

  policy::PolicyChange change = desired_.follow(inventory_, settings_);
  if (!basis_) change.everything = true;
  const std::vector<CutFlow> held_before = guard_.held();
  const std::vector<CutFlow> warned_before = guard_.warned();
  const std::optional<policy::NodePolicy> former =
      guard_.rule(inventory_, settings_, desired_.policy(), applied_ ? &applied_->policy : nullptr, change);
  report_guard(held_before, warned_before);
  if (former) change.everything = true;
  Attempt attempt{.policy = former ? *former : desired_.policy(),
                  .change = std::move(change),
                  .options = compile_options(settings_, inventory_.snapshot()),
                  .table = {},
                  .changes = {},
                  .whole_table = whole_table_,
                  .held = former.has_value(),
                  .started = now};
  if (const Result<void> found = find_changes(attempt); !found) {
    basis_.reset();
    report_not_compiled(found.error());
    return Outcome::Nothing;
  }
  if (const std::optional<Refusal> refusal = send(attempt)) {
    basis_.reset();
    refuse(attempt, *refusal);
    return Outcome::Anything;  // half of it may have landed
  }
  const Outcome outcome = attempt.table ? Outcome::Anything : Outcome::Members;
  accept(std::move(attempt));
  return outcome;
}

/// What to send: for members and pods that come and go without compiling the whole table. The basis is ahead of what
/// is applied from here on; whoever cannot bring the kernel there gives it up.
Result<void> Reconciler::find_changes(Attempt& attempt) {
  if (basis_ && !attempt.whole_table && attempt.options == basis_->options) {
    auto step = basis_->parts.follow(attempt.policy, attempt.change, attempt.options, applied_->ruleset);
    if (step) {
      attempt.changes = std::move(step->changes);
      attempt.counted = std::move(step->counted);
      return {};
    }
  }
  Result<nft::CompiledTable> table = nft::compile_table(attempt.policy, attempt.options);
  if (!table) return table.error();
  attempt.changes =
      attempt.whole_table ? nft::rebuild(table->ruleset, owner_) : nft::diff(applied_->ruleset, table->ruleset);
  attempt.table = std::move(*table);
  return {};
}

void Reconciler::report_not_compiled(const Error& error) {
  trouble_ = fmt::format("{}; the rules applied before stay in force", error.message);
  journal_.record({.level = Level::Error,
                   .id = systemd::message::kNotCompiled,
                   .message = fmt::format("policy cannot be compiled: {}", *trouble_),
                   .fields = {},
                   .errno_value = error.errno_value});
}

/// What is applied, to be changed: a copy if somebody keeps it.
Applied& Reconciler::advancing() {
  if (!applied_) {
    applied_ = std::make_shared<Applied>();
  } else if (applied_.use_count() > 1) {
    applied_ = std::make_shared<Applied>(*applied_);
  }
  return *applied_;
}

std::optional<std::string> Reconciler::verify() const {
  if (!desired_.verify(inventory_)) return "the policy that is kept up to date is not the one resolved from scratch";
  if (!basis_) return std::nullopt;
  if (applied_->policy != desired_.policy()) return "the policy that is applied is not the one that is kept up to date";
  const Result<nft::Ruleset> fresh = nft::compile(applied_->policy, basis_->options);
  if (!fresh || *fresh != applied_->ruleset) return "the table that is applied is not the one compiled from scratch";
  return std::nullopt;
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
    Applied& landed = advancing();
    nft::advance(landed.ruleset, split.main);
    policy::follow(landed.policy, attempt.policy, attempt.change);
  }
  return refusal;
}

std::optional<Reconciler::Refusal> Reconciler::send_one(const nft::ChangeSet& changes) {
  if (changes.empty()) return std::nullopt;
  ++transactions_;
  nft::CommitOutcome outcome = tables_.commit(changes);
  if (auto* unknown = std::get_if<nft::Unknown>(&outcome)) {
    return Refusal{
        .rejected = {.errno_value = 0, .message = std::move(unknown->message)}, .operation = "", .unknown = true};
  }
  auto* rejected = std::get_if<nft::Rejected>(&outcome);
  if (rejected == nullptr) return std::nullopt;
  Refusal refusal{.rejected = std::move(*rejected), .operation = ""};
  if (refusal.rejected.operation < changes.operations.size()) {
    const nft::Operation& operation = changes.operations[refusal.rejected.operation];
    refusal.operation = nft::describe(operation);
    refusal.busy_chain = refusal.rejected.errno_value == EBUSY && std::holds_alternative<nft::DeleteChain>(operation);
  }
  return refusal;
}

void Reconciler::accept(Attempt attempt) {
  refusals_ = 0;
  if (attempt.whole_table) applied_owner_ = owner_;
  whole_table_ = false;
  trouble_.reset();
  const bool changed = !attempt.changes.empty();
  guard_.note_accepted(inventory_, attempt.policy);
  Applied& next = advancing();
  policy::follow(next.policy, attempt.policy, attempt.change);
  if (attempt.table) {
    next.ruleset = std::move(attempt.table->ruleset);
    next.counted = std::move(attempt.table->places.counted);
    next.options = attempt.options;
    basis_ = Basis{std::move(attempt.options), std::move(attempt.table->parts)};
  } else {
    nft::advance(next.ruleset, attempt.changes);
    next.counted.merge(attempt.counted);
    for (const nft::Operation& operation : attempt.changes.operations) {
      if (const auto* gone = std::get_if<nft::DeleteCounter>(&operation)) next.counted.erase(gone->counter);
    }
  }
  // While a change is held, what the desired policy changes does not lead to what is applied.
  if (attempt.held) basis_.reset();
  next.generation = last_generation_;
  if (changed) {
    next.generation = ++last_generation_;
    next.changes = std::move(attempt.changes);
    next.time = clock_.unix_time();
    next.duration = clock_.monotonic() - attempt.started;
  }
  if (changed) report_commit();
}

std::string Reconciler::describe(const Refusal& refusal, bool foreign) {
  const std::string& why = refusal.rejected.message;
  if (refusal.unknown)
    return fmt::format("whether a transaction landed is not known ({}); the table is written anew", why);
  if (refusal.rejected.errno_value == EPERM) {
    return fmt::format("another process owns the table, or the right to change it is gone ({}); what it holds stays",
                       why);
  }
  if (foreign) return fmt::format("somebody else changed the table ({}); it is written anew", why);
  return fmt::format("the kernel refused a transaction ({}); the rules applied before stay in force", why);
}

void Reconciler::refuse(const Attempt& attempt, const Refusal& refusal) {
  ++refusals_;
  const bool at_once = (refusal.unknown || shows_foreign_change(refusal.rejected)) && !attempt.whole_table;
  if (at_once || refusal.unknown || refusals_ >= kRebuildAfter) whole_table_ = true;
  const std::chrono::microseconds delay = at_once ? std::chrono::microseconds(0) : back_off(refusals_);
  retry_at_ = clock_.monotonic() + delay;
  trouble_ = describe(refusal, at_once);
  report_refusal(refusal, delay);
}

void Reconciler::report_refusal(const Refusal& refusal, std::chrono::microseconds delay) {
  std::vector<systemd::FieldValue> fields = {{systemd::Field::Table, nft::kTableName}};
  if (!refusal.operation.empty()) fields.push_back({systemd::Field::Operation, refusal.operation});
  journal_.record(
      {.level = Level::Error,
       .id = systemd::message::kRejected,
       .message = fmt::format("{} {}: {}; {} in {} ms",
                              refusal.unknown ? "nobody knows the end of transaction" : "kernel refused transaction",
                              transactions_, refusal.rejected.message,
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
