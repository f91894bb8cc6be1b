#include "tests/fake_api/script.h"

#include <algorithm>
#include <utility>

namespace tierwall::fake_api {

template <typename Change>
void Script::change(Change&& what) {
  std::function<void()> wake;
  {
    const std::lock_guard lock(mutex_);
    std::forward<Change>(what)();
    ++changes_;
    wake = wake_;
  }
  changed_.notify_all();
  if (wake) wake();
}

void Script::behave(const Behaviour& behaviour) {
  change([&] { behaviour_ = behaviour; });
}

Behaviour Script::behaviour() const {
  const std::lock_guard lock(mutex_);
  return behaviour_;
}

void Script::accept_token(const std::string& token, const std::string& user) {
  change([&] { tokens_[token] = user; });
}

void Script::revoke_token(const std::string& token) {
  change([&] { tokens_.erase(token); });
}

void Script::revoke_certificate(const std::string& certificate) {
  change([&] { revoked_certificates_.insert(certificate); });
}

void Script::forbid(const std::string& path) {
  change([&] { forbidden_.insert(path); });
}

void Script::permit(const std::string& path) {
  change([&] { forbidden_.erase(path); });
}

void Script::fail_next(std::size_t count, const Failure& failure) {
  change([&] { failures_.push_back({.left = count, .failure = failure}); });
}

void Script::cut_next_answer_after(std::size_t bytes, Cut how, const std::string& path_prefix) {
  change([&] { answer_cuts_.push_back({.bytes = bytes, .how = how, .path_prefix = path_prefix}); });
}

void Script::cut_inside_next_event(Cut how, const std::string& path_prefix) {
  change([&] { event_cuts_.push_back({.bytes = 0, .how = how, .path_prefix = path_prefix}); });
}

void Script::expire_continue_tokens() {
  change([&] { ++continue_epoch_; });
}

void Script::send_bookmarks() {
  change([&] { ++orders_.bookmarks; });
}

void Script::end_watches() {
  change([&] { ++orders_.ends; });
}

void Script::send_error(const Status& status) {
  change([&] {
    ++orders_.errors;
    orders_.error = status.text();
  });
}

void Script::repeat_events(std::size_t count) {
  change([&] {
    ++orders_.repeats;
    orders_.repeat_events = count;
  });
}

std::vector<SeenRequest> Script::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::size_t Script::count_requests(std::string_view target_prefix) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::ranges::count_if(
      requests_, [&](const SeenRequest& seen) { return seen.request.target.starts_with(target_prefix); }));
}

void Script::forget_requests() {
  change([&] {
    forgotten_ += requests_.size();
    requests_.clear();
  });
}

std::size_t Script::open_watches(std::string_view path_prefix) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::ranges::count_if(watches_, [&](const std::string& path) { return path.starts_with(path_prefix); }));
}

bool Script::wait_for(const std::function<bool()>& condition, std::chrono::milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  std::unique_lock lock(mutex_);
  while (true) {
    const std::uint64_t seen = changes_;
    lock.unlock();
    if (condition()) return true;
    lock.lock();
    if (!changed_.wait_until(lock, deadline, [&] { return changes_ != seen; })) return false;
  }
}

void Script::on_change(std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  wake_ = std::move(wake);
}

void Script::poke() {
  {
    const std::lock_guard lock(mutex_);
    ++changes_;
  }
  changed_.notify_all();
}

std::optional<std::string> Script::user_of_token(const std::string& token) const {
  const std::lock_guard lock(mutex_);
  const auto found = tokens_.find(token);
  return found == tokens_.end() ? std::nullopt : std::optional(found->second);
}

bool Script::is_revoked(const std::string& certificate) const {
  const std::lock_guard lock(mutex_);
  return revoked_certificates_.contains(certificate);
}

bool Script::is_forbidden(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  return forbidden_.contains(path);
}

std::optional<Failure> Script::take_failure(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find_if(failures_, [&path](const PendingFailure& pending) {
    return pending.left > 0 && path.starts_with(pending.failure.path_prefix);
  });
  if (found == failures_.end()) return std::nullopt;
  --found->left;
  return found->failure;
}

namespace {

std::optional<Script::ArmedCut> take_cut(std::vector<Script::ArmedCut>& cuts, const std::string& path) {
  const auto found = std::ranges::find_if(cuts, [&path](const auto& cut) { return path.starts_with(cut.path_prefix); });
  if (found == cuts.end()) return std::nullopt;
  Script::ArmedCut taken = *found;
  cuts.erase(found);
  return taken;
}

}  // namespace

std::optional<Script::ArmedCut> Script::take_answer_cut(const std::string& path) {
  const std::lock_guard lock(mutex_);
  return take_cut(answer_cuts_, path);
}

std::optional<Cut> Script::take_event_cut(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const auto taken = take_cut(event_cuts_, path);
  return taken ? std::optional(taken->how) : std::nullopt;
}

WatchOrders Script::orders() const {
  const std::lock_guard lock(mutex_);
  return orders_;
}

std::uint64_t Script::continue_epoch() const {
  const std::lock_guard lock(mutex_);
  return continue_epoch_;
}

std::size_t Script::record(const ApiRequest& request, const std::string& user) {
  std::size_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = forgotten_ + requests_.size();
    requests_.push_back({.request = request, .user = user});
  }
  poke();
  return number;
}

void Script::record_status(std::size_t number, int status) {
  {
    const std::lock_guard lock(mutex_);
    if (number < forgotten_) return;
    requests_[number - forgotten_].status = status;
  }
  poke();
}

void Script::watch_opened(const std::string& path) {
  {
    const std::lock_guard lock(mutex_);
    watches_.insert(path);
  }
  poke();
}

void Script::watch_closed(const std::string& path) {
  {
    const std::lock_guard lock(mutex_);
    watches_.erase(watches_.find(path));
  }
  poke();
}

}  // namespace tierwall::fake_api
