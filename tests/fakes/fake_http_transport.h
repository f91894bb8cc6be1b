#pragma once
// An API server that says what the test tells it to say, when the test tells it to: every request becomes an answer
// that stays open until the test ends it or who asked gives it up.

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/sources/kubernetes/http_transport.h"

namespace tierwall::test {

/// One request and what is said to it. After the request was given up, or the answer ended, words go nowhere.
class FakeAnswer {
 public:
  FakeAnswer(daemon::HttpRequest request, daemon::HttpSink& sink) : request_(std::move(request)), sink_(&sink) {}

  [[nodiscard]] const daemon::HttpRequest& request() const { return request_; }
  [[nodiscard]] bool is_open() const { return sink_ != nullptr; }

  void head(int status, std::optional<std::chrono::seconds> retry_after = {});
  void body(std::string_view bytes);
  /// The answer is complete.
  void end();
  /// The connection is lost.
  void fail(const std::string& why);

  /// A whole answer at once.
  void answer(int status, std::string_view bytes, std::optional<std::chrono::seconds> retry_after = {});

 private:
  friend class FakeExchange;

  daemon::HttpRequest request_;
  daemon::HttpSink* sink_;  // null: nobody listens any more
};

class FakeHttpTransport final : public daemon::HttpTransport {
 public:
  std::unique_ptr<daemon::HttpExchange> get(const daemon::HttpRequest& request, daemon::HttpSink& sink) override;

  /// The open answer to exactly this target; null if there is none.
  [[nodiscard]] FakeAnswer* find(std::string_view target) const;
  /// The open answer to the last request.
  [[nodiscard]] FakeAnswer* last() const;
  /// Of all open requests, in the order they were made.
  [[nodiscard]] std::vector<std::string> open_targets() const;
  [[nodiscard]] std::size_t requests() const { return answers_.size(); }

 private:
  std::vector<std::shared_ptr<FakeAnswer>> answers_;
};

}  // namespace tierwall::test
