#pragma once
// The state machine between the inventory and the kernel: when to compute, commit, retry and rewrite.
//
//   (waiting for sources) --sources_in_sync--> dirty --step--> in sync
//                                                ^               | mark_dirty
//                                                +---------------+
//        step, refused by the kernel:   in trouble --back-off--> step again, later with the whole table
//        step, cannot be compiled:      in trouble --mark_dirty--> step again
//
// It never looks at a clock by itself and owns no timer: due() says when step() wants to be called. Whatever fails,
// what the kernel holds stays: there is no operation here that removes protection, and none when the process ends.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "daemon/applied.h"
#include "daemon/clock.h"
#include "daemon/desired_policy.h"
#include "daemon/guard/guard.h"
#include "daemon/node_settings.h"
#include "nft/compile.h"
#include "nft/kernel_tables.h"
#include "policy/inventory.h"
#include "systemd/journal.h"

namespace tierwall::daemon {

class Reconciler {
 public:
  /// From one step to the next at least: what comes alone is committed at once, and of a burst the rest together.
  static constexpr std::chrono::microseconds kSettle = std::chrono::milliseconds(2);
  static constexpr std::chrono::microseconds kFirstRetry = std::chrono::milliseconds(100);
  static constexpr std::chrono::microseconds kLastRetry = std::chrono::seconds(30);
  /// A change brings the next try forward to this, because it may be the cure; not further, because it may not be.
  static constexpr std::chrono::microseconds kRetryAfterChange = std::chrono::seconds(1);
  /// After so many refusals in a row the whole table is written anew.
  static constexpr int kRebuildAfter = 3;

  /// Borrows everything; the composition root keeps it alive.
  Reconciler(const policy::Inventory& inventory, Guard& guard, nft::KernelTables& tables, const Clock& clock,
             systemd::JournalSink& journal, NodeSettings settings);
  Reconciler(const Reconciler&) = delete;
  Reconciler& operator=(const Reconciler&) = delete;

  /// The inventory changed. Cheap; a thousand calls before the next step cost one step.
  void mark_dirty();
  /// Every source was read completely once. Before this nothing is committed.
  void sources_in_sync();
  void use_settings(NodeSettings settings);
  /// Numbers go on behind this one, the last of an earlier process. They never go back.
  void continue_from(std::uint64_t generation) {
    if (generation > last_generation_) last_generation_ = generation;
  }
  /// The next step writes the whole table, whatever the kernel is believed to hold: the operator's remedy when
  /// somebody else changed or flushed it.
  void write_anew();

  /// Whose the table is when it is written anew. Nobody's, unless asked for.
  void give_table_to(nft::TableOwner owner) { owner_ = owner; }
  /// Whose it is, as far as we wrote it.
  [[nodiscard]] nft::TableOwner table_owner() const { return applied_owner_; }

  /// The same, but then (on the clock's monotonic scale): the kernel may not hold what was applied.
  void repair(std::chrono::microseconds at);

  /// Somebody waits for the answer: what is dirty, or waits for another try, is due at once.
  void hurry();

  /// When step() wants to be called, on the clock's monotonic scale; absent: not before something happens.
  [[nodiscard]] std::optional<std::chrono::microseconds> due() const;
  /// What of applied() a step changed: nothing, at most members of sets and pods of this node, or anything.
  enum class Outcome { Nothing, Members, Anything };
  /// Brings the kernel to what the inventory asks for, as far as it lets us. Does nothing before it is due.
  Outcome step();
  /// Asks whether what is kept up to date event by event equals what is made from scratch, and whether the table that
  /// is applied is the one of the policy that is. Absent: it does; else what does not. As slow as a cold start.
  [[nodiscard]] std::optional<std::string> verify() const;

  /// Absent before the first commit. Whoever keeps it sees what was applied then; that costs the next commit a copy.
  [[nodiscard]] std::shared_ptr<const Applied> applied() const { return applied_; }
  /// Why the kernel does not hold what is asked for, and what it holds meanwhile.
  [[nodiscard]] const std::optional<std::string>& trouble() const { return trouble_; }
  /// Sent since the start, refused ones included.
  [[nodiscard]] std::uint64_t transactions() const { return transactions_; }
  /// The kernel holds what the sources ask for, or will after a step that is already due.
  [[nodiscard]] bool in_sync() const { return applied_ != nullptr && !trouble_; }

 private:
  struct Attempt {
    const policy::NodePolicy& policy;
    policy::PolicyChange change;  // that leads from the applied policy to it
    nft::CompileOptions options;
    std::optional<nft::CompiledTable> table;                // absent: the applied one, with the changes
    std::map<std::string, nft::CountedRules> counted = {};  // of counters that come with the changes
    nft::ChangeSet changes;
    bool whole_table = false;
    bool held = false;  // not what the inventory asks for
    std::chrono::microseconds started{0};
  };

  /// What the kernel said to one transaction, and the operation to blame in words if there is one.
  struct Refusal {
    nft::Rejected rejected;
    std::string operation;
    bool busy_chain = false;  ///< it would not remove a chain
    bool unknown = false;     ///< what it said was lost
  };

  [[nodiscard]] Result<void> find_changes(Attempt& attempt);
  [[nodiscard]] std::optional<Refusal> send(const Attempt& attempt);
  [[nodiscard]] std::optional<Refusal> send_split(const Attempt& attempt);
  [[nodiscard]] std::optional<Refusal> send_one(const nft::ChangeSet& changes);
  void accept(Attempt attempt);
  void report_not_compiled(const Error& error);
  [[nodiscard]] Applied& advancing();
  [[nodiscard]] static std::string describe(const Refusal& refusal, bool foreign);
  void refuse(const Attempt& attempt, const Refusal& refusal);
  void report_guard(const std::vector<CutFlow>& held_before, const std::vector<CutFlow>& warned_before);
  void report_commit();
  void report_refusal(const Refusal& refusal, std::chrono::microseconds delay);

  const policy::Inventory& inventory_;
  Guard& guard_;
  nft::KernelTables& tables_;
  const Clock& clock_;
  systemd::JournalSink& journal_;
  NodeSettings settings_;

  DesiredPolicy desired_;
  // What is applied was made of this; absent: the next attempt starts from scratch, because what the desired policy
  // changed since is not known, or because the kernel may hold something else.
  struct Basis {
    nft::CompileOptions options;
    nft::TableParts parts;
  };
  std::optional<Basis> basis_;

  bool sources_in_sync_ = false;
  std::optional<std::chrono::microseconds> dirty_since_;
  std::optional<std::chrono::microseconds> retry_at_;
  std::optional<std::chrono::microseconds> stepped_at_;
  int refusals_ = 0;         // in a row
  bool whole_table_ = true;  // the next attempt writes the whole table
  nft::TableOwner owner_ = nft::TableOwner::Nobody;
  nft::TableOwner applied_owner_ = nft::TableOwner::Nobody;
  bool split_removals_ = false;  // this kernel wants removals in a transaction of their own
  std::shared_ptr<Applied> applied_;
  std::optional<std::string> trouble_;
  std::uint64_t transactions_ = 0;
  std::uint64_t last_generation_ = 0;  // that was applied, by this process or an earlier one
};

}  // namespace tierwall::daemon
