#include "tests/fakes/fake_http_transport.h"

#include <utility>

namespace tierwall::test {

/// Its end is the end of listening.
class FakeExchange final : public daemon::HttpExchange {
 public:
  explicit FakeExchange(std::shared_ptr<FakeAnswer> answer) : answer_(std::move(answer)) {}
  ~FakeExchange() override { answer_->sink_ = nullptr; }
  FakeExchange(const FakeExchange&) = delete;
  FakeExchange& operator=(const FakeExchange&) = delete;

 private:
  std::shared_ptr<FakeAnswer> answer_;
};

void FakeAnswer::head(int status, std::optional<std::chrono::seconds> retry_after) {
  if (sink_ != nullptr)
    sink_->on_head({.status = status, .content_type = "application/json", .retry_after = retry_after});
}

void FakeAnswer::body(std::string_view bytes) {
  if (sink_ != nullptr) sink_->on_body(bytes);
}

void FakeAnswer::end() {
  if (daemon::HttpSink* sink = std::exchange(sink_, nullptr); sink != nullptr) sink->on_end({});
}

void FakeAnswer::fail(const std::string& why) {
  if (daemon::HttpSink* sink = std::exchange(sink_, nullptr); sink != nullptr)
    sink->on_end(Error{ErrorKind::Unavailable, why});
}

void FakeAnswer::answer(int status, std::string_view bytes, std::optional<std::chrono::seconds> retry_after) {
  head(status, retry_after);
  body(bytes);
  end();
}

std::unique_ptr<daemon::HttpExchange> FakeHttpTransport::get(const daemon::HttpRequest& request,
                                                             daemon::HttpSink& sink) {
  answers_.push_back(std::make_shared<FakeAnswer>(request, sink));
  return std::make_unique<FakeExchange>(answers_.back());
}

FakeAnswer* FakeHttpTransport::find(std::string_view target) const {
  for (const auto& answer : answers_) {
    if (answer->is_open() && answer->request().target == target) return answer.get();
  }
  return nullptr;
}

FakeAnswer* FakeHttpTransport::last() const {
  return answers_.empty() || !answers_.back()->is_open() ? nullptr : answers_.back().get();
}

std::vector<std::string> FakeHttpTransport::open_targets() const {
  std::vector<std::string> targets;
  for (const auto& answer : answers_) {
    if (answer->is_open()) targets.push_back(answer->request().target);
  }
  return targets;
}

}  // namespace tierwall::test
