#pragma once
// Whether the API server serves one version of one group, and which resources of it: asked until it does, and again
// from time to time for as long as somebody waits for one that is missing. Owns no timer, like the reflector.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "daemon/clock.h"
#include "daemon/sources/kubernetes/back_off.h"
#include "daemon/sources/kubernetes/failure_streak.h"
#include "daemon/sources/kubernetes/http_transport.h"
#include "daemon/sources/kubernetes/read_json.h"
#include "policy/result.h"

namespace tierwall::daemon {

class ApiGroup final : private HttpSink {
 public:
  /// Between looks for what is not served.
  static constexpr std::chrono::microseconds kSoonest = std::chrono::seconds(30);
  static constexpr std::chrono::microseconds kLatest = std::chrono::seconds(60);

  /// `path` like "/apis/policy.networking.k8s.io/v1alpha2". `on_answer` is called after every answer and failure;
  /// the group must not be destroyed meanwhile.
  ApiGroup(std::string path, HttpTransport& transport, const Clock& clock, Random random, JsonReader& reader,
           std::function<void()> on_answer, std::chrono::microseconds first_delay);
  ApiGroup(const ApiGroup&) = delete;
  ApiGroup& operator=(const ApiGroup&) = delete;

  [[nodiscard]] std::optional<std::chrono::microseconds> due() const { return due_; }
  void step();
  /// Whether to go on looking although there was an answer.
  void keep_looking(bool wanted);
  /// With the next step, because something says that what is served has changed.
  void look_now();

  [[nodiscard]] const std::string& path() const { return path_; }
  /// There was an answer, so that serves() means something.
  [[nodiscard]] bool answered() const { return answered_; }
  /// The answer is to a question of that time or later.
  [[nodiscard]] bool answered_since(std::chrono::microseconds time) const {
    return answered_to_ && *answered_to_ >= time;
  }
  /// What is hidden from us may be served: trying it will show.
  [[nodiscard]] bool serves(std::string_view resource) const;
  [[nodiscard]] const std::optional<std::string>& failure() const { return failure_; }
  /// As of a reflector.
  [[nodiscard]] bool is_lost() const { return failures_.is_loss(clock_.monotonic()); }
  [[nodiscard]] std::optional<std::chrono::microseconds> loss_due() const {
    return failures_.loss_due(clock_.monotonic());
  }
  [[nodiscard]] std::optional<std::chrono::milliseconds> last_contact() const { return last_contact_; }

 private:
  void on_head(const HttpHead& head) override { head_ = head; }
  void on_body(std::string_view bytes) override;
  void on_end(const Result<void>& result) override;
  [[nodiscard]] Result<void> judge(const Result<void>& result);
  [[nodiscard]] Result<void> read_resources();

  std::string path_;
  HttpTransport& transport_;
  const Clock& clock_;
  Random random_;
  JsonReader& reader_;
  std::function<void()> on_answer_;

  std::optional<std::chrono::microseconds> due_;
  bool wanted_ = true;
  bool answered_ = false;
  std::chrono::microseconds asked_{0};                    // monotonic, the last question
  std::optional<std::chrono::microseconds> answered_to_;  // that was answered
  FailureStreak failures_;
  bool hidden_ = false;  // we may not know
  std::set<std::string, std::less<>> resources_;
  std::optional<std::string> failure_;
  std::optional<std::chrono::milliseconds> last_contact_;
  BackOff back_off_;
  std::optional<HttpHead> head_;
  std::string body_;
  std::unique_ptr<HttpExchange> exchange_;
};

}  // namespace tierwall::daemon
