#include "daemon/sources/kubernetes/api_group.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "daemon/sources/kubernetes/api_status.h"

namespace tierwall::daemon {

namespace {

constexpr std::size_t kMaxBody = 4u << 20;

}  // namespace

ApiGroup::ApiGroup(std::string path, HttpTransport& transport, const Clock& clock, Random random, JsonReader& reader,
                   std::function<void()> on_answer, std::chrono::microseconds first_delay)
    : path_(std::move(path)),
      transport_(transport),
      clock_(clock),
      random_(std::move(random)),
      reader_(reader),
      on_answer_(std::move(on_answer)),
      due_(clock.monotonic() + first_delay) {}

void ApiGroup::step() {
  if (!due_ || clock_.monotonic() < *due_) return;
  due_.reset();
  asked_ = clock_.monotonic();
  head_.reset();
  body_.clear();
  exchange_ = transport_.get({.target = path_}, *this);
}

void ApiGroup::keep_looking(bool wanted) {
  if (wanted_ == wanted) return;
  wanted_ = wanted;
  if (!wanted && answered_) {
    due_.reset();
  } else if (wanted && !due_ && !exchange_) {
    due_ = clock_.monotonic();
  }
}

void ApiGroup::look_now() {
  if (!exchange_) due_ = clock_.monotonic();
}

bool ApiGroup::serves(std::string_view resource) const {
  return hidden_ || resources_.find(resource) != resources_.end();
}

void ApiGroup::on_body(std::string_view bytes) {
  body_.append(bytes.substr(0, kMaxBody - std::min(kMaxBody, body_.size())));
}

void ApiGroup::on_end(const Result<void>& result) {
  const Result<void> judged = judge(result);
  failure_.reset();
  if (judged) {
    answered_ = true;
    answered_to_ = asked_;
    failures_.end();
    last_contact_ = clock_.unix_time();
    if (wanted_) due_ = clock_.monotonic() + random_between(kSoonest, kLatest, random_);
  } else {
    failure_ = judged.error().message;
    failures_.add(clock_.monotonic());
    due_ = clock_.monotonic() + back_off_.next(clock_.monotonic(), random_);
  }
  exchange_.reset();
  on_answer_();
}

/// Success if now it is known what is served; a failure leaves what was known.
Result<void> ApiGroup::judge(const Result<void>& result) {
  if (!result) return result.error();
  if (!head_) return Error{ErrorKind::Unavailable, "no answer"};
  hidden_ = head_->status == 403;
  if (head_->status == 200) return read_resources();
  if (head_->status == 404) resources_.clear();
  if (head_->status == 404 || hidden_) return {};
  return Error{ErrorKind::Unavailable, print_refusal(read_refusal(*head_, body_, reader_))};
}

Result<void> ApiGroup::read_resources() {
  static const Projection kNames = Projection::only({"kind", "resources[].name"});
  const auto list = reader_.read(body_, kNames);
  if (!list) return list.error();
  const Node* resources = list->find("resources");
  if (text_field(*list, "kind") != "APIResourceList" || resources == nullptr) {
    return malformed("the answer is no list of resources");
  }
  resources_.clear();
  for (const Node& resource : resources->items) resources_.insert(text_field(resource, "name"));
  return {};
}

}  // namespace tierwall::daemon
