#pragma once
// The cache in which CNI runtimes (libcni) write down what they gave every sandbox, before its first container starts:
// /var/lib/cni/results/NETWORK-CONTAINER-INTERFACE. It ties an address of this node to its pod earlier than the API
// server can. A source of PodSandbox objects; lives on the loop's thread; never logs.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/inventory.h"
#include "policy/result.h"
#include "systemd/event_loop.h"
#include "systemd/unique_fd.h"

namespace tierwall::daemon {

inline constexpr std::string_view kCniSource = "cni";

/// One file of the cache. Absent if it is of no Kubernetes pod; Malformed if it is no cache file at all.
Result<std::optional<policy::PodSandbox>> parse_cni_result(std::string_view text, const std::string& file_name);

class CniResults {
 public:
  using Callback = std::function<void(std::vector<policy::ResourceEvent>)>;

  /// `on_events` runs on the loop, with at least one event.
  CniResults(systemd::EventLoop& loop, std::string path, Callback on_events);
  CniResults(const CniResults&) = delete;
  CniResults& operator=(const CniResults&) = delete;

  /// Reads the folder and follows it. A runtime makes it with its first pod: until then the nearest folder above it
  /// that exists is watched for its coming.
  void start();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool watching() const { return watch_ >= 0; }
  [[nodiscard]] std::size_t sandbox_count() const { return sandboxes_.size(); }
  /// Files that could not be understood, by name, with the reason.
  [[nodiscard]] const std::map<std::string, std::string>& problems() const { return problems_; }

 private:
  void read_all();
  [[nodiscard]] bool watch_folder();
  void watch_above();
  void read_notices();
  /// Looks at one file and adds what changed.
  void look_at(const std::string& name, std::vector<policy::ResourceEvent>& events);
  void forget(const std::string& name, std::vector<policy::ResourceEvent>& events);
  void publish(std::vector<policy::ResourceEvent> events);

  std::string path_;
  Callback on_events_;
  std::map<std::string, policy::PodSandbox> sandboxes_;  // by file name
  std::map<std::string, std::string> problems_;
  int watch_ = -1;        // inotify's number for the folder
  int above_watch_ = -1;  // for the folder above it, while it is not there
  systemd::UniqueFd inotify_;
  systemd::IoWatch readable_;
};

}  // namespace tierwall::daemon
