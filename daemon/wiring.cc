#include "daemon/wiring.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "daemon/bridge_filtering.h"
#include "daemon/control/hit_list.h"
#include "daemon/control/host_lists.h"
#include "daemon/control/inventory_lists.h"
#include "daemon/sources/kubernetes/needs.h"
#include "policy/resolve.h"
#include "policy/subject_dependents.h"
#include "systemd/notify.h"

namespace tierwall::daemon {

namespace {

using systemd::Level;

Result<ServerAccess> read_access(const KubernetesAccess& access) {
  if (access.kubeconfig != kInCluster) return read_kubeconfig(access.kubeconfig, access.context);
  return in_cluster_access([](const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  });
}

/// Sessions on failsafe ports are worth guarding too: a failsafe list can change.
Guarded guarded(const Config& config) {
  Guarded guarded{.node = node_name(config)};
  for (const Failsafe& failsafe : config.failsafe_inbound) {
    if (failsafe.protocol == policy::kTcp) guarded.ports.insert(failsafe.port);
  }
  return guarded;
}

}  // namespace

// ---- building and connecting ---------------------------------------------------------------------------------

Daemon::Daemon(ConfigFile config_file, Config config, std::string boot_id, Doors doors)
    : config_file_(std::move(config_file)),
      config_(std::move(config)),
      journal_(doors.journal),
      state_file_(open_state_file()),
      memory_(*state_file_.store, clock_, boot_id),
      management_flows_(guarded(config_)),
      guard_(management_flows_),
      drops_(
          loop_, std::move(doors.denied_packets), clock_,
          [this](const DeniedPacket& packet) { return explain(packet); }, [this] { note_drops(); }),
      drop_memory_(drops_.log(), *state_file_.store, clock_),
      hits_(doors.counters, *state_file_.store, clock_),
      tables_(doors.tables, hits_),
      reconciler_(inventory_, guard_, tables_, clock_, journal_, settings()),
      rechecks_(doors.connections, clock_),
      directory_(make_directory()),
      cluster_(make_cluster()),
      policy_files_(config_.directory.value_or("")),
      changes_(*state_file_.store, policy_files_, clock_, std::move(boot_id), make_enforcement()),
      cni_(loop_, config_.cni_results,
           [this](std::vector<policy::ResourceEvent> events) { receive(std::move(events)); }),
      interfaces_(loop_, doors.interfaces,
                  [this](std::vector<policy::ResourceEvent> events) { note_interfaces(std::move(events)); }),
      defence_(loop_, std::move(doors.table_notices), clock_,
               [this](const TableDefence::Repair& repair) { repair_table(repair); }),
      control_(loop_, make_service()),
      metrics_(
          loop_, clock_, [this] { return metrics_text(); }, [this] { publish(); }),
      step_timer_(loop_, systemd::Priority::Reconcile, [this] { step(); }),
      recheck_timer_(loop_, systemd::Priority::Reconcile, [this] { recheck(); }),
      terminate_(loop_, SIGTERM, [this] { stop(); }),
      interrupt_(loop_, SIGINT, [this] { stop(); }),
      hangup_(loop_, SIGHUP, [this] { reload(); }) {}

OpenedState Daemon::open_state_file() const {
  return open_state({.path = config_.state_file}, clock_);
}

std::unique_ptr<PolicyDirectory> Daemon::make_directory() {
  if (!config_.directory) return nullptr;
  return std::make_unique<PolicyDirectory>(
      loop_, *config_.directory,
      [this](std::vector<policy::ResourceEvent> events) { receive_from_directory(std::move(events)); });
}

std::unique_ptr<ClusterConnection> Daemon::make_cluster() {
  if (!config_.kubernetes) return nullptr;
  return std::make_unique<ClusterConnection>(
      loop_, clock_,
      ClusterConnection::Settings{.node = node_name(config_),
                                  .user_agent = "tierwalld/" TIERWALL_VERSION,
                                  .read_access = [this] { return read_access(*config_.kubernetes); }},
      [this](std::vector<policy::ResourceEvent> events) { receive(std::move(events)); }, [this] { note_cluster(); });
}

VarlinkService Daemon::make_service() {
  const auto locate = [this](const policy::ResourceKey& key) { return inventory_.location(key); };
  const auto applied = [this] {
    return reconciler_.applied() ? reconciler_.applied() : std::make_shared<const Applied>();
  };
  VarlinkService service{
      .version = TIERWALL_VERSION,
      .methods = {
          {"GetStatus",
           {"status",
            [this] {
              look_at_bridges();  // the operator who asks may just have changed the setting
              return to_json(report());
            }}},
          {"GetFacts", {"facts", [this] { return to_json(facts()); }}},
          {"ListTiers", {"tiers", [this] { return rows_to_json(list_tiers(inventory_.snapshot())); }}},
          {"ListPolicies",
           {"policies",
            [=, this] {
              return rows_to_json(list_policies(inventory_.snapshot(), applied()->policy, config_.tie_break, locate));
            }}},
          {"ListEndpoints", {"endpoints", [=] { return rows_to_json(list_endpoints(applied()->policy)); }}},
          {"ListHostEndpoints",
           {"hostendpoints",
            [=, this] {
              return rows_to_json(list_host_endpoints(inventory_.snapshot(), applied()->policy, node_name(config_)));
            }}},
          {"ListFailsafes",
           {"failsafes",
            [this] { return rows_to_json(list_failsafes(config_.failsafe_inbound, config_.failsafe_outbound)); }}},
          {"ListSets", {"sets", [=] { return rows_to_json(list_sets(applied()->ruleset)); }}},
          {"ListHits",
           {"hits",
            [=, this] {
              hits_.take();
              return rows_to_json(list_hits(applied()->counted, hits_.totals()));
            }}},
      }};
  add_changes(service);
  add_questions(service);
  return service;
}

/// The table tells of what it denies where somebody listens.
NodeSettings Daemon::settings() const {
  NodeSettings settings = node_settings(config_);
  if (drops_.listens()) settings.compile.denied_log = config_.drops;
  return settings;
}

Result<void> Daemon::start() {
  metrics_.serve(config_.metrics_listen);
  Result<void> listening = control_.listen(config_.control_socket);
  if (!listening && listening.error().kind == ErrorKind::Conflict) return listening;
  if (!listening) {
    control_failure_ = listening.error().message;
    record(Level::Error, systemd::message::kControlUnavailable, "control socket: " + *control_failure_);
  }
  loop_.enable_watchdog();
  record(Level::Notice, systemd::message::kStarted,
         fmt::format("started on node '{}', policy directory '{}', API server by '{}'", node_name(config_),
                     config_.directory.value_or("none"), config_.kubernetes ? config_.kubernetes->kubeconfig : "none"));
  for (const std::string& remark : state_file_.remarks) {
    record(Level::Warning, systemd::message::kStateTrouble, "state: " + remark);
  }
  if (state_file_.refusal) open_state_at_ = clock_.monotonic() + kOpenStateAgain;
  decide_owner();
  restore();
  interfaces_.start();
  take_in({});  // a host endpoint that nobody wrote belongs into the first table, too
  look_at_bridges();
  cni_.start();
  if (cluster_) cluster_->start();
  if (directory_) {
    directory_->watch_health([this] { note_source_health(); });
    // A directory that cannot be read is tried again by the source itself, which then reports its health.
    const Result<void> read = directory_->start();
    static_cast<void>(read);
  }
  note_source_health();
  if (cluster_ && !ready_) {
    // An API server that is away must not keep the machine from starting: what is in the kernel stays meanwhile.
    ready_ = true;
    systemd::notify_ready(status_line());
  }
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

/// What is remembered of a source that is none any more does not count. Of interfaces there is a better witness than
/// what cannot be read.
bool Daemon::counts_still(const policy::ResourceEvent& event) const {
  if (event.source == kDirectorySource) return directory_ != nullptr;
  if (event.source == kInterfacesSource) return event.resource.has_value();
  return cluster_ != nullptr;
}

/// What was in force before this process counts until its sources say otherwise.
void Daemon::restore() {
  Result<Restored> restored = memory_.restore();
  recover_changes(restored ? &*restored : nullptr);
  if (!restored) {
    return record(Level::Warning, systemd::message::kStateTrouble,
                  "state: " + restored.error().message + "; starting without what was remembered");
  }
  reconciler_.continue_from(restored->generation);
  hits_.remember(std::move(restored->counters));
  if (auto told = drop_memory_.restore()) drops_.remember(*std::move(told));
  restored_ = restored->generation > 0;
  std::vector<policy::ResourceEvent> of_directory;
  std::vector<policy::ResourceEvent> of_kernel;
  for (policy::ResourceEvent& event : restored->events) {
    if (!counts_still(event)) continue;
    inventory_.apply(event);
    if (state_file_.refusal) memory_.note(event);  // for a store that can be written
    if (event.source == kKubernetesSource) continue;
    (event.source == kDirectorySource ? of_directory : of_kernel).push_back(std::move(event));
  }
  if (directory_) directory_->remember(std::move(of_directory));
  interfaces_.remember(of_kernel);
  follow_auto_endpoint();
  if (!restored_) return;
  guard_.begin_with(inventory_, settings());
  reconciler_.mark_dirty();
}

void Daemon::receive(std::vector<policy::ResourceEvent> events) {
  take_in(std::move(events));
  publish();
  schedule();
}

void Daemon::take_in(std::vector<policy::ResourceEvent> events) {
  const std::uint64_t before = inventory_.generation();
  for (policy::ResourceEvent& event : events) {
    if (inventory_.take(event)) memory_.note(event);
  }
  follow_auto_endpoint();
  if (inventory_.generation() != before) reconciler_.mark_dirty();
}

/// Not remembered: it is made again from what is.
void Daemon::follow_auto_endpoint() {
  const auto wanted = config_.host_auto ? std::optional(node_name(config_)) : std::nullopt;
  for (const policy::ResourceEvent& event : auto_endpoint_.follow(inventory_.snapshot(), wanted)) {
    inventory_.apply(event);
  }
}

void Daemon::note_interfaces(std::vector<policy::ResourceEvent> events) {
  take_in(std::move(events));
  look_at_bridges();
  publish();
  schedule();
}

void Daemon::look_at_bridges() {
  const nft::CompileOptions options = compile_options(settings(), inventory_.snapshot());
  unseen_bridge_ = find_unseen_bridge(interfaces_.bridges(), options.pod_cidrs);
}

/// Takes effect with the next rewrite of the whole table, which starting and reloading both bring.
void Daemon::decide_owner() {
  why_not_owned_.reset();
  if (!config_.own_table) {
    why_not_owned_ = "dataplane.own_table = \"never\"";
  } else if (const Result<void> can = tables_.can_own(); !can) {
    why_not_owned_ = can.error().message;
  }
  reconciler_.give_table_to(why_not_owned_ ? nft::TableOwner::Nobody : nft::TableOwner::Us);
}

void Daemon::repair_table(const TableDefence::Repair& repair) {
  if (!reconciler_.applied()) return;  // the first commit writes the whole table anyway
  record(Level::Warning, systemd::message::kTableChanged, repair.blame + "; it is written anew",
         {{systemd::Field::Table, nft::kTableName}});
  ++counts_.table_repairs;
  reconciler_.repair(repair.at);
  schedule();
}

bool Daemon::sources_read() const {
  return (!directory_ || !directory_->failure()) && (!cluster_ || cluster_->in_sync());
}

void Daemon::note_sources() {
  if (restored_ || sources_read()) reconciler_.sources_in_sync();
  publish();
  schedule();
}

void Daemon::note_source_health() {
  const std::optional<std::string> failure = directory_ ? directory_->failure() : std::nullopt;
  const std::vector<systemd::FieldValue> fields = {{systemd::Field::Source, std::string(kDirectorySource)}};
  if (failure && !source_lost_) {
    record(Level::Warning, systemd::message::kSourceLost, "policy directory cannot be read: " + *failure, fields);
  } else if (!failure && source_lost_) {
    record(Level::Notice, systemd::message::kSourceRegained,
           fmt::format("policy directory '{}' can be read again", directory_->path()), fields);
  }
  source_lost_ = failure.has_value();
  note_sources();
}

void Daemon::note_cluster() {
  if (may_need_more()) ask_for_what_is_needed();
  if (cluster_->in_sync() && !cluster_confirmed_) drop_unconfirmed();
  const std::vector<std::string> lost = cluster_->lost();
  const bool is_lost = cluster_->failure() || !lost.empty();
  const std::vector<systemd::FieldValue> fields = {{systemd::Field::Source, std::string(kKubernetesSource)}};
  if (is_lost && !cluster_lost_) {
    record(Level::Warning, systemd::message::kSourceLost,
           "API server: " + (cluster_->failure() ? *cluster_->failure() : lost.front()), fields);
  } else if (!is_lost && cluster_lost_ && cluster_->in_sync()) {
    record(Level::Notice, systemd::message::kSourceRegained, "API server is followed again", fields);
  }
  cluster_lost_ = is_lost || (cluster_lost_ && !cluster_->in_sync());
  note_sources();
}

/// Objects that an earlier process or connection knew of, and that the API server does not have any more.
void Daemon::drop_unconfirmed() {
  cluster_confirmed_ = true;
  std::vector<policy::ResourceEvent> gone;
  for (const policy::ResourceKey& key : inventory_.keys_of(kKubernetesSource)) {
    if (cluster_->knows(key)) continue;
    gone.push_back(
        {.source = std::string(kKubernetesSource), .key = key, .change = policy::ResourceEvent::Change::Gone});
  }
  if (!gone.empty()) receive(std::move(gone));
}

/// Most of what a cluster tells is about pods, and they make nothing else worth knowing.
bool Daemon::may_need_more() {
  const std::uint64_t since = std::exchange(needs_known_at_, inventory_.generation());
  if (!reconciler_.applied()) return true;
  const auto changed = inventory_.changed_since(since);
  return !changed ||
         std::ranges::any_of(*changed, [](const policy::ResourceKey& key) { return policy::shapes_policy(key.kind); });
}

/// Which pods, nodes and services matter depends on the policies. Before the first commit this is asked of what is
/// known so far, so that the first table does not deny peers that merely were not asked for yet.
void Daemon::ask_for_what_is_needed() {
  if (!cluster_) return;
  if (reconciler_.applied()) {
    cluster_->need(find_needs(inventory_.snapshot(), reconciler_.applied()->policy));
  } else if (cluster_->in_sync()) {
    const policy::Scope here{.node = node_name(config_)};
    cluster_->need(find_needs(inventory_.snapshot(), policy::resolve(inventory_.snapshot(), here, config_.tie_break)));
  }
}

void Daemon::reload() {
  if (ready_) systemd::notify_reloading();
  ConfigReading reading = load_config(config_file_.path, config_file_.may_be_missing);
  config_errors_ = std::move(reading.errors);
  for (const policy::Diagnostic& error : config_errors_) {
    record(Level::Error, systemd::message::kConfigRejected, "configuration rejected: " + print_config_error(error));
  }
  if (config_errors_.empty()) take_config(std::move(reading.config));
  if (directory_) directory_->rescan();
  if (cluster_) {
    cluster_confirmed_ = false;  // the kubeconfig may lead to another server now
    cluster_->reload();
  }
  reconciler_.write_anew();
  if (open_state_at_) open_state_at_ = clock_.monotonic();
  publish();
  schedule();
  if (ready_) systemd::notify_ready(status_line());
}

void Daemon::take_config(Config config) {
  reviewed_generation_.reset();  // what is remarked depends on failsafes and tie-breaking, too
  needs_restart_.clear();
  const auto keep = [this](std::string_view key, const auto& in_use, auto& wanted) {
    if (wanted == in_use) return;
    needs_restart_.push_back(fmt::format("{}: a change of this needs a restart; the former value is in use", key));
    wanted = in_use;
  };
  keep("source.directory.path", config_.directory, config.directory);
  keep("source.kubernetes", config_.kubernetes, config.kubernetes);
  keep("state.path", config_.state_file, config.state_file);
  keep("node.cni_results", config_.cni_results, config.cni_results);
  keep("control.socket", config_.control_socket, config.control_socket);
  keep("drops", config_.drops, config.drops);
  config_ = std::move(config);
  metrics_.serve(config_.metrics_listen);
  management_flows_.watch(guarded(config_));
  decide_owner();
  reconciler_.use_settings(settings());
  take_in({});
  look_at_bridges();
  record(Level::Notice, systemd::message::kConfigReloaded,
         fmt::format("configuration '{}' was read again", config_file_.path));
}

void Daemon::step() {
  const Reconciler::Outcome outcome = reconciler_.step();
  if (outcome != Reconciler::Outcome::Nothing && reconciler_.applied()) {
    count_commit(*reconciler_.applied());
    memory_.note_commit(*reconciler_.applied(), [this] { return print_fingerprint(*reconciler_.applied()); });
  }
  if (outcome == Reconciler::Outcome::Anything) {
    look_at_bridges();  // the pod CIDRs may be known now
    ask_for_what_is_needed();
  }
  want_recheck();
  open_state_again();
  memory_.step();
  drop_memory_.step();
  note_memory();
  // Not from within a change, which itself calls for this step.
  if (const auto undone = enforced_ == nullptr ? changes_.step() : std::nullopt) {
    record(Level::Warning, systemd::message::kPolicyRolledBack, *undone);
  }
  publish();
  if (!ready_ && reconciler_.applied()) {
    ready_ = true;
    systemd::notify_ready(status_line());
  }
  schedule();
}

/// Not a step that found nothing to change, or was refused.
void Daemon::count_commit(const Applied& applied) {
  if (std::exchange(counted_generation_, applied.generation) != applied.generation) {
    counts_.commits.add(applied.duration);
  }
}

/// The disk may be mounted, or freed, later than the daemon starts.
void Daemon::open_state_again() {
  if (!open_state_at_ || clock_.monotonic() < *open_state_at_) return;
  open_state_at_ = clock_.monotonic() + kOpenStateAgain;
  OpenedState opened = open_state_file();
  if (opened.refusal) return;
  const Result<std::uint64_t> latest = memory_.move_to(*opened.store, sources_read());
  if (!latest) return;
  changes_.move_to(*opened.store);
  hits_.move_to(*opened.store);
  drop_memory_.move_to(*opened.store);
  state_file_ = std::move(opened);
  open_state_at_.reset();
  reconciler_.continue_from(*latest);
  record(Level::Notice, systemd::message::kStateTrouble,
         fmt::format("state: '{}' can be used now; what is in force is remembered again", config_.state_file));
}

void Daemon::note_drops() {
  drop_memory_.note();
  schedule();
}

void Daemon::note_memory() {
  const std::optional<std::string>& trouble = memory_.trouble();
  if (trouble == memory_trouble_) return;
  memory_trouble_ = trouble;
  if (trouble) record(Level::Warning, systemd::message::kStateTrouble, "state: " + *trouble);
}

void Daemon::schedule() {
  std::optional<std::chrono::microseconds> due = reconciler_.due();
  for (const auto& other : {memory_.due(), drop_memory_.due(), changes_.due(), open_state_at_}) {
    if (other && (!due || *other < *due)) due = other;
  }
  if (!due) return step_timer_.stop();
  step_timer_.start(std::max(*due - clock_.monotonic(), std::chrono::microseconds(0)));
}

// ---- established connections ---------------------------------------------------------------------------------

/// What is in force says so, and not only the configuration: without the rule that drops what is cut there is no use.
bool Daemon::rechecks_connections() const {
  return reconciler_.applied() &&
         reconciler_.applied()->options.established == nft::CompileOptions::Established::Recheck;
}

/// After every commit, also after one that only adds members to sets: a rule that denies may look into them.
void Daemon::want_recheck() {
  if (!rechecks_connections()) {
    rechecks_.stop();
    return recheck_timer_.stop();
  }
  if (std::exchange(rechecked_generation_, reconciler_.applied()->generation) == reconciler_.applied()->generation) {
    return;
  }
  rechecks_.want();
  schedule_recheck();
}

void Daemon::schedule_recheck() {
  const auto due = rechecks_.due();
  if (!due) return recheck_timer_.stop();
  recheck_timer_.start(std::max(*due - clock_.monotonic(), std::chrono::microseconds(0)));
}

void Daemon::recheck() {
  const auto applied = reconciler_.applied();
  const auto report = rechecks_.step({applied->policy, applied->options, interface_to});
  if (report && report->cut > 0) {
    record(Level::Notice, systemd::message::kConnectionsCut, print_cuts(*report),
           {{systemd::Field::Generation, std::to_string(applied->generation)}});
  }
  publish();
  schedule_recheck();
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
  hits_.take();
  memory_.flush();
  drop_memory_.flush();
  systemd::notify_stopping("stopping; the rules stay in the kernel");
  record(Level::Notice, systemd::message::kStopped, "stopped; the rules stay in the kernel");
  loop_.stop(0);
}

void Daemon::record(Level level, systemd::MessageId id, std::string message, std::vector<systemd::FieldValue> fields) {
  journal_.record(
      {.level = level, .id = id, .message = std::move(message), .fields = std::move(fields), .errno_value = 0});
}

}  // namespace tierwall::daemon
