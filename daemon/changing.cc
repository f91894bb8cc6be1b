// Changes of the policy directory on request: another part of daemon/wiring.h.

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "daemon/control/change_report.h"
#include "daemon/control/history.h"
#include "daemon/control/object_reader.h"
#include "daemon/wiring.h"

namespace tierwall::daemon {

namespace {

using systemd::Level;

/// A foreign flush costs the first try, and a kernel that refuses goes on until the whole table is written.
constexpr int kTries = Reconciler::kRebuildAfter + 1;

Result<std::optional<std::chrono::milliseconds>> read_wait(const Json& parameters) {
  const auto number = read_number_parameter(parameters, "confirm_ms");
  if (!number) return number.error();
  if (!*number) return std::optional<std::chrono::milliseconds>();
  const auto shortest = static_cast<std::uint64_t>(PolicyChanges::kShortestWait.count());
  const auto longest = static_cast<std::uint64_t>(PolicyChanges::kLongestWait.count());
  if (**number < shortest || **number > longest) return malformed("the time to confirm must be from 1 s to 24 h");
  return std::optional(std::chrono::milliseconds(**number));
}

Result<ChangeOrder> read_order(const Json& parameters, const Caller& caller) {
  ObjectReader reader(parameters, "the parameters");
  std::vector<std::pair<std::string, std::string>> files;
  reader.read_array("files", files, file_from_json);
  ChangeOrder order;
  if (parameters.contains("remove") && !parameters.at("remove").is_null()) reader.read("remove", order.remove);
  const auto wait = read_wait(parameters);
  if (!wait) return wait.error();
  order.wait = *wait;
  order.uid = caller.uid;
  for (auto& [name, content] : files) {
    if (!order.files.emplace(name, std::move(content)).second)
      return malformed(fmt::format("two files are called {}", name));
  }
  return reader.finish(std::move(order));
}

Result<Json> answer_report(const Result<ChangeReport>& report) {
  if (!report) return report.error();
  return Json{{"report", to_json(*report)}};
}

}  // namespace

void Daemon::add_changes(VarlinkService& service) {
  service.actions = {
      {"Apply",
       {.parameters = {"files", "remove", "confirm_ms"},
        .changes = true,
        .answer = [this](const Json& parameters, const Caller& caller) { return answer_apply(parameters, caller); }}},
      {"Confirm",
       {.parameters = {},
        .changes = true,
        .answer = [this](const Json&, const Caller& caller) { return answer_confirm(caller); }}},
      {"Release",
       {.parameters = {},
        .changes = true,
        .answer = [this](const Json&, const Caller& caller) { return answer_release(caller); }}},
      {"Rollback",
       {.parameters = {"generation", "confirm_ms"},
        .changes = true,
        .answer = [this](const Json& parameters,
                         const Caller& caller) { return answer_rollback(parameters, caller); }}},
  };
}

Enforcement Daemon::make_enforcement() {
  return {.hindrance = [this] { return change_hindrance(); },
          .places_of = [this](const policy::ResourceKey& key) { return places_of(key); },
          .enforce = [this](bool insist) { return enforce(insist); },
          .generation =
              [this] {
                const auto applied = reconciler_.applied();
                return applied ? applied->generation : std::uint64_t{0};
              }};
}

std::optional<Error> Daemon::change_hindrance() const {
  if (!directory_) return Error{ErrorKind::Unsupported, "this daemon reads no policy directory (source.directory)"};
  if (directory_->failure()) return Error{ErrorKind::Unavailable, "policy directory: " + *directory_->failure()};
  if (state_file_.refusal) return state_file_.refusal->in("what is there cannot be written down");
  if (!reconciler_.applied()) return Error{ErrorKind::Busy, "nothing is in force yet: not every source has been read"};
  if (reconciler_.trouble()) return Error{ErrorKind::Unavailable, *reconciler_.trouble()};
  return std::nullopt;
}

std::vector<policy::Location> Daemon::places_of(const policy::ResourceKey& key) const {
  std::vector<policy::Location> places = directory_->places_of(key);
  const std::vector<policy::ResourceKey> on_server = inventory_.keys_of(kKubernetesSource);
  if (std::ranges::binary_search(on_server, key)) places.push_back({.file = "the API server, whose copy counts"});
  return places;
}

Result<Enforcement::Outcome> Daemon::enforce(bool insist) {
  const bool held_before = !guard_.held().empty();
  const std::vector<policy::ResourceKey> before = inventory_.keys_of(kDirectorySource);
  std::vector<policy::ResourceEvent> events;
  enforced_ = &events;
  directory_->rescan();
  for (int i = 0; i < kTries && (i == 0 || reconciler_.trouble()); ++i) {
    reconciler_.hurry();
    step();
  }
  const bool held = !held_before && !guard_.held().empty();
  if (held && insist) {
    guard_.release();
    reconciler_.mark_dirty();
    reconciler_.hurry();
    step();
  }
  enforced_ = nullptr;
  if (held && !insist) {
    return Error{ErrorKind::Conflict,
                 print_cut(guard_.held().front()) + "; with --confirm it is tried, and comes back by itself"};
  }
  memory_.flush();
  if (auto hindrance = change_hindrance()) return *std::move(hindrance);
  Enforcement::Outcome outcome{.generation = reconciler_.applied()->generation};
  for (const policy::ResourceEvent& event : events) {
    const bool known = std::ranges::binary_search(before, event.key);
    const bool gone = event.change == policy::ResourceEvent::Change::Gone;
    outcome.changes.push_back({.change = gone    ? "removed"
                                         : known ? "changed"
                                                 : "created",
                               .object = policy::print_key(event.key)});
  }
  std::ranges::sort(outcome.changes);
  return outcome;
}

void Daemon::receive_from_directory(std::vector<policy::ResourceEvent> events) {
  if (enforced_ != nullptr) enforced_->insert(enforced_->end(), events.begin(), events.end());
  changes_.note_directory();
  receive(std::move(events));
}

/// Before the directory is read, so that what is undone never comes into force.
void Daemon::recover_changes(const Restored* restored) {
  if (restored != nullptr) {
    const auto words = restored->facts.find(kFactRolledBack);
    if (words != restored->facts.end()) changes_.remember_rolled_back(words->second);
  }
  if (!directory_) return;
  if (const auto undone = changes_.recover()) record(Level::Warning, systemd::message::kPolicyRolledBack, *undone);
}

// ---- what is asked over the control socket -------------------------------------------------------------------

void Daemon::note_change(const ChangeReport& report, const std::string& what, const Caller& caller) {
  publish();
  schedule();
  if (report.files.empty()) return;
  const std::string wait = report.deadline_ms ? "; it waits for its confirmation" : "";
  record(Level::Notice, systemd::message::kPolicyApplied,
         fmt::format("{} by uid {}: {}; generation {} is in force{}", what, caller.uid, fmt::join(report.files, ", "),
                     report.generation, wait),
         {{systemd::Field::Generation, std::to_string(report.generation)}});
}

Result<Json> Daemon::answer_apply(const Json& parameters, const Caller& caller) {
  const Result<ChangeOrder> order = read_order(parameters, caller);
  if (!order) return order.error();
  const Result<ChangeReport> report = changes_.apply(*order);
  note_change(report ? *report : ChangeReport{}, "policy applied", caller);
  return answer_report(report);
}

Result<Json> Daemon::answer_confirm(const Caller& caller) {
  const Result<ChangeReport> report = changes_.confirm();
  publish();
  schedule();
  if (report) {
    record(Level::Notice, systemd::message::kPolicyConfirmed,
           fmt::format("policy of generation {} confirmed by uid {}", report->generation, caller.uid));
  }
  return answer_report(report);
}

Result<Json> Daemon::answer_release(const Caller& caller) {
  if (!guard_.release()) return Error{ErrorKind::NotFound, "no change of host policy is held"};
  reconciler_.mark_dirty();
  reconciler_.hurry();
  step();
  if (reconciler_.trouble()) return Error{ErrorKind::Unavailable, *reconciler_.trouble()};
  const ChangeReport report{.generation = reconciler_.applied()->generation};
  record(Level::Notice, systemd::message::kPolicyApplied,
         fmt::format("held host policy released by uid {}; generation {} is in force", caller.uid, report.generation));
  return answer_report(report);
}

Result<Json> Daemon::answer_rollback(const Json& parameters, const Caller& caller) {
  const auto generation = read_number_parameter(parameters, "generation");
  if (!generation) return generation.error();
  const auto wait = read_wait(parameters);
  if (!wait) return wait.error();
  const Result<ChangeReport> report = changes_.roll_back({.generation = *generation, .wait = *wait, .uid = caller.uid});
  note_change(report ? *report : ChangeReport{}, "policy rolled back", caller);
  return answer_report(report);
}

}  // namespace tierwall::daemon
