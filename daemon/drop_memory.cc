#include "daemon/drop_memory.h"

#include <utility>
#include <vector>

#include "daemon/control/drop_list.h"

namespace tierwall::daemon {

static_assert(StateLimits{}.drops == DropLog::kMost);

Result<std::vector<LoggedDrop>> DropMemory::restore() {
  const Result<ToldDrops> told = store_->drops();
  if (!told) return told.error();
  std::vector<LoggedDrop> entries = read_told(*told);
  if (!entries.empty()) final_ = entries.back().number;
  return entries;
}

void DropMemory::move_to(StateStore& store) {
  store_ = &store;
  final_ = 0;
  // The ring keeps the highest numbers: entries with those of a log that began anew would go at once.
  const Result<ToldDrops> told = store.drops();
  ahead_ = told && !told->empty() ? told->rbegin()->first : 0;
  note();
}

void DropMemory::note() {
  if (!due_ && log_.last_number() > final_) due_ = clock_.monotonic() + kSettle;
}

void DropMemory::step() {
  if (due_ && clock_.monotonic() >= *due_) flush();
}

void DropMemory::flush() {
  due_.reset();
  const std::chrono::milliseconds now = clock_.unix_time();
  std::uint64_t final = final_;
  ToldDrops grown;
  for (LoggedDrop& entry : log_.since(final_, DropLog::kMost)) {
    if (now - entry.first >= DropLog::kTogether) final = entry.number;
    entry.number += ahead_;
    grown.emplace(entry.number, print_told(entry));
  }
  if (grown.empty()) return;
  const Result<void> written = store_->put_drops(grown);
  trouble_ = written ? std::nullopt : std::optional(written.error().message);
  if (!written) {
    due_ = clock_.monotonic() + kSettle;
    return;
  }
  final_ = final;
}

}  // namespace tierwall::daemon
