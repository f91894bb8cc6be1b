#pragma once
// Programs that bring credentials (client.authentication.k8s.io): what they are told, what they answer, and one that
// runs beside the loop. No shell, nothing to read on standard input, a limit on time and on output.

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/sources/kubernetes/kubeconfig.h"
#include "daemon/sources/kubernetes/secret.h"
#include "policy/result.h"
#include "systemd/event_loop.h"

namespace tierwall::daemon {

struct ExecCredential {
  Secret token = {};
  std::string client_certificate = {};                    ///< PEM; empty with the key
  Secret client_key = {};                                 ///< PEM
  std::optional<std::chrono::milliseconds> expires = {};  ///< since 1970; absent: never

  friend bool operator==(const ExecCredential&, const ExecCredential&) = default;
};

struct ExecLimits {
  std::chrono::milliseconds time{30'000};
  std::size_t output = 1u << 20;  ///< bytes on standard output
};

/// The value of KUBERNETES_EXEC_INFO. Pre: `access.exec` is set.
std::string exec_info(const ServerAccess& access);
/// Malformed, without any of the text, unless it is an ExecCredential of that version with a token or a certificate
/// and its key.
Result<ExecCredential> parse_exec_credential(std::string_view json, std::string_view api_version);

/// Runs the plugin of one kubeconfig, as often as it is told to, once at a time. Destroying it kills a plugin that
/// runs.
class ExecPluginRunner {
 public:
  /// Denied if the plugin did not bring credentials; the message has the first line of its standard error.
  using Callback = std::function<void(Result<ExecCredential>)>;

  /// `on_done` is never called by start() itself and must not destroy the runner. Pre: `access.exec` is set.
  ExecPluginRunner(systemd::EventLoop& loop, ServerAccess access, ExecLimits limits, Callback on_done);
  ~ExecPluginRunner();
  ExecPluginRunner(const ExecPluginRunner&) = delete;
  ExecPluginRunner& operator=(const ExecPluginRunner&) = delete;

  /// Nothing if it runs already.
  void start();
  [[nodiscard]] bool running() const { return run_ != nullptr; }

 private:
  struct Run;

  Result<void> spawn(Run& run);
  void watch(Run& run);
  void step();
  void read_output(Run& run);
  void read_complaint(Run& run);
  void reap(Run& run);
  void give_up(Run& run, std::string why);
  [[nodiscard]] Result<ExecCredential> conclude(const Run& run) const;
  [[nodiscard]] Error failure(std::string_view why) const;

  systemd::EventLoop& loop_;
  ServerAccess access_;
  ExecLimits limits_;
  Callback on_done_;
  std::unique_ptr<Run> run_;
  systemd::Deferred step_;
};

}  // namespace tierwall::daemon
