#pragma once
// The API server as the daemon holds it: kubeconfig, transport and source as one thing that keeps itself going. A
// kubeconfig that cannot be used is read again every few seconds, because it may be brought later than the daemon.
// Lives on the loop's thread; never logs.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/clock.h"
#include "daemon/sources/kubernetes/curl_transport.h"
#include "daemon/sources/kubernetes/kubernetes_source.h"
#include "systemd/event_loop.h"

namespace tierwall::daemon {

class ClusterConnection {
 public:
  static constexpr std::chrono::seconds kReadAgain{10};

  struct Settings {
    std::string node;
    std::string user_agent;
    std::function<Result<ServerAccess>()> read_access;  ///< the kubeconfig, or what a pod's environment says
    std::chrono::microseconds first_request_spread = std::chrono::seconds(2);  ///< as KubernetesSource has it
  };

  /// `on_events` gets the events, `on_progress` is called whenever anything below may have changed; neither is called
  /// before start() returned.
  ClusterConnection(systemd::EventLoop& loop, const Clock& clock, Settings settings,
                    KubernetesSource::Callback on_events, std::function<void()> on_progress);
  ClusterConnection(const ClusterConnection&) = delete;
  ClusterConnection& operator=(const ClusterConnection&) = delete;

  void start();
  /// Reads the kubeconfig again; if it says something else, everything is asked anew.
  void reload();
  void need(const Needs& needs);

  [[nodiscard]] bool in_sync() const { return source_ && source_->in_sync(); }
  [[nodiscard]] bool knows(const policy::ResourceKey& key) const { return source_ && source_->knows(key); }
  /// Why the server cannot be asked at all.
  [[nodiscard]] const std::optional<std::string>& failure() const { return failure_; }
  /// Why what is known may be out of date; empty while all is well.
  [[nodiscard]] std::vector<std::string> lost() const;
  [[nodiscard]] std::vector<KindStatus> status() const;
  [[nodiscard]] std::vector<policy::Diagnostic> problems() const;
  [[nodiscard]] std::vector<std::string> remarks() const;
  /// Since start, whichever server was asked.
  [[nodiscard]] ServerRequests requests() const;
  /// "https://10.0.0.1:6443"; empty while it is not known.
  [[nodiscard]] std::string server() const { return access_ ? access_->server : std::string(); }

 private:
  void connect();
  void step();
  void schedule();

  systemd::EventLoop& loop_;
  const Clock& clock_;
  Settings settings_;
  KubernetesSource::Callback on_events_;
  std::function<void()> on_progress_;
  Needs needs_;
  std::optional<ServerAccess> access_;
  std::optional<std::string> failure_;
  ServerRequests former_requests_;  // to servers the kubeconfig named before
  std::unique_ptr<CurlTransport> transport_;
  std::unique_ptr<KubernetesSource> source_;  // uses the transport
  systemd::Timer timer_;
};

}  // namespace tierwall::daemon
