#pragma once
// What a test tells the fake API server to do, and what the server has seen. Thread-safe; every order works at once,
// on streams that are open already too, unless it says otherwise.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fake_api/answer.h"
#include "tests/fake_api/api_request.h"
#include "tests/fake_api/status_object.h"

namespace tierwall::fake_api {

/// Switches that stay until they are changed. The defaults are a healthy kube-apiserver 1.36.
struct Behaviour {
  bool http2 = true;                   ///< offered by ALPN to new connections
  bool watch_list = true;              ///< off: sendInitialEvents is answered with 422, as before 1.32
  bool expired_watch_as_event = true;  ///< 410 of a watch: status 200 and an ERROR event; off: HTTP 410
  bool read_only = false;              ///< 403 for everything but reading
  bool anonymous = true;               ///< requests without credentials: 403 for most paths; off: 401
  bool pretty_for_curl = true;         ///< indented JSON for user agents that begin with "curl", except in watches
  std::chrono::milliseconds bookmark_every{60'000};
  std::chrono::milliseconds bookmark_before_end{2'000};
  std::chrono::milliseconds too_large_wait{3'000};  ///< for a resourceVersion of the future, before the 504
  std::size_t chunk_bytes = 2048;                   ///< HTTP/1.1: the largest chunk of a watch; ends fall anywhere

  // Misbehaviour.
  bool stalled = false;        ///< not one byte leaves, connections stay open
  std::size_t slow_bytes = 0;  ///< so many bytes of TLS payload per tick and connection; 0: as fast as it goes
  std::chrono::milliseconds slow_tick{10};
  bool duplicate_events = false;  ///< each event of a watch comes twice
  bool only_bookmarks = false;  ///< events are held back; bookmarks keep coming, at the version of the last event sent
};

struct Failure {
  int status = 500;
  int retry_after_seconds = 0;    ///< 0: no Retry-After
  std::string path_prefix = "/";  ///< only requests whose path begins like this
};

struct SeenRequest {
  ApiRequest request{};
  std::string user{};
  int status = 0;  ///< 0: not answered yet
};

/// What running watches look at: counters that rise with every order.
struct WatchOrders {
  std::uint64_t bookmarks = 0;
  std::uint64_t ends = 0;
  std::uint64_t errors = 0;
  std::uint64_t repeats = 0;
  std::size_t repeat_events = 0;
  std::string error{};  ///< the Status of the last error order
};

class Script {
 public:
  // Switches.
  void behave(const Behaviour& behaviour);
  [[nodiscard]] Behaviour behaviour() const;

  // Who may ask for what.
  void accept_token(const std::string& token, const std::string& user = "system:serviceaccount:kube-system:tierwall");
  /// Expired: 401 from the next request on. Running watches go on, as with the real server.
  void revoke_token(const std::string& token);
  /// The same for whoever shows this client certificate (PEM).
  void revoke_certificate(const std::string& certificate);
  /// 403 for this path: of a resource ("/api/v1/pods": in every namespace too) or of its objects in one namespace.
  void forbid(const std::string& path);
  void permit(const std::string& path);

  // One-time accidents.
  /// The next `count` requests fail: 429 as text, everything else as a Status.
  void fail_next(std::size_t count, const Failure& failure);
  /// The next answer to a path that begins like this ends after so many bytes of its body.
  void cut_next_answer_after(std::size_t bytes, Cut how, const std::string& path_prefix = "/");
  /// The next event of a watch on a path that begins like this ends in its middle.
  void cut_inside_next_event(Cut how, const std::string& path_prefix = "/");
  /// Continue tokens handed out up to now are answered with 410 and a fresh token.
  void expire_continue_tokens();

  // Orders to all running watches.
  void send_bookmarks();
  /// A clean end, as when the server shuts down.
  void end_watches();
  /// An ERROR event, then the end.
  void send_error(const Status& status);
  /// The last `count` events of each watch once more: old resourceVersions.
  void repeat_events(std::size_t count);

  // What was seen.
  [[nodiscard]] std::vector<SeenRequest> requests() const;
  /// Requests whose target begins like this.
  [[nodiscard]] std::size_t count_requests(std::string_view target_prefix) const;
  void forget_requests();
  [[nodiscard]] std::size_t open_watches(std::string_view path_prefix = "/") const;
  /// Waits for a condition over this class, the server or the store. False: the time is over.
  bool wait_for(const std::function<bool()>& condition, std::chrono::milliseconds timeout = std::chrono::seconds(10));

  // For the server and its connections.
  void on_change(std::function<void()> wake);
  /// Something that a condition of wait_for() may look at has changed.
  void poke();
  [[nodiscard]] std::optional<std::string> user_of_token(const std::string& token) const;
  [[nodiscard]] bool is_revoked(const std::string& certificate) const;
  [[nodiscard]] bool is_forbidden(const std::string& path) const;
  [[nodiscard]] std::optional<Failure> take_failure(const std::string& path);
  struct ArmedCut {
    std::size_t bytes = 0;
    Cut how = Cut::Reset;
    std::string path_prefix{};
  };
  [[nodiscard]] std::optional<ArmedCut> take_answer_cut(const std::string& path);
  [[nodiscard]] std::optional<Cut> take_event_cut(const std::string& path);
  [[nodiscard]] WatchOrders orders() const;
  [[nodiscard]] std::uint64_t continue_epoch() const;
  std::size_t record(const ApiRequest& request, const std::string& user);  ///< gives back its number
  void record_status(std::size_t number, int status);
  void watch_opened(const std::string& path);
  void watch_closed(const std::string& path);

 private:
  struct PendingFailure {
    std::size_t left = 0;
    Failure failure{};
  };
  template <typename Change>
  void change(Change&& what);  ///< under the lock, then wakes everybody

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t changes_ = 0;
  std::function<void()> wake_;
  Behaviour behaviour_;
  std::map<std::string, std::string> tokens_;  ///< to user names
  std::set<std::string> revoked_certificates_;
  std::set<std::string> forbidden_;
  std::vector<PendingFailure> failures_;
  std::vector<ArmedCut> answer_cuts_;
  std::vector<ArmedCut> event_cuts_;
  WatchOrders orders_;
  std::uint64_t continue_epoch_ = 0;
  std::vector<SeenRequest> requests_;
  std::size_t forgotten_ = 0;
  std::multiset<std::string> watches_;  ///< paths
};

}  // namespace tierwall::fake_api
