#include "daemon/hit_counts.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace tierwall::daemon {

namespace {

bool loses_counts(const nft::ChangeSet& changes) {
  return std::ranges::any_of(changes.operations, [](const nft::Operation& operation) {
    return std::holds_alternative<nft::DeleteTable>(operation) || std::holds_alternative<nft::DeleteCounter>(operation);
  });
}

void add(Counters& counters, const std::string& name, const Counter& more) {
  Counter& counter = counters[name];
  counter = sum(counter, more);
}

}  // namespace

void HitCounts::take() {
  const Result<nft::CounterReadings> readings = counters_.take();
  if (!readings) {
    trouble_ = readings.error().message;
    return;
  }
  trouble_.reset();
  for (const auto& [name, reading] : *readings) {
    const Counter more{.packets = reading.packets, .bytes = reading.bytes, .last_hit = clock_.unix_time()};
    add(totals_, name, more);
    add(unsaved_, name, more);
  }
  forget_oldest();
  save();
}

/// Policies come and go for months; what they counted is not kept for ever.
void HitCounts::forget_oldest() {
  if (totals_.size() <= kMost) return;
  std::vector<std::pair<std::chrono::milliseconds, std::string>> by_hit;
  by_hit.reserve(totals_.size());
  for (const auto& [name, counter] : totals_) by_hit.emplace_back(counter.last_hit, name);
  const auto oldest = static_cast<std::ptrdiff_t>(totals_.size() - kMost);
  std::ranges::nth_element(by_hit, by_hit.begin() + oldest);
  for (auto at = by_hit.begin(); at != by_hit.begin() + oldest; ++at) {
    totals_.erase(at->second);
    unsaved_.erase(at->second);
  }
}

void HitCounts::save() {
  if (unsaved_.empty()) return;
  if (const Result<void> saved = store_->add_counters(unsaved_); !saved) {
    trouble_ = "what the rules counted cannot be remembered: " + saved.error().message;
    return;
  }
  unsaved_.clear();
}

void HitCounts::move_to(StateStore& store) {
  store_ = &store;
  save();
}

nft::CommitOutcome CountedTables::commit(const nft::ChangeSet& changes) {
  if (loses_counts(changes)) hits_.take();
  return tables_.commit(changes);
}

}  // namespace tierwall::daemon
