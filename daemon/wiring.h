#pragma once
// The composition root: builds every part of the daemon and connects them. One thread, one loop.
//
//   policy directory --+
//   API server --------+==ResourceEvents==> Inventory --dirty--> Reconciler ==ChangeSet==> KernelTables
//   CNI results -------+       |    ^            |                    |
//   interfaces --------+       |    |            |                    |
//                              v    | at start   |                 Applied --> what to ask the API server for
//                            Memory (SQLite) <---|--------------------+
//                                                v                    |--> Rechecks ==cut==> ConnectionTable
//                                                                     v
//   tierwall <==Varlink==> control socket <-- StatusReport, rows -----+--> journal, service manager
//
//   ==> data moves     --> somebody is told, and reads

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/changes/policy_changes.h"
#include "daemon/changes/policy_files.h"
#include "daemon/clock.h"
#include "daemon/config.h"
#include "daemon/connections/connection_table.h"
#include "daemon/connections/rechecks.h"
#include "daemon/control/control_server.h"
#include "daemon/control/node_facts.h"
#include "daemon/control/status.h"
#include "daemon/drop_memory.h"
#include "daemon/drop_watch.h"
#include "daemon/guard/guard.h"
#include "daemon/guard/socket_flows.h"
#include "daemon/hit_counts.h"
#include "daemon/memory.h"
#include "daemon/metrics/metrics_server.h"
#include "daemon/metrics/node_metrics.h"
#include "daemon/reconciler.h"
#include "daemon/sources/auto_host_endpoint.h"
#include "daemon/sources/cni_results.h"
#include "daemon/sources/kubernetes/cluster_connection.h"
#include "daemon/sources/network_interfaces.h"
#include "daemon/sources/policy_directory.h"
#include "daemon/state/open_state.h"
#include "daemon/table_defence.h"
#include "nft/kernel_tables.h"
#include "policy/inventory.h"
#include "systemd/event_loop.h"
#include "systemd/journal.h"

namespace tierwall::daemon {

/// Where the configuration came from, to read it again.
struct ConfigFile {
  std::string path = kDefaultConfigFile;
  bool may_be_missing = true;
};

/// Everything outside the process. What is borrowed outlives the daemon; without notices or denied packets it runs and
/// tells so.
struct Doors {
  nft::KernelTables& tables;
  Result<std::unique_ptr<nft::TableNotices>> table_notices;
  Result<std::unique_ptr<DeniedPackets>> denied_packets;
  nft::TableCounters& counters;
  KernelInterfaces& interfaces;
  ConnectionTable& connections;
  systemd::JournalSink& journal;
};

class Daemon {
 public:
  /// Between tries to open a state file that cannot be written; a reload tries at once.
  static constexpr std::chrono::seconds kOpenStateAgain{30};

  /// `boot_id` tells this boot of the machine from others.
  Daemon(ConfigFile config_file, Config config, std::string boot_id, Doors doors);
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// Opens the control socket and reads the sources. Conflict: another daemon runs here already, and two of them
  /// would fight over the table. Everything else that fails here shows in the status and is tried again.
  Result<void> start();
  /// Until SIGTERM or SIGINT. The exit code.
  int run();

 private:
  [[nodiscard]] VarlinkService make_service();
  void add_changes(VarlinkService& service);
  void add_questions(VarlinkService& service);
  [[nodiscard]] Enforcement make_enforcement();
  [[nodiscard]] std::optional<Error> change_hindrance() const;
  [[nodiscard]] std::vector<policy::Location> places_of(const policy::ResourceKey& key) const;
  Result<Enforcement::Outcome> enforce(bool insist);
  Result<Json> answer_apply(const Json& parameters, const Caller& caller);
  Result<Json> answer_confirm(const Caller& caller);
  Result<Json> answer_release(const Caller& caller);
  Result<Json> answer_rollback(const Json& parameters, const Caller& caller);
  Result<Json> answer_history(const Json& parameters);
  Result<Json> answer_generation(const Json& parameters);
  Result<Json> answer_files(const Json& parameters);
  [[nodiscard]] NodeSettings settings() const;
  [[nodiscard]] std::optional<Drop> explain(const DeniedPacket& packet) const;
  [[nodiscard]] NodeFacts facts() const;
  Result<Json> answer_self_check();
  Result<Json> answer_drops(const Json& parameters) const;
  Result<Json> answer_metrics();
  Result<Json> answer_objects(const Json& parameters);
  Result<Json> answer_packet(const Json& parameters) const;
  void note_change(const ChangeReport& report, const std::string& what, const Caller& caller);
  [[nodiscard]] OpenedState open_state_file() const;
  [[nodiscard]] std::unique_ptr<PolicyDirectory> make_directory();
  [[nodiscard]] std::unique_ptr<ClusterConnection> make_cluster();
  [[nodiscard]] StatusReport report() const;
  [[nodiscard]] StatusReport report_without_review() const;
  [[nodiscard]] std::string metrics_text();
  [[nodiscard]] std::vector<SourceStatus> source_status() const;
  [[nodiscard]] std::vector<std::string> degraded_reasons() const;
  [[nodiscard]] std::vector<std::string> source_failures() const;
  [[nodiscard]] std::vector<policy::Diagnostic> object_problems() const;
  [[nodiscard]] std::size_t object_errors() const;
  [[nodiscard]] const std::vector<policy::Diagnostic>& warnings() const;
  [[nodiscard]] std::vector<std::string> remarks() const;
  [[nodiscard]] State state() const;
  [[nodiscard]] std::string status_line() const;

  void restore();
  [[nodiscard]] bool counts_still(const policy::ResourceEvent& event) const;
  void recover_changes(const Restored* restored);
  void receive_from_directory(std::vector<policy::ResourceEvent> events);
  void receive(std::vector<policy::ResourceEvent> events);
  void take_in(std::vector<policy::ResourceEvent> events);
  void follow_auto_endpoint();
  void note_interfaces(std::vector<policy::ResourceEvent> events);
  void look_at_bridges();
  void decide_owner();
  [[nodiscard]] std::string ownership() const;
  void repair_table(const TableDefence::Repair& repair);
  void note_sources();
  void note_source_health();
  void note_cluster();
  void drop_unconfirmed();
  [[nodiscard]] bool may_need_more();
  void ask_for_what_is_needed();
  [[nodiscard]] bool sources_read() const;
  void reload();
  void take_config(Config config);
  void step();
  void note_drops();
  void note_memory();
  void count_commit(const Applied& applied);
  void open_state_again();
  void schedule();
  [[nodiscard]] bool rechecks_connections() const;
  void want_recheck();
  void schedule_recheck();
  void recheck();
  void publish();
  void stop();
  void record(systemd::Level level, systemd::MessageId id, std::string message,
              std::vector<systemd::FieldValue> fields = {});

  ConfigFile config_file_;
  Config config_;
  std::vector<policy::Diagnostic> config_errors_;  // of the last reload
  std::vector<std::string> needs_restart_;
  std::optional<std::string> control_failure_;
  std::optional<std::string> memory_trouble_;               // as last reported
  std::optional<std::chrono::microseconds> open_state_at_;  // it could not be written: when to try again, monotonic
  std::optional<std::string> why_not_owned_;                // the table is to be nobody's
  std::optional<std::string> unseen_bridge_;                // why traffic between pods here is not judged
  bool source_lost_ = false;                                // the directory, as last reported
  bool cluster_lost_ = false;                               // the API server, as last reported
  bool restored_ = false;             // what was in force before is known, from this boot or an earlier one
  std::uint64_t needs_known_at_ = 0;  // the generation of the inventory of which it is known what else matters
  bool cluster_confirmed_ = false;    // every object of the API server was seen by this connection
  State published_state_ = State::Starting;
  std::string published_line_;
  bool ready_ = false;
  mutable std::vector<policy::Diagnostic> warnings_;  // of the review of this generation
  mutable std::optional<std::uint64_t> reviewed_generation_;

  systemd::JournalSink& journal_;
  SystemClock clock_;
  systemd::EventLoop loop_;
  OpenedState state_file_;
  Memory memory_;
  policy::Inventory inventory_;
  SocketFlows management_flows_;
  Guard guard_;
  DropWatch drops_;
  DropMemory drop_memory_;
  HitCounts hits_;
  CountedTables tables_;
  Reconciler reconciler_;
  Rechecks rechecks_;
  DaemonCounts counts_;
  std::uint64_t counted_generation_ = 0;        // the last of which counts_ knows
  std::uint64_t rechecked_generation_ = 0;      // for which a recheck was wanted
  std::unique_ptr<PolicyDirectory> directory_;  // absent: not a source
  std::unique_ptr<ClusterConnection> cluster_;  // absent: not a source
  DirectoryFiles policy_files_;
  PolicyChanges changes_;
  std::vector<policy::ResourceEvent>* enforced_ = nullptr;  // while enforce() runs: what the directory told meanwhile
  CniResults cni_;
  NetworkInterfaces interfaces_;
  TableDefence defence_;
  AutoHostEndpoint auto_endpoint_;
  ControlServer control_;
  MetricsServer metrics_;
  systemd::Timer step_timer_;
  systemd::Timer recheck_timer_;
  systemd::SignalWatch terminate_;
  systemd::SignalWatch interrupt_;
  systemd::SignalWatch hangup_;
};

}  // namespace tierwall::daemon
