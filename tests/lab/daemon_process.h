#pragma once
// The real tierwalld inside a node of the lab, with a directory of its own for manifests, configuration and socket,
// and the real tierwall to ask it. The process is killed and the directory removed when the object goes.

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "daemon/control/status.h"
#include "tests/lab/child_process.h"
#include "tests/lab/topology.h"

namespace tierwall::lab {

struct Programs {
  std::string tierwalld;
  std::string tierwall;
};

struct DaemonOptions {
  std::vector<std::string> pod_cidrs{};  ///< of the node
  std::string kubeconfig{};              ///< its text; empty: there is no API server. With one, no directory is read
  std::string extra_config{};            ///< TOML in sections beside [node], [source.*], [state] and [control]
};

/// Hides the machine's /run from this process and all it starts behind an empty one of its own: no trace of a test
/// stays, however it ends, and no service of the machine is met by accident. Call it first of all, while there is one
/// thread.
void enter_private_run();

/// From now on this process and all it starts see another boot id, as after a reboot. After enter_private_run() only.
void pretend_reboot();

/// In /run. Gone with everything in it when the object goes.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// What a service tells its manager over NOTIFY_SOCKET. Reads all the time, because a full queue would block the
/// sender.
class NotifySocket {
 public:
  explicit NotifySocket(const std::filesystem::path& path);
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  /// READY=1 messages so far.
  [[nodiscard]] int ready_count() const { return ready_count_; }

 private:
  void run(const std::stop_token& stop);

  UniqueFd socket_;
  std::atomic<int> ready_count_{0};
  std::jthread thread_;  // last: it uses all of the above
};

class Daemon {
 public:
  /// Prepares everything and starts nothing. The node goes by the name "node-1".
  Daemon(const Host& node, Programs programs, const DaemonOptions& options = {});

  /// Writes another configuration; a start or a reload takes it up.
  void configure(const DaemonOptions& options) const;
  /// `tierwalld restore`, as at boot. Its exit status.
  int restore();
  /// Starts it and returns when it is ready. Throws with its log if it ends or is not ready in time.
  void start();
  /// SIGHUP; returns when it is ready again.
  void reload();
  /// SIGKILL: no chance to tidy up.
  void kill();
  /// SIGTERM. Its exit status.
  int stop();

  /// A file in the policy directory, complete from the first moment (written aside and renamed).
  void write_manifest(const std::string& name, const std::string& text) const;
  /// Several at once.
  void copy_manifests(const std::vector<std::filesystem::path>& files) const;
  void remove_manifest(const std::string& name) const;
  [[nodiscard]] std::string config_file() const { return (directory_.path() / "tierwall.toml").string(); }
  [[nodiscard]] std::string policy_directory() const { return (directory_.path() / "policy.d").string(); }
  [[nodiscard]] std::filesystem::path state_file() const { return directory_.path() / "state" / "state.db"; }
  /// Where the container runtime would write down what it gave its pods.
  [[nodiscard]] std::filesystem::path cni_results() const { return directory_.path() / "cni"; }
  void write_kubeconfig(const std::string& text) const;
  /// A file that the kubeconfig may name without a path, such as a certificate; complete from the first moment.
  void write_beside_kubeconfig(const std::string& name, const std::string& text) const;

  /// `tierwall VERB...` against this daemon.
  [[nodiscard]] CommandOutcome ask(std::vector<std::string> verb) const;
  /// `tierwall VERB...` on manifests; the policy directory is "policy.d".
  [[nodiscard]] CommandOutcome ask_offline(std::vector<std::string> verb) const;
  /// Throws unless there is an answer that can be read.
  [[nodiscard]] daemon::StatusReport status() const;
  /// Asks until `done` says so. Throws with the last status if that takes longer than `timeout`.
  daemon::StatusReport wait_until(const std::function<bool(const daemon::StatusReport&)>& done,
                                  std::chrono::milliseconds timeout = std::chrono::seconds(20)) const;
  /// What the policy directory holds has been read and is in the kernel, in a later generation than `before`. Call
  /// generation() before the change and this after it.
  daemon::StatusReport wait_applied(std::uint64_t before) const;
  /// The same for any source: `was_read` says whether the report knows everything that was changed.
  daemon::StatusReport wait_settled(std::uint64_t before,
                                    const std::function<bool(const daemon::StatusReport&)>& was_read) const;
  [[nodiscard]] std::uint64_t generation() const;

  [[nodiscard]] std::string control_socket() const { return (directory_.path() / "control.sock").string(); }
  [[nodiscard]] std::string log() const { return read_memory_file(log_); }

 private:
  void wait_ready(int count);

  const Host& node_;
  Programs programs_;
  TemporaryDirectory directory_;
  UniqueFd log_;
  std::unique_ptr<NotifySocket> notify_;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace tierwall::lab
