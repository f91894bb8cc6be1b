#include "daemon/sources/kubernetes/reflector.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace tierwall::daemon {

namespace {

constexpr std::size_t kRefusalText = 64u << 10;  // bytes of an error body that are kept
constexpr std::string_view kInitialEventsEnd = "k8s.io/initial-events-end";

/// As a value in a query.
std::string escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || c == '.' || c == '~';
    escaped += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return escaped;
}

std::string metadata_text(const Node& object, std::string_view key) {
  const Node* metadata = object.find("metadata");
  return metadata == nullptr ? std::string() : text_field(*metadata, key);
}

bool ends_initial_events(const Node& bookmark) {
  const Node* metadata = bookmark.find("metadata");
  const Node* annotations = metadata == nullptr ? nullptr : metadata->find("annotations");
  return annotations != nullptr && text_field(*annotations, kInitialEventsEnd) == "true";
}

std::string print_place(const JsonPlace& place) {
  return fmt::format("value {} of the answer ({} bytes at byte {})", place.number, place.size, place.offset);
}

}  // namespace

std::string_view print_state(ReflectorState state) {
  switch (state) {
    case ReflectorState::Waiting:
      return "waiting";
    case ReflectorState::Reading:
      return "reading";
    case ReflectorState::Following:
      return "following";
    case ReflectorState::Retrying:
      return "retrying";
    case ReflectorState::Refused:
      return "refused";
    case ReflectorState::NotServed:
      return "not served";
  }
  return "unknown";
}

Reflector::Reflector(Collection collection, const Projection& projection, HttpTransport& transport, const Clock& clock,
                     Random random, JsonReader& reader, ReflectorSink& sink, std::chrono::microseconds first_delay)
    : collection_(std::move(collection)),
      projection_(projection),
      transport_(transport),
      clock_(clock),
      random_(std::move(random)),
      reader_(reader),
      sink_(sink),
      due_(clock.monotonic() + first_delay) {}

const std::string* Reflector::version_of(const ObjectName& name) const {
  const auto of_namespace = known_.find(name.ns);
  if (of_namespace == known_.end()) return nullptr;
  const auto known = of_namespace->second.find(name.name);
  return known == of_namespace->second.end() ? nullptr : &known->second.version;
}

std::vector<ObjectName> Reflector::names() const {
  std::vector<ObjectName> names;
  names.reserve(size_);
  for (const auto& [ns, objects] : known_) {
    for (const auto& [name, known] : objects) names.push_back({ns, name});
  }
  return names;
}

void Reflector::step() {
  if (!due_ || clock_.monotonic() < *due_) return;
  due_.reset();
  send();
}

void Reflector::send() {
  exchange_.reset();
  if (request_ == Request::Watch) ++requests_.watches;
  if (request_ == Request::FullRead) {
    ++requests_.full_reads;
    ++round_;
    reading_all_ = true;
    incomplete_ = false;
    continue_token_.clear();
    sink_.on_full_read();
  }
  streaming_ = request_ == Request::Watch || (request_ == Request::FullRead && use_watch_list_);
  stream_.reset();
  page_.reset();
  if (streaming_) {
    stream_.emplace(static_cast<JsonSink&>(*this));
  } else {
    page_.emplace(static_cast<JsonSink&>(*this));
  }
  head_.reset();
  refusal_text_.clear();
  frames_ = 0;
  over_ = false;
  started_ = clock_.monotonic();
  exchange_ = transport_.get({.target = target(), .silence_limit = streaming_ ? kWatchSilence : kListSilence}, *this);
}

std::string Reflector::target() const {
  std::string query;
  if (!streaming_) {
    query = fmt::format("limit={}", kPageSize);
    if (!continue_token_.empty()) query += "&continue=" + escape(continue_token_);
  } else {
    query = "watch=1";
    query += request_ == Request::Watch ? "&resourceVersion=" + escape(resource_version_)
                                        : "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
    const auto limit = random_between(std::chrono::seconds(300), std::chrono::seconds(600), random_);
    query += fmt::format("&allowWatchBookmarks=true&timeoutSeconds={}",
                         std::chrono::duration_cast<std::chrono::seconds>(limit).count());
  }
  if (!collection_.field_selector.empty()) query += "&fieldSelector=" + escape(collection_.field_selector);
  if (!collection_.label_selector.empty()) query += "&labelSelector=" + escape(collection_.label_selector);
  return collection_.path + "?" + query;
}

void Reflector::on_head(const HttpHead& head) {
  head_ = head;
  if (head.status != 200) return;
  last_contact_ = clock_.unix_time();
  failure_.reset();
  state_ = reading_all_ ? ReflectorState::Reading : ReflectorState::Following;
  sink_.on_pause();
}

void Reflector::on_body(std::string_view bytes) {
  if (over_ || !head_) return;
  if (head_->status != 200) {
    refusal_text_.append(bytes.substr(0, kRefusalText - std::min(kRefusalText, refusal_text_.size())));
    return;
  }
  last_contact_ = clock_.unix_time();
  feed(bytes);
  if (over_) exchange_.reset();
  sink_.on_pause();
}

void Reflector::feed(std::string_view bytes) {
  if (streaming_) {
    stream_->feed(bytes);
  } else if (const auto fed = page_->feed(bytes); !fed && !over_) {
    back_off(resume(), fed.error().message);
  }
}

void Reflector::on_end(const Result<void>& result) {
  if (over_) return;
  if (!result) {
    back_off(resume(), result.error().message);
  } else if (!head_) {
    back_off(resume(), "no answer");
  } else if (head_->status != 200) {
    refuse(read_refusal(*head_, refusal_text_, reader_));
  } else {
    end_of_answer();
  }
  exchange_.reset();
  sink_.on_pause();
}

void Reflector::end_of_answer() {
  if (streaming_) {
    end_of_watch();
  } else {
    end_of_page();
  }
}

void Reflector::end_of_page() {
  const auto list = page_->finish();
  if (!list) {
    back_off(resume(), list.error().message);
  } else if (!list->continue_token.empty()) {
    continue_token_ = list->continue_token;
    go_on(Request::Page);
  } else {
    complete(list->resource_version);
    go_on(Request::Watch);
  }
}

void Reflector::end_of_watch() {
  const auto finished = stream_->finish();
  if (over_) return;  // the last value was an error
  if (reading_all_) {
    if (++unfinished_streams_ >= kPagesAfter) use_watch_list_ = false;
    back_off(Request::FullRead, "the stream ended before all objects were sent");
  } else if (!finished) {
    back_off(Request::Watch, finished.error().message);
  } else if (frames_ == 0 && clock_.monotonic() - started_ < kShortWatch) {
    back_off(Request::Watch, "the watch ended at once");
  } else {
    go_on(Request::Watch);
  }
}

void Reflector::on_value(std::string_view text, const JsonPlace& place) {
  if (over_) return;
  if (streaming_) {
    read_event(text, place);
  } else {
    read_item(text, place);
  }
}

void Reflector::on_oversized(const JsonPlace& place) {
  if (over_) return;
  ++frames_;
  miss(fmt::format("{}: larger than {} bytes, passed over", print_place(place), kMaxJsonValue));
}

void Reflector::miss(const std::string& what) {
  if (reading_all_) incomplete_ = true;
  sink_.on_unreadable(what);
}

void Reflector::read_item(std::string_view text, const JsonPlace& place) {
  auto object = reader_.read(text, projection_);
  if (!object) {
    miss(fmt::format("{}: {}", print_place(place), object.error().message));
  } else {
    take_change("ADDED", *std::move(object), place);
  }
}

void Reflector::read_event(std::string_view text, const JsonPlace& place) {
  ++frames_;
  auto frame = reader_.read_frame(text, projection_);
  if (!frame) {
    miss(fmt::format("{}: {}", print_place(place), frame.error().message));
    // What changed is unknown, so what is known is in doubt. While everything is being read that is taken care of.
    if (!reading_all_) back_off(Request::FullRead, frame.error().message);
  } else if (frame->type == "ERROR") {
    refuse(read_status(frame->object));
  } else if (frame->type == "BOOKMARK") {
    take_bookmark(frame->object);
  } else if (frame->type == "ADDED" || frame->type == "MODIFIED" || frame->type == "DELETED") {
    take_change(frame->type, std::move(frame->object), place);
  }
}

void Reflector::take_bookmark(const Node& bookmark) {
  const std::string version = metadata_text(bookmark, "resourceVersion");
  if (version.empty()) return;
  watch_refusals_ = 0;
  if (!reading_all_) {
    advance(version);
  } else if (ends_initial_events(bookmark)) {
    complete(version);
  }
}

void Reflector::take_change(const std::string& type, Node object, const JsonPlace& place) {
  const ObjectName name{metadata_text(object, "namespace"), metadata_text(object, "name")};
  const std::string version = metadata_text(object, "resourceVersion");
  if (name.name.empty()) {
    miss(fmt::format("{}: an object without a name", print_place(place)));
    return;
  }
  if (!reading_all_) {
    // The stream has passed this place already. During a full read the server's word is final instead: after its data
    // were restored from a backup, versions start again from a lower number.
    if (is_older_version(version, resource_version_)) return;
    const std::string* had = version_of(name);
    if (had != nullptr && is_older_version(version, *had)) return;
    watch_refusals_ = 0;
    advance(version);
  }
  if (type == "DELETED") {
    remove(name);
  } else {
    upsert(name, version, std::move(object));
  }
}

void Reflector::upsert(const ObjectName& name, const std::string& version, Node object) {
  const auto [known, inserted] = known_[name.ns].try_emplace(name.name);
  if (inserted) ++size_;
  known->second.round = round_;
  if (!inserted && !version.empty() && known->second.version == version) return;
  known->second.version = version;
  sink_.on_upsert(name, version, std::move(object));
}

void Reflector::remove(const ObjectName& name) {
  const auto of_namespace = known_.find(name.ns);
  if (of_namespace == known_.end() || of_namespace->second.erase(name.name) == 0) return;
  --size_;
  if (of_namespace->second.empty()) known_.erase(of_namespace);
  sink_.on_gone(name);
}

/// Everything the server has was shown: what was not is gone.
void Reflector::complete(const std::string& version) {
  reading_all_ = false;
  std::vector<ObjectName> gone;
  for (const auto& [ns, objects] : known_) {
    for (const auto& [name, known] : objects) {
      if (!incomplete_ && known.round != round_) gone.push_back({ns, name});
    }
  }
  for (const ObjectName& name : gone) remove(name);
  resource_version_ = version;
  unfinished_streams_ = 0;
  watch_refusals_ = 0;
  failures_.end();
  synced_ = true;
  state_ = ReflectorState::Following;
  sink_.on_synced();
}

void Reflector::advance(const std::string& version) {
  if (!version.empty() && !is_older_version(version, resource_version_)) resource_version_ = version;
}

/// What to ask for after the request under way failed.
Reflector::Request Reflector::resume() const {
  if (!reading_all_) return Request::Watch;
  return streaming_ ? Request::FullRead : continue_token_.empty() ? Request::FullRead : Request::Page;
}

std::chrono::microseconds Reflector::seldom() const {
  return random_between(kSeldom, kVerySeldom, random_);
}

void Reflector::refuse(const Refusal& refusal) {
  const std::string why = print_refusal(refusal);
  const bool expired = refusal.code == 410 || refusal.reason == "Expired" || refusal.reason == "Gone";
  if (expired) {
    retry(Request::FullRead, ReflectorState::Retrying, why, expiries_.next(clock_.monotonic(), random_));
  } else if (refusal.code == 401) {
    back_off(resume(), why);
    state_ = ReflectorState::Refused;
  } else if (refusal.code == 403) {
    retry(resume(), ReflectorState::Refused, why, seldom());
  } else if (refusal.code == 404) {
    retry(Request::FullRead, ReflectorState::NotServed, why, seldom());
  } else if ((refusal.code == 400 || refusal.code == 422) && reading_all_ && streaming_) {
    use_watch_list_ = false;  // a server that does not stream lists
    go_on(Request::FullRead);
  } else {
    refuse_other(refusal);
  }
}

void Reflector::refuse_other(const Refusal& refusal) {
  const std::string why = print_refusal(refusal);
  const bool overloaded = refusal.code == 429 || refusal.code == 503;
  Request next = resume();
  if (next == Request::Watch && !overloaded && ++watch_refusals_ >= kFullReadAfter) {
    watch_refusals_ = 0;
    next = Request::FullRead;
  }
  // A token that the server does not take is not taken the next time either.
  if (next == Request::Page && refusal.code >= 400 && refusal.code < 500 && !overloaded) next = Request::FullRead;
  if (!refusal.retry_after) {
    back_off(next, why);
    return;
  }
  const std::chrono::microseconds wait = std::min(*refusal.retry_after, kLongestRetryAfter);
  retry(next, ReflectorState::Retrying, why, random_between(wait, wait + std::chrono::seconds(1), random_));
}

void Reflector::back_off(Request request, std::string why) {
  retry(request, ReflectorState::Retrying, std::move(why), back_off_.next(clock_.monotonic(), random_));
}

void Reflector::retry(Request request, ReflectorState state, std::string why, std::chrono::microseconds delay) {
  ++requests_.failures;
  go_on(request);
  if (was_of_use()) failures_.end();
  failures_.add(clock_.monotonic());
  state_ = state;
  failure_ = std::move(why);
  due_ = clock_.monotonic() + delay;
}

/// The watch that failed had worked before: its failure is the first of a row, not one more. A full read is of use only
/// when it is complete.
bool Reflector::was_of_use() const {
  if (reading_all_ || !head_ || head_->status != 200) return false;
  return frames_ > 0 || clock_.monotonic() - started_ >= kShortWatch;
}

void Reflector::go_on(Request request) {
  over_ = true;
  request_ = request;
  due_ = clock_.monotonic();
}

}  // namespace tierwall::daemon
