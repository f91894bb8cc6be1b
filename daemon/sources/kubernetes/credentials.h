#pragma once
// Who we are for the API server, at this moment: tokens and certificates that stand in the kubeconfig, in files that
// others rotate, or that a plugin brings. Answers at once except while a plugin runs.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/clock.h"
#include "daemon/sources/kubernetes/exec_credential.h"
#include "daemon/sources/kubernetes/kubeconfig.h"
#include "daemon/sources/kubernetes/secret.h"
#include "policy/result.h"
#include "systemd/event_loop.h"

namespace tierwall::daemon {

/// What one request carries.
struct RequestCredentials {
  Secret authorization = {};            ///< the header's value: "Bearer ..."; empty: no such header
  std::string client_certificate = {};  ///< PEM; empty with the key
  Secret client_key = {};               ///< PEM

  friend bool operator==(const RequestCredentials&, const RequestCredentials&) = default;
};

class Credentials {
 public:
  /// A plugin that now() started has ended; Denied if it brought nothing. Must not destroy the Credentials.
  using Callback = std::function<void(const Result<RequestCredentials>&)>;

  /// How long a file's content, and a plugin's failure, are taken for granted.
  static constexpr std::chrono::seconds kFileInterval{60};
  static constexpr std::chrono::seconds kFailureInterval{10};

  Credentials(systemd::EventLoop& loop, const Clock& clock, ServerAccess access, Callback on_ready,
              ExecLimits limits = {});
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;

  /// For the next request. Denied if there are none. Absent while a plugin runs: `on_ready` follows.
  std::optional<Result<RequestCredentials>> now();
  /// The server took a request with these for nobody's (401), or they could not be used at all. True if now() may have
  /// others.
  bool refused(const RequestCredentials& used);
  /// What is wrong although requests may go on with older files; each names the file.
  [[nodiscard]] std::vector<std::string> problems() const;

 private:
  /// A file that others replace: its last good content.
  class WatchedFile {
   public:
    explicit WatchedFile(std::string path) : path_(std::move(path)) {}

    [[nodiscard]] bool used() const { return !path_.empty(); }
    [[nodiscard]] const std::string& content() const { return content_; }
    [[nodiscard]] const std::string& problem() const { return problem_; }
    /// Reads it again if it is another file or was written since; on failure the former content stays.
    void refresh();

   private:
    struct Stamp {
      std::uint64_t device = 0;
      std::uint64_t inode = 0;
      std::int64_t size = 0;
      std::int64_t seconds = 0;
      std::int64_t nanoseconds = 0;

      friend bool operator==(const Stamp&, const Stamp&) = default;
    };

    std::string path_;
    std::string content_;
    std::string problem_;
    std::optional<Stamp> stamp_;  ///< of the content; absent before the first
  };

  void refresh_files();
  [[nodiscard]] bool plugin_is_due();
  void take(const Result<ExecCredential>& brought);
  [[nodiscard]] Result<RequestCredentials> assemble() const;
  [[nodiscard]] Error denied(std::string_view why) const;

  const Clock& clock_;
  ServerAccess access_;
  Callback on_ready_;
  WatchedFile token_;
  WatchedFile certificate_;
  WatchedFile key_;
  std::optional<std::chrono::microseconds> files_read_;  ///< monotonic
  std::optional<ExecCredential> brought_;
  std::optional<Error> failure_;         ///< of the plugin's last run
  std::chrono::microseconds failed_{0};  ///< monotonic
  std::unique_ptr<ExecPluginRunner> plugin_;
};

}  // namespace tierwall::daemon
