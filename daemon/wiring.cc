#include "daemon/wiring.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "daemon/control/inventory_lists.h"
#include "policy/review.h"
#include "systemd/notify.h"

namespace tierwall::daemon {

namespace {

using systemd::Field;
using systemd::Level;

std::string node_name(const Config& config) {
  return config.node_name.empty() ? host_name() : config.node_name;
}

NodeSettings node_settings(const Config& config) {
  return {.node = node_name(config), .compile = config.compile};
}

std::int64_t to_unix_ms(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

/// Pods exist, and not one of them on this node: most often the node's name is wrong.
bool no_pod_is_here(const policy::Snapshot& snapshot, const std::string& node) {
  return !snapshot.pods.empty() && std::none_of(snapshot.pods.begin(), snapshot.pods.end(),
                                                [&node](const auto& entry) { return entry.second.node == node; });
}

}  // namespace

// ---- building and connecting ---------------------------------------------------------------------------------

Daemon::Daemon(ConfigFile config_file, Config config, nft::KernelTables& tables, systemd::JournalSink& journal)
    : config_file_(std::move(config_file)),
      config_(std::move(config)),
      journal_(journal),
      reconciler_(inventory_, tables, clock_, journal, node_settings(config_)),
      directory_(loop_, config_.directory,
                 [this](const std::vector<policy::ResourceEvent>& events) { receive(events); }),
      control_(loop_, make_service()),
      step_timer_(loop_, systemd::Priority::Reconcile, [this] { step(); }),
      terminate_(loop_, SIGTERM, [this] { stop(); }),
      interrupt_(loop_, SIGINT, [this] { stop(); }),
      hangup_(loop_, SIGHUP, [this] { reload(); }) {}

VarlinkService Daemon::make_service() {
  const auto locate = [this](const policy::ResourceKey& key) { return inventory_.location(key); };
  const auto applied = [this] {
    return reconciler_.applied() ? reconciler_.applied() : std::make_shared<const Applied>();
  };
  return {.version = TIERWALL_VERSION,
          .methods = {
              {"GetStatus", {"status", [this] { return to_json(report()); }}},
              {"ListTiers", {"tiers", [this] { return rows_to_json(list_tiers(inventory_.snapshot())); }}},
              {"ListPolicies",
               {"policies",
                [=, this] { return rows_to_json(list_policies(inventory_.snapshot(), applied()->policy, locate)); }}},
              {"ListEndpoints", {"endpoints", [=] { return rows_to_json(list_endpoints(applied()->policy)); }}},
              {"ListSets", {"sets", [=] { return rows_to_json(list_sets(applied()->ruleset)); }}},
          }};
}

Result<void> Daemon::start() {
  Result<void> listening = control_.listen(config_.control_socket);
  if (!listening && listening.error().kind == ErrorKind::Conflict) return listening;
  if (!listening) {
    control_failure_ = listening.error().message;
    record(Level::Error, systemd::message::kControlUnavailable, "control socket: " + *control_failure_);
  }
  loop_.enable_watchdog();
  record(Level::Notice, systemd::message::kStarted,
         fmt::format("started on node '{}', policy directory '{}'", node_name(config_), directory_.path()));
  directory_.watch_health([this] { note_source_health(); });
  // A directory that cannot be read is tried again by the source itself, which then reports its health.
  const Result<void> read = directory_.start();
  static_cast<void>(read);
  note_source_health();
  return {};
}

int Daemon::run() {
  const int exit_code = loop_.run();
  if (loop_.failure()) {
    record(Level::Error, systemd::message::kStopped,
           fmt::format("stopped by a failure: {}; the rules stay in the kernel", *loop_.failure()));
  }
  return exit_code;
}

// ---- what happens --------------------------------------------------------------------------------------------

void Daemon::receive(const std::vector<policy::ResourceEvent>& events) {
  const std::uint64_t before = inventory_.generation();
  for (const policy::ResourceEvent& event : events) inventory_.apply(event);
  if (inventory_.generation() != before) reconciler_.mark_dirty();
  publish();
  schedule();
}

void Daemon::note_source_health() {
  const std::optional<std::string>& failure = directory_.failure();
  if (!failure) reconciler_.sources_in_sync();
  const std::vector<systemd::FieldValue> fields = {{Field::Source, std::string(kDirectorySource)}};
  if (failure && !source_lost_) {
    record(Level::Warning, systemd::message::kSourceLost, "policy directory cannot be read: " + *failure, fields);
  } else if (!failure && source_lost_) {
    record(Level::Notice, systemd::message::kSourceRegained,
           fmt::format("policy directory '{}' can be read again", directory_.path()), fields);
  }
  source_lost_ = failure.has_value();
  publish();
  schedule();
}

void Daemon::reload() {
  if (ready_) systemd::notify_reloading();
  ConfigReading reading = load_config(config_file_.path, config_file_.may_be_missing);
  config_errors_ = std::move(reading.errors);
  for (const policy::Diagnostic& error : config_errors_) {
    record(Level::Error, systemd::message::kConfigRejected, "configuration rejected: " + print_config_error(error));
  }
  if (config_errors_.empty()) take_config(std::move(reading.config));
  directory_.rescan();
  reconciler_.write_anew();
  publish();
  schedule();
  if (ready_) systemd::notify_ready(status_line());
}

void Daemon::take_config(Config config) {
  needs_restart_.clear();
  if (config.directory != directory_.path()) {
    needs_restart_.push_back(fmt::format("source.directory.path: '{}' needs a restart, '{}' is in use",
                                         config.directory, directory_.path()));
  }
  if (config.control_socket != config_.control_socket) {
    needs_restart_.push_back(fmt::format("control.socket: '{}' needs a restart, '{}' is in use", config.control_socket,
                                         config_.control_socket));
    config.control_socket = config_.control_socket;
  }
  config_ = std::move(config);
  reconciler_.use_settings(node_settings(config_));
  record(Level::Notice, systemd::message::kConfigReloaded,
         fmt::format("configuration '{}' was read again", config_file_.path));
}

void Daemon::step() {
  reconciler_.step();
  publish();
  if (!ready_ && reconciler_.applied()) {
    ready_ = true;
    systemd::notify_ready(status_line());
  }
  schedule();
}

void Daemon::schedule() {
  const std::optional<std::chrono::microseconds> due = reconciler_.due();
  if (!due) return step_timer_.stop();
  step_timer_.start(*due - clock_.monotonic());
}

/// Tells the journal and the service manager what is different from what they were told last.
void Daemon::publish() {
  const std::string line = status_line();
  if (line == published_line_) return;
  published_line_ = line;
  systemd::notify_status(line);
  if (state() == published_state_) return;
  published_state_ = state();
  if (published_state_ == State::Degraded) record(Level::Notice, systemd::message::kDegraded, line);
  if (published_state_ == State::InSync) record(Level::Notice, systemd::message::kInSync, line);
}

void Daemon::stop() {
  systemd::notify_stopping("stopping; the rules stay in the kernel");
  record(Level::Notice, systemd::message::kStopped, "stopped; the rules stay in the kernel");
  loop_.stop(0);
}

void Daemon::record(Level level, systemd::MessageId id, std::string message, std::vector<systemd::FieldValue> fields) {
  journal_.record(
      {.level = level, .id = id, .message = std::move(message), .fields = std::move(fields), .errno_value = 0});
}

// ---- what it tells about itself ------------------------------------------------------------------------------

State Daemon::state() const {
  if (!degraded_reasons().empty()) return State::Degraded;
  return reconciler_.in_sync() ? State::InSync : State::Starting;
}

std::string Daemon::status_line() const {
  const std::vector<std::string> reasons = degraded_reasons();
  if (!reasons.empty()) return fmt::format("degraded: {}", fmt::join(reasons, "; "));
  if (!reconciler_.in_sync()) return "starting";
  const AppliedStatus applied = summarize(*reconciler_.applied());
  return fmt::format("in sync, endpoints: {}, policies: {}, generation: {}", applied.endpoints, applied.policies,
                     applied.generation);
}

std::vector<std::string> Daemon::degraded_reasons() const {
  std::vector<std::string> reasons;
  if (reconciler_.trouble()) reasons.push_back(*reconciler_.trouble());
  if (directory_.failure()) {
    const char* meanwhile = reconciler_.applied() ? "what was read before stays in force"
                                                  : "nothing is committed, what the kernel holds stays";
    reasons.push_back(fmt::format("policy directory cannot be read: {}; {}", *directory_.failure(), meanwhile));
  }
  if (!config_errors_.empty()) {
    reasons.push_back(fmt::format("configuration '{}' has {} error{}; the former one stays in force", config_file_.path,
                                  config_errors_.size(), config_errors_.size() == 1 ? "" : "s"));
  }
  if (control_failure_) reasons.push_back("control socket: " + *control_failure_);
  if (const std::size_t errors = manifest_errors(); errors > 0) {
    reasons.push_back(fmt::format("{} error{} in manifests; the last good version of what they concern stays in force",
                                  errors, errors == 1 ? "" : "s"));
  }
  return reasons;
}

std::vector<policy::Diagnostic> Daemon::manifest_problems() const {
  std::vector<policy::Diagnostic> problems = directory_.problems();
  const std::vector<policy::Diagnostic> of_objects = inventory_.problems();
  problems.insert(problems.end(), of_objects.begin(), of_objects.end());
  return problems;
}

std::size_t Daemon::manifest_errors() const {
  const std::vector<policy::Diagnostic> problems = manifest_problems();
  return static_cast<std::size_t>(
      std::count_if(problems.begin(), problems.end(),
                    [](const policy::Diagnostic& problem) { return problem.severity == policy::Severity::Error; }));
}

/// Reviewing asks every selector of every policy, so it is done once per change of the world, not once per question.
const std::vector<policy::Diagnostic>& Daemon::warnings() const {
  if (reviewed_generation_ != inventory_.generation()) {
    warnings_ = policy::review(inventory_.snapshot(),
                               [this](const policy::ResourceKey& key) { return inventory_.location(key); });
    reviewed_generation_ = inventory_.generation();
  }
  return warnings_;
}

std::vector<std::string> Daemon::remarks() const {
  std::vector<std::string> remarks = config_.remarks;
  remarks.insert(remarks.end(), needs_restart_.begin(), needs_restart_.end());
  if (!control_.group()) {
    remarks.push_back(fmt::format("group '{}' does not exist: only root reaches the control socket", kControlGroup));
  }
  if (config_.compile.pod_cidrs.empty()) {
    remarks.emplace_back("node.pod_cidrs is not set, so dataplane.unknown_pod has nothing to act on");
  }
  if (no_pod_is_here(inventory_.snapshot(), node_name(config_))) {
    remarks.push_back(fmt::format("no pod is on node '{}': is node.name right?", node_name(config_)));
  }
  if (const auto applied = reconciler_.applied()) {
    remarks.insert(remarks.end(), applied->policy.remarks.begin(), applied->policy.remarks.end());
  }
  return remarks;
}

StatusReport Daemon::report() const {
  StatusReport report{
      .version = TIERWALL_VERSION,
      .node = node_name(config_),
      .state = state(),
      .now_ms = clock_.unix_time().count(),
      .transactions = reconciler_.transactions(),
      .degraded = degraded_reasons(),
      .sources = {{.name = std::string(kDirectorySource),
                   .location = directory_.path(),
                   .in_sync = !directory_.failure(),
                   .last_read_ms = to_unix_ms(directory_.last_read()),
                   .files = directory_.file_count(),
                   .objects = directory_.object_count(),
                   .failure = directory_.failure()}},
      .applied = reconciler_.applied() ? std::optional(summarize(*reconciler_.applied())) : std::nullopt,
      .problems = config_errors_,
      .warnings = warnings(),
      .remarks = remarks()};
  const std::vector<policy::Diagnostic> of_manifests = manifest_problems();
  report.problems.insert(report.problems.end(), of_manifests.begin(), of_manifests.end());
  std::sort(report.problems.begin(), report.problems.end());
  return report;
}

}  // namespace tierwall::daemon
