#include "daemon/changes/policy_changes.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "daemon/control/utc_time.h"
#include "daemon/sources/decode_manifest.h"

namespace tierwall::daemon {

namespace {

std::vector<std::string> names_of(const FileChanges& changes) {
  std::vector<std::string> names;
  for (const auto& [name, content] : changes) names.push_back(name);
  return names;
}

/// The first error of a manifest, with how many there are.
Result<void> check_manifest(const DecodedManifest& manifest) {
  std::vector<policy::Diagnostic> errors;
  const auto collect = [&errors](const std::vector<policy::Diagnostic>& found) {
    for (const policy::Diagnostic& one : found) {
      if (one.severity == policy::Severity::Error) errors.push_back(one);
    }
  };
  collect(manifest.problems);
  for (const DecodedObject& object : manifest.objects) collect(object.problems);
  if (errors.empty()) return {};
  const std::string more = errors.size() > 1 ? fmt::format(" (and {} more)", errors.size() - 1) : "";
  return malformed(policy::print_diagnostic(errors.front()) + more);
}

/// What leads from these files to those.
FileChanges difference(const FileContents& from, const FileContents& to) {
  FileChanges changes;
  for (const auto& [name, content] : from) changes.emplace(name, std::nullopt);
  for (const auto& [name, content] : to) changes.insert_or_assign(name, content);
  return changes;
}

}  // namespace

std::chrono::microseconds time_left(const Deadline& deadline, const Clock& clock, const std::string& boot_id) {
  std::chrono::microseconds left = deadline.unix_time - clock.unix_time();
  if (deadline.boot_id == boot_id) left = std::min(left, deadline.monotonic - clock.monotonic());
  return std::clamp(left, std::chrono::microseconds(0), std::chrono::microseconds(deadline.given));
}

PolicyChanges::PolicyChanges(StateStore& store, PolicyFiles& files, const Clock& clock, std::string boot_id,
                             Enforcement enforcement)
    : store_(&store),
      files_(files),
      clock_(clock),
      boot_id_(std::move(boot_id)),
      enforcement_(std::move(enforcement)) {}

// ---- at the start --------------------------------------------------------------------------------------------

std::optional<std::string> PolicyChanges::recover() {
  auto found = store_->pending();
  if (!found || !*found) return std::nullopt;
  take_up(*std::move(*found));
  if (deadline_ > clock_.monotonic()) return std::nullopt;
  // Nothing is enforced yet: the directory is read right after this.
  const PendingChange change = *pending_;
  const bool unfinished = !change.wait;
  if (const auto back = put_back(change.former); !back) {
    trouble_ = "an unconfirmed change cannot be rolled back: " + back.error().message + "; tried again every second";
    return std::nullopt;  // step() goes on
  }
  clear_pending();
  next_cause_ = unfinished ? FileCause::Rollback : FileCause::Expired;
  note_directory();
  return unfinished ? "a change that was interrupted while it was written was taken back" : tell_expired(change);
}

void PolicyChanges::take_up(PendingChange change) {
  pending_ = std::move(change);
  deadline_ = clock_.monotonic();
  if (!pending_->wait) return;
  const std::chrono::microseconds left = time_left(*pending_->wait, clock_, boot_id_);
  if (left.count() == 0) return;
  // From now on these clocks count, so that another restart does not begin anew.
  deadline_ += left;
  pending_->wait->unix_time = clock_.unix_time() + std::chrono::duration_cast<std::chrono::milliseconds>(left);
  pending_->wait->monotonic = deadline_;
  pending_->wait->boot_id = boot_id_;
  static_cast<void>(store_->put_pending(pending_));
}

void PolicyChanges::move_to(StateStore& store) {
  store_ = &store;
  note_directory();
  if (pending_ || forget_pending_) return;
  if (auto found = store_->pending(); found && *found) take_up(*std::move(*found));
}

// ---- apply ---------------------------------------------------------------------------------------------------

std::optional<Error> PolicyChanges::refusal() const {
  if (pending_) {
    return Error{ErrorKind::Conflict,
                 fmt::format("a change of uid {} waits for its confirmation: tierwall confirm, or tierwall rollback",
                             pending_->uid)};
  }
  return enforcement_.hindrance();
}

Result<void> PolicyChanges::check_order(const ChangeOrder& order) const {
  if (order.files.empty() && order.remove.empty()) return malformed("there is nothing to apply");
  for (const std::string& name : order.remove) {
    if (auto good = check_file_name(name); !good) return good;
    if (order.files.contains(name)) return malformed(fmt::format("{} is to be both written and removed", name));
  }
  for (const auto& [name, content] : order.files) {
    if (auto good = check_file_name(name); !good) return good;
  }
  return check_documents(order);
}

Result<void> PolicyChanges::check_documents(const ChangeOrder& order) const {
  std::map<policy::ResourceKey, policy::Location> seen;
  for (const auto& [name, content] : order.files) {
    const DecodedManifest manifest = decode_manifest(content, files_.path_of(name));
    if (auto good = check_manifest(manifest); !good) return good;
    for (const DecodedObject& object : manifest.objects) {
      const auto [first, is_new] = seen.emplace(object.key, object.where);
      if (!is_new) {
        return malformed(fmt::format("{}:{}: {} is also defined at {}:{}", object.where.file, object.where.line,
                                     object.object, first->second.file, first->second.line));
      }
      if (auto good = check_places(object.key, order); !good) return good;
    }
  }
  return {};
}

/// An object in another file would then be written twice, and which copy counts would depend on the names of files.
Result<void> PolicyChanges::check_places(const policy::ResourceKey& key, const ChangeOrder& order) const {
  std::set<std::string> touched;
  for (const auto& [name, content] : order.files) touched.insert(files_.path_of(name));
  for (const std::string& name : order.remove) touched.insert(files_.path_of(name));
  for (const policy::Location& place : enforcement_.places_of(key)) {
    if (touched.contains(place.file)) continue;
    const std::string where = place.line > 0 ? fmt::format("{}:{}", place.file, place.line) : place.file;
    return Error{ErrorKind::Conflict,
                 fmt::format("{} is already in {}; apply it under that file's name, or remove that file with --prune",
                             policy::print_key(key), where)};
  }
  return {};
}

Result<ChangeReport> PolicyChanges::apply(const ChangeOrder& order) {
  if (auto refused = refusal()) return *std::move(refused);
  if (auto good = check_order(order); !good) return good.error();
  const auto files = files_.read();
  if (!files) return files.error();
  FileChanges wanted;
  for (const auto& [name, content] : order.files) wanted.emplace(name, content);
  for (const std::string& name : order.remove) {
    if (!files->contains(name)) return Error{ErrorKind::NotFound, files_.path_of(name) + ": there is no such file"};
    wanted.emplace(name, std::nullopt);
  }
  return carry_out(plan(*files, wanted), FileCause::Apply, {.wait = order.wait, .uid = order.uid});
}

/// Only what differs is touched.
PolicyChanges::Plan PolicyChanges::plan(const FileContents& files, const FileChanges& wanted) {
  Plan plan;
  for (const auto& [name, content] : wanted) {
    const auto found = files.find(name);
    std::optional<std::string> former;
    if (found != files.end()) former = found->second;
    if (former == content) continue;
    plan.former.emplace(name, std::move(former));
    plan.wanted.emplace(name, content);
  }
  return plan;
}

Result<ChangeReport> PolicyChanges::carry_out(const Plan& plan, FileCause cause, const RollbackOrder& who) {
  if (plan.wanted.empty()) return ChangeReport{.generation = enforcement_.generation()};
  record_edit();  // what stands there now is what one can come back to
  PendingChange change{.former = plan.former, .since = clock_.unix_time(), .uid = who.uid};
  if (auto noted = store_->put_pending(change); !noted) return noted.error().in("what is there cannot be written down");
  if (const auto written = files_.replace(plan.wanted); !written) return take_back(change, written.error());
  const auto outcome = enforcement_.enforce(who.wait.has_value());
  if (!outcome) return take_back(change, outcome.error());
  record_at_.reset();
  if (auto recorded = record(cause, who.uid); !recorded) return take_back(change, recorded.error());
  return finish(std::move(change), *outcome, who);
}

Result<ChangeReport> PolicyChanges::finish(PendingChange change, const Enforcement::Outcome& outcome,
                                           const RollbackOrder& who) {
  ChangeReport report{.generation = outcome.generation, .files = names_of(change.former), .changes = outcome.changes};
  std::optional<PendingChange> waiting;
  if (who.wait) {
    change.generation = outcome.generation;
    change.wait = {.given = *who.wait,
                   .unix_time = clock_.unix_time() + *who.wait,
                   .monotonic = clock_.monotonic() + *who.wait,
                   .boot_id = boot_id_};
    report.deadline_ms = change.wait->unix_time.count();
    waiting = change;
  }
  if (auto noted = store_->put_pending(waiting); !noted) return take_back(change, noted.error());
  pending_ = std::move(waiting);
  if (pending_) deadline_ = pending_->wait->monotonic;
  keep_rolled_back(std::nullopt);
  return report;
}

/// Back to what was there before, after a failure. If even that fails, step() tries again.
Error PolicyChanges::take_back(const PendingChange& change, const Error& why) {
  pending_ = change;
  deadline_ = clock_.monotonic() + kRetry;
  const auto undone = undo(FileCause::Rollback, change.uid);
  return undone ? why : why.in("and what was there before could not be put back yet (" + undone.error().message + ")");
}

// ---- confirm and go back -------------------------------------------------------------------------------------

Result<ChangeReport> PolicyChanges::confirm() {
  if (!pending_ || !pending_->wait) return Error{ErrorKind::NotFound, "no change waits for a confirmation"};
  if (auto noted = store_->put_pending(std::nullopt); !noted) return noted.error();
  ChangeReport report{.generation = enforcement_.generation(), .files = names_of(pending_->former)};
  pending_.reset();
  return report;
}

Result<ChangeReport> PolicyChanges::roll_back(const RollbackOrder& order) {
  if (pending_ && !order.generation) {
    std::vector<std::string> files = names_of(pending_->former);
    const auto undone = undo(FileCause::Rollback, order.uid);
    if (!undone) return undone.error();
    return ChangeReport{.generation = undone->generation, .files = std::move(files), .changes = undone->changes};
  }
  if (auto refused = refusal()) return *std::move(refused);
  record_edit();
  const auto files = files_.read();
  if (!files) return files.error();
  const auto versions = store_->file_versions();
  if (!versions) return versions.error();
  const auto target = order.generation ? find_generation(*order.generation, *versions) : find_former(*files, *versions);
  if (!target) return target.error();
  return carry_out(plan(*files, difference(*files, *target)), FileCause::Rollback, order);
}

/// The files before those of today came, also where today's are themselves the outcome of going back: going back twice
/// leads two changes back, never to what was undone.
Result<FileContents> PolicyChanges::find_former(const FileContents& files, const std::vector<FileVersion>& versions) {
  const Error none{ErrorKind::NotFound, "no earlier state of the policy directory is remembered"};
  for (auto version = versions.rbegin(); version != versions.rend(); ++version) {
    auto known = store_->files_of(version->number);
    if (!known || *known != files) continue;
    if (version == versions.rbegin()) return none;
    return store_->files_of(std::prev(version)->number);
  }
  return none;
}

Result<FileContents> PolicyChanges::find_generation(std::uint64_t generation,
                                                    const std::vector<FileVersion>& versions) {
  if (generation > enforcement_.generation()) {
    return Error{ErrorKind::NotFound,
                 fmt::format("there is no generation {} yet; {} is in force", generation, enforcement_.generation())};
  }
  for (const FileVersion& version : versions) {
    if (version.generation > generation) continue;
    if (version.kept) return store_->files_of(version.number);
    return Error{ErrorKind::NotFound,
                 fmt::format("the files of generation {} were too large to be remembered", generation)};
  }
  if (versions.empty()) return Error{ErrorKind::NotFound, "no state of the policy directory is remembered"};
  return Error{ErrorKind::NotFound,
               fmt::format("the files of generation {} are not remembered; they are since generation {} ({})",
                           generation, versions.back().generation, print_utc(versions.back().time))};
}

/// Writes only what differs: where nothing was written for want of room, there is none for this either.
Result<void> PolicyChanges::put_back(const FileChanges& former) {
  const auto files = files_.read();
  const FileChanges needed = files ? plan(*files, former).wanted : former;
  return needed.empty() ? Result<void>() : files_.replace(needed);
}

Result<Enforcement::Outcome> PolicyChanges::undo(FileCause cause, std::uint32_t uid) {
  const PendingChange change = *pending_;
  if (auto back = put_back(change.former); !back) {
    deadline_ = clock_.monotonic() + kRetry;
    trouble_ = "a change cannot be rolled back: " + back.error().message + "; tried again every second";
    return back.error();
  }
  trouble_.reset();
  clear_pending();
  auto outcome = enforcement_.enforce(true);
  record_at_.reset();
  if (!record(cause, uid)) note_directory();
  // What the kernel refuses is tried again by whoever enforces, and shows in the status.
  return outcome ? *outcome : Enforcement::Outcome{.generation = enforcement_.generation()};
}

void PolicyChanges::clear_pending() {
  pending_.reset();
  forget_pending_ = !store_->put_pending(std::nullopt);
  if (forget_pending_) note_directory();  // and again then
}

// ---- time goes by --------------------------------------------------------------------------------------------

void PolicyChanges::note_directory() {
  if (!record_at_) record_at_ = clock_.monotonic() + kSettle;
}

std::optional<std::chrono::microseconds> PolicyChanges::due() const {
  if (!pending_) return record_at_;
  return record_at_ ? std::min(*record_at_, deadline_) : deadline_;
}

std::optional<std::string> PolicyChanges::step() {
  const std::chrono::microseconds now = clock_.monotonic();
  if (record_at_ && now >= *record_at_) record_edit();
  if (!pending_ || now < deadline_) return std::nullopt;
  const PendingChange change = *pending_;
  if (!undo(FileCause::Expired, change.uid)) return std::nullopt;
  return change.wait ? tell_expired(change) : "a change that failed was taken back";
}

std::string PolicyChanges::tell_expired(const PendingChange& change) {
  std::string words = fmt::format(
      "the change that uid {} applied at {} was not confirmed in time and was rolled back "
      "at {}",
      change.uid, print_utc(change.since), print_utc(clock_.unix_time()));
  keep_rolled_back(words);
  return words;
}

void PolicyChanges::keep_rolled_back(std::optional<std::string> words) {
  if (rolled_back_ == words) return;
  rolled_back_ = std::move(words);
  StateChange change;
  change.facts[kFactRolledBack] = rolled_back_.value_or("");
  static_cast<void>(store_->record(change));  // shown by this process in any case
}

void PolicyChanges::remember_rolled_back(std::string words) {
  if (!words.empty()) rolled_back_ = std::move(words);
}

std::optional<WaitingStatus> PolicyChanges::waiting() const {
  if (!pending_ || !pending_->wait) return std::nullopt;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - clock_.monotonic());
  return WaitingStatus{.deadline_ms = (clock_.unix_time() + left).count(),
                       .left_ms = std::max<std::int64_t>(left.count(), 0),
                       .generation = pending_->generation,
                       .uid = pending_->uid,
                       .files = names_of(pending_->former)};
}

Result<void> PolicyChanges::record(FileCause cause, std::optional<std::uint32_t> uid) {
  const auto files = files_.read();
  if (!files) return files.error();
  return store_->record_files(
      {.generation = enforcement_.generation(), .time = clock_.unix_time(), .cause = cause, .uid = uid}, *files);
}

/// The directory as somebody left it. A store that fails is told about elsewhere; the history has a gap then.
void PolicyChanges::record_edit() {
  if (!record_at_) return;
  record_at_.reset();
  if (enforcement_.hindrance()) {
    record_at_ = clock_.monotonic() + kRecordRetry;
    return;
  }
  if (forget_pending_) clear_pending();
  static_cast<void>(record(std::exchange(next_cause_, FileCause::Edit), std::nullopt));
}

}  // namespace tierwall::daemon
