#pragma once
// How much traffic each policy rule has seen, over changes of the table and restarts. The kernel counts; what it
// counted is taken from it when somebody asks, before a transaction that removes counters, and at the end, and is added
// up in the state store. In between nothing wakes up: the kernel keeps counting while nobody looks, and also without
// us.

#include <optional>
#include <string>

#include "daemon/clock.h"
#include "daemon/state/state_store.h"
#include "nft/kernel_tables.h"
#include "nft/table_counters.h"

namespace tierwall::daemon {

class HitCounts {
 public:
  /// Borrows everything, the store until move_to().
  HitCounts(nft::TableCounters& counters, StateStore& store, const Clock& clock)
      : counters_(counters), store_(&store), clock_(clock) {}
  HitCounts(const HitCounts&) = delete;
  HitCounts& operator=(const HitCounts&) = delete;

  /// So many counters are known, in force or not: those hit last. As many as the state store keeps.
  static constexpr std::size_t kMost = StateLimits{}.counters;

  /// What earlier processes counted.
  void remember(Counters counters) { totals_ = std::move(counters); }
  /// Goes over to another store, because this one could not be written; borrows it. What it did not take goes there.
  void move_to(StateStore& store);
  /// Reads the kernel and saves what is new. Failures show in trouble(); nothing that was read is lost then.
  void take();

  /// By name of the counter, as of the last take(). Of a counter that was hit, when that was noticed.
  [[nodiscard]] const Counters& totals() const { return totals_; }
  [[nodiscard]] const std::optional<std::string>& trouble() const { return trouble_; }

 private:
  void save();
  void forget_oldest();

  nft::TableCounters& counters_;
  StateStore* store_;  // never null
  const Clock& clock_;
  Counters totals_;
  Counters unsaved_;
  std::optional<std::string> trouble_;
};

/// The door to the kernel's tables for those who need not know of counters: takes what they counted before they go.
class CountedTables final : public nft::KernelTables {
 public:
  /// Borrows both.
  CountedTables(nft::KernelTables& tables, HitCounts& hits) : tables_(tables), hits_(hits) {}

  nft::CommitOutcome commit(const nft::ChangeSet& changes) override;
  Result<void> can_own() override { return tables_.can_own(); }

 private:
  nft::KernelTables& tables_;
  HitCounts& hits_;
};

}  // namespace tierwall::daemon
