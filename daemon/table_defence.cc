#include "daemon/table_defence.h"

#include <algorithm>
#include <utility>

#include <sys/epoll.h>

#include <fmt/format.h>

namespace tierwall::daemon {

namespace {

std::string blame(const Result<std::vector<nft::ForeignChange>>& changes) {
  if (!changes) return "somebody may have changed the table: " + changes.error().message;
  const nft::ForeignChange& last = changes->back();
  return fmt::format("process '{}' (pid {}) changed the table", last.process_name, last.process);
}

}  // namespace

std::optional<std::chrono::microseconds> RepairPace::plan(std::chrono::microseconds now) {
  if (!planned_.empty() && planned_.back() > now) return std::nullopt;
  planned_.push_back(is_slow(now) ? std::max(now, planned_.back() + kSlow) : now);
  if (planned_.size() > kAtOnce) planned_.pop_front();
  return planned_.back();
}

bool RepairPace::is_slow(std::chrono::microseconds now) const {
  return planned_.size() == kAtOnce && planned_.front() + kWithin > now;
}

TableDefence::TableDefence(systemd::EventLoop& loop, Result<std::unique_ptr<nft::TableNotices>> notices,
                           const Clock& clock, Callback on_repair)
    : clock_(clock), on_repair_(std::move(on_repair)) {
  if (!notices) {
    failure_ = notices.error().message;
    return;
  }
  notices_ = *std::move(notices);
  readable_.emplace(loop, notices_->fd(), EPOLLIN, systemd::Priority::Kernel,
                    [this](std::uint32_t) { read_notices(); });
}

std::optional<std::string> TableDefence::trouble() const {
  if (failure_) return "foreign changes of the table would not be noticed: " + *failure_;
  if (!pace_.is_slow(clock_.monotonic())) return std::nullopt;
  return blame_ + ", again and again; it is put right once a second";
}

void TableDefence::read_notices() {
  const Result<std::vector<nft::ForeignChange>> changes = notices_->read();
  if (!changes && changes.error().kind != ErrorKind::Exhausted) {
    failure_ = changes.error().message;
    return;
  }
  failure_.reset();
  if (changes && changes->empty()) return;  // of other tables
  blame_ = blame(changes);
  if (const auto at = pace_.plan(clock_.monotonic())) on_repair_({*at, blame_});
}

}  // namespace tierwall::daemon
