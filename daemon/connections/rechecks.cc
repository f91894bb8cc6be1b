#include "daemon/connections/rechecks.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nft/cut_bit.h"

namespace tierwall::daemon {

namespace {

using Fate = ConnectionJudgement::Fate;

}  // namespace

std::string print_cuts(const RecheckReport& report) {
  const std::size_t untold = report.cut - std::min(report.cut, report.cut_flows.size());
  return fmt::format("cut {} established connection{} that policy denies now: {}{}", report.cut,
                     report.cut == 1 ? "" : "s", fmt::join(report.cut_flows, "; "),
                     untold == 0 ? "" : fmt::format("; and {} more", untold));
}

void Rechecks::want() {
  wanted_ = true;
  second_look_at_ = clock_.monotonic() + kSecondLook;
}

void Rechecks::stop() {
  wanted_ = false;
  running_ = false;
  second_look_at_.reset();
  trouble_.reset();
  failures_ = 0;
  listed_.clear();
  last_.reset();
  cut_so_far_ = 0;
}

std::optional<std::chrono::microseconds> Rechecks::due() const {
  if (running_) return clock_.monotonic();
  if (wanted_) return not_before_;
  if (second_look_at_) return std::max(*second_look_at_, not_before_);
  return std::nullopt;
}

std::optional<RecheckReport> Rechecks::step(const InForce& in_force) {
  const std::chrono::microseconds started = clock_.monotonic();
  const auto wanted_at = due();
  if (!wanted_at || started < *wanted_at) return std::nullopt;
  if (!running_) begin();
  const Result<bool> done = go_on(in_force, started + kSlice);
  const std::chrono::microseconds took = clock_.monotonic() - started;
  report_.busy += took;
  report_.longest = std::max(report_.longest, took);
  if (!done) {
    fail(done.error());
    return std::nullopt;
  }
  if (!*done) return std::nullopt;
  return finish();
}

void Rechecks::begin() {
  wanted_ = false;
  if (second_look_at_ && *second_look_at_ <= clock_.monotonic()) second_look_at_.reset();
  running_ = true;
  listing_ = false;
  // What one that failed has cut is told by the one that comes to its end.
  if (failures_ == 0) report_ = {};
  report_.looked_at = 0;
  listed_.clear();
  next_ = 0;
  interfaces_.clear();
}

Result<void> Rechecks::ask_kernel() {
  Result<std::set<policy::Address>> own = table_.own_addresses();
  if (!own) return own.error();
  own_addresses_ = *std::move(own);
  return table_.begin_listing();
}

/// True at the end of the listing.
Result<bool> Rechecks::go_on(const InForce& in_force, std::chrono::microseconds deadline) {
  if (!std::exchange(listing_, true)) {
    if (const Result<void> asked = ask_kernel(); !asked) return asked.error();
  }
  const ConnectionJudge judge(
      {in_force.policy, in_force.options, own_addresses_,
       [this, &in_force](const policy::Address& address) { return interface_to(in_force, address); }});
  while (clock_.monotonic() < deadline) {
    if (next_ == listed_.size()) {
      Result<std::optional<std::vector<TrackedConnection>>> more = table_.list_some();
      if (!more) return more.error();
      if (!*more) return true;
      listed_ = std::move(**more);
      next_ = 0;
      continue;
    }
    if (const Result<void> treated = treat(judge, listed_[next_]); !treated) return treated.error();
    ++next_;
  }
  return false;
}

Result<void> Rechecks::treat(const ConnectionJudge& judge, const TrackedConnection& connection) {
  const ConnectionJudgement judgement = judge.judge(connection);
  if (judgement.concerns_us) ++report_.looked_at;
  const bool is_cut = (connection.mark & nft::kCutBit) != 0;
  if (judgement.fate == Fate::Denied && !is_cut) return cut(judge, connection, judgement);
  if (judgement.fate == Fate::Stays && is_cut) return release(connection);
  return {};
}

/// The socket first: so its reset still leaves the node.
Result<void> Rechecks::cut(const ConnectionJudge& judge, const TrackedConnection& connection,
                           const ConnectionJudgement& judgement) {
  if (judgement.own_socket && !connection.over) {
    // Whether a socket was there, or could be ended, changes nothing for the packets.
    static_cast<void>(table_.end_socket(*judgement.own_socket));
  }
  const Result<bool> was_there = table_.set_cut(connection, true);
  if (!was_there) return was_there.error();
  if (!*was_there || connection.over) return {};
  ++report_.cut;
  if (report_.cut_flows.size() < kTold) {
    report_.cut_flows.push_back(judge.describe(connection) + ", denied by " + judgement.denier);
  }
  return {};
}

Result<void> Rechecks::release(const TrackedConnection& connection) {
  const Result<bool> was_there = table_.set_cut(connection, false);
  if (!was_there) return was_there.error();
  if (*was_there) ++report_.released;
  return {};
}

RecheckReport Rechecks::finish() {
  running_ = false;
  failures_ = 0;
  trouble_.reset();
  listed_ = {};
  next_ = 0;
  interfaces_.clear();
  not_before_ = clock_.monotonic() + std::max(kApart, report_.busy * kRestFactor);
  report_.time = clock_.unix_time();
  last_ = report_;
  cut_so_far_ += report_.cut;
  return report_;
}

void Rechecks::fail(const Error& error) {
  running_ = false;
  wanted_ = true;
  listed_ = {};
  next_ = 0;
  ++failures_;
  std::chrono::microseconds delay = kApart;
  for (int i = 1; i < failures_ && delay < kLastRetry; ++i) delay *= 2;
  not_before_ = clock_.monotonic() + std::min(delay, kLastRetry);
  if (error.kind == ErrorKind::Busy && failures_ < kPatience) return;
  trouble_ = fmt::format("established connections cannot be judged again ({}); what was allowed before goes on",
                         error.message);
}

std::string Rechecks::interface_to(const InForce& in_force, const policy::Address& address) {
  const auto [known, fresh] = interfaces_.try_emplace(address);
  if (fresh) known->second = in_force.interface_to(address);
  return known->second;
}

}  // namespace tierwall::daemon
