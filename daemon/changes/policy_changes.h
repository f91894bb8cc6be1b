#pragma once
// Changes of the policy directory that somebody asks for: applying files, waiting for a confirmation, going back. What
// stood there before is written down first, so whatever happens (a refusal of the kernel, a full disk, the death of the
// process, a reboot) the directory holds the whole change or none of it.
//
//   (final) --apply, rollback--> unfinished --enforced--> final, or waiting --confirm--> final
//                                   |  refused, or found so at a start: undone
//   waiting --deadline, rollback, deadline passed at a start--> undone
//
// Owns no timer and never logs: due() says when step() wants to be called.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/changes/policy_files.h"
#include "daemon/clock.h"
#include "daemon/control/change_report.h"
#include "daemon/state/state_store.h"
#include "policy/diagnostic.h"
#include "policy/model.h"

namespace tierwall::daemon {

/// The rest of the daemon, as far as a change needs it.
struct Enforcement {
  struct Outcome {
    std::uint64_t generation = 0;
    std::vector<ObjectDelta> changes = {};
  };

  /// Why nothing may be changed now; absent if it may.
  std::function<std::optional<Error>()> hindrance;
  /// Where this object is written, in the policy directory and elsewhere.
  std::function<std::vector<policy::Location>(const policy::ResourceKey&)> places_of;
  /// Reads the directory again and brings the kernel to it. After an error the rules before are in force. `insist`:
  /// also where it would cut off whoever manages the node, because it comes back by itself, or is the way back.
  std::function<Result<Outcome>(bool insist)> enforce;
  std::function<std::uint64_t()> generation;
};

struct ChangeOrder {
  FileContents files = {};                             ///< to write, by name
  std::vector<std::string> remove = {};                ///< names
  std::optional<std::chrono::milliseconds> wait = {};  ///< undone after it unless confirmed; absent: final at once
  std::uint32_t uid = 0;                               ///< of who asks
};

struct RollbackOrder {
  std::optional<std::uint64_t> generation = {};  ///< absent: the change that waits, or the last one
  std::optional<std::chrono::milliseconds> wait = {};
  std::uint32_t uid = 0;
};

/// How much of the time is left: the smaller of what the two clocks say, at most all of it, at least nothing.
std::chrono::microseconds time_left(const Deadline& deadline, const Clock& clock, const std::string& boot_id);

class PolicyChanges {
 public:
  static constexpr std::chrono::milliseconds kShortestWait = std::chrono::seconds(1);
  static constexpr std::chrono::milliseconds kLongestWait = std::chrono::hours(24);
  /// From the first edit of a file to the record of the version: an editor saves several times.
  static constexpr std::chrono::microseconds kSettle = std::chrono::milliseconds(200);
  static constexpr std::chrono::microseconds kRetry = std::chrono::seconds(1);
  static constexpr std::chrono::microseconds kRecordRetry = std::chrono::seconds(10);

  /// Borrows all but the enforcement and the boot id; the store until move_to().
  PolicyChanges(StateStore& store, PolicyFiles& files, const Clock& clock, std::string boot_id,
                Enforcement enforcement);
  PolicyChanges(const PolicyChanges&) = delete;
  PolicyChanges& operator=(const PolicyChanges&) = delete;

  /// At the start, before the directory is read: takes up a change that waits, or undoes one that is overdue or was
  /// interrupted. What was undone, in words.
  std::optional<std::string> recover();

  /// Goes over to another store, because the one before could not be written; borrows it.
  void move_to(StateStore& store);

  /// Errors: Malformed (a document, a name), Conflict (an object is elsewhere, a change waits already), NotFound (a
  /// file to remove), those of the files and the store, and that of the enforcement. After an error nothing has
  /// changed.
  Result<ChangeReport> apply(const ChangeOrder& order);
  /// NotFound if nothing waits.
  Result<ChangeReport> confirm();
  /// NotFound if there is nothing to go back to, or it is forgotten; otherwise as apply().
  Result<ChangeReport> roll_back(const RollbackOrder& order);

  /// Somebody changed the directory: its files are recorded a moment later.
  void note_directory();

  [[nodiscard]] std::optional<std::chrono::microseconds> due() const;
  /// Undoes a change whose time is over; what was undone, in words.
  std::optional<std::string> step();

  [[nodiscard]] std::optional<WaitingStatus> waiting() const;
  /// Why a change cannot be undone, or the history is not kept; tried again.
  [[nodiscard]] const std::optional<std::string>& trouble() const { return trouble_; }
  /// The last change was undone because nobody confirmed it: "... rolled back at ...". Until the next change.
  [[nodiscard]] const std::optional<std::string>& rolled_back() const { return rolled_back_; }
  /// What an earlier process said there.
  void remember_rolled_back(std::string words);

 private:
  void take_up(PendingChange change);
  Result<void> check_order(const ChangeOrder& order) const;
  Result<void> check_documents(const ChangeOrder& order) const;
  Result<void> check_places(const policy::ResourceKey& key, const ChangeOrder& order) const;
  [[nodiscard]] std::optional<Error> refusal() const;

  struct Plan {
    FileChanges wanted = {};
    FileChanges former = {};
  };
  static Plan plan(const FileContents& files, const FileChanges& wanted);
  Result<ChangeReport> carry_out(const Plan& plan, FileCause cause, const RollbackOrder& who);
  Result<ChangeReport> finish(PendingChange change, const Enforcement::Outcome& outcome, const RollbackOrder& who);
  Result<void> put_back(const FileChanges& former);
  Error take_back(const PendingChange& change, const Error& why);
  Result<Enforcement::Outcome> undo(FileCause cause, std::uint32_t uid);
  std::string tell_expired(const PendingChange& change);
  Result<FileContents> find_former(const FileContents& files, const std::vector<FileVersion>& versions);
  Result<FileContents> find_generation(std::uint64_t generation, const std::vector<FileVersion>& versions);
  Result<void> record(FileCause cause, std::optional<std::uint32_t> uid);
  void record_edit();
  void clear_pending();
  void keep_rolled_back(std::optional<std::string> words);

  StateStore* store_;  // never null
  PolicyFiles& files_;
  const Clock& clock_;
  std::string boot_id_;
  Enforcement enforcement_;
  std::optional<PendingChange> pending_;
  std::chrono::microseconds deadline_{0};               // of pending_, or its next try, on the monotonic clock
  bool forget_pending_ = false;                         // the store still holds a change that is over
  std::optional<std::chrono::microseconds> record_at_;  // an edit of the directory, or another try to forget
  FileCause next_cause_ = FileCause::Edit;              // of what record_at_ will find
  std::optional<std::string> trouble_;
  std::optional<std::string> rolled_back_;
};

/// The fact that keeps rolled_back() over a restart.
inline constexpr const char* kFactRolledBack = "rolled-back";

}  // namespace tierwall::daemon
