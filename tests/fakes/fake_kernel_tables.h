#pragma once
// KernelTables without a kernel: keeps the ruleset as a value and refuses what nftables refuses. Passes the same
// contract suite as the real one (tests/unit/nft/kernel_tables_contract_test.cc).

#include <cerrno>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "nft/kernel_tables.h"
#include "nft/ruleset.h"
#include "nft/table_counters.h"

namespace tierwall::test {

class FakeKernelTables final : public nft::KernelTables, public nft::TableCounters {
 public:
  nft::CommitOutcome commit(const nft::ChangeSet& changes) override;
  Result<nft::CounterReadings> take() override;

  /// A packet of so many bytes meets a rule with this counter, which must exist.
  void hit(const std::string& counter, std::uint64_t bytes);

  Result<void> can_own() override {
    if (can_own_) return {};
    return Error{ErrorKind::Unsupported, "the kernel cannot give a table an owner for good: Operation not supported",
                 EOPNOTSUPP};
  }

  /// From now on it is an old kernel.
  void forget_owners() { can_own_ = false; }
  [[nodiscard]] nft::TableOwner owner() const { return owner_; }
  /// The n-th commit from now (0: the next one) fails as a whole with this errno.
  void refuse(std::size_t nth, int errno_value) { refusals_[attempts_ + nth] = errno_value; }
  /// What is said to the n-th commit from now is lost, whether it lands or not.
  void lose_answer(std::size_t nth) { lost_answers_.insert(attempts_ + nth); }
  /// Somebody else deletes the table.
  void lose_table() {
    has_table_ = false;
    ruleset_ = {};
    counted_.clear();
  }

  [[nodiscard]] bool has_table() const { return has_table_; }
  [[nodiscard]] const nft::Ruleset& ruleset() const { return ruleset_; }
  /// What was committed with success, in order; empty change sets are not commits.
  [[nodiscard]] const std::vector<nft::ChangeSet>& commits() const { return commits_; }
  /// Commits tried, failed ones too.
  [[nodiscard]] std::size_t attempts() const { return attempts_; }

 private:
  nft::CommitOutcome land(const nft::ChangeSet& changes);

  bool has_table_ = false;
  nft::TableOwner owner_ = nft::TableOwner::Nobody;
  bool can_own_ = true;
  nft::Ruleset ruleset_;
  nft::CounterReadings counted_;  ///< since they were taken
  std::vector<nft::ChangeSet> commits_;
  std::size_t attempts_ = 0;
  std::map<std::size_t, int> refusals_;  ///< by attempt
  std::set<std::size_t> lost_answers_;   ///< by attempt
};

}  // namespace tierwall::test
