#pragma once
// What outlives the process, and what it is made of: objects as they come in and generations as they are committed
// become one transaction of the state store a moment later; at start the store's objects become events again. Without a
// usable store everything else goes on, and trouble() says why nothing is remembered.
//
// Owns no timer and never logs: due() says when step() wants to be called.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/applied.h"
#include "daemon/clock.h"
#include "daemon/state/state_store.h"
#include "policy/inventory.h"

namespace tierwall::daemon {

/// What the store gave back.
struct Restored {
  std::vector<policy::ResourceEvent> events;  ///< of every source, as they were last in force
  std::uint64_t generation = 0;               ///< the last one that was recorded; 0: none
  std::map<std::string, std::string> facts = {};
  Counters counters = {};
};

class Memory {
 public:
  /// From the first change to its transaction: a burst of changes becomes one.
  static constexpr std::chrono::microseconds kSettle = std::chrono::milliseconds(200);
  static constexpr std::chrono::microseconds kRetry = std::chrono::seconds(10);

  /// Borrows both, the store until move_to(). `boot_id` tells this boot from others.
  Memory(StateStore& store, const Clock& clock, std::string boot_id);
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  /// Forgets what only lived in an earlier boot (pods and their sandboxes) and gives the rest back.
  Result<Restored> restore();

  /// Goes over to another store, because this one could not be written; borrows it. What was noted since the start is
  /// still waiting and goes there. `everything_is_noted`: what the other store has beside that is not there any more.
  /// Gives back the last generation it knows: the next one must be behind it. On failure all stays as it was.
  Result<std::uint64_t> move_to(StateStore& store, bool everything_is_noted);

  /// The event is what counts for its source from now on.
  void note(const policy::ResourceEvent& event);
  /// `fingerprint` says print_fingerprint() of it as long as nothing else is noted, and is asked when it is written,
  /// because it takes the whole table; absent: now.
  void note_commit(const Applied& applied, std::function<std::string()> fingerprint = nullptr);

  [[nodiscard]] std::optional<std::chrono::microseconds> due() const;
  void step();
  /// Writes what is pending now: before the process ends.
  void flush();

  /// Why the last transaction failed; what it would have remembered is tried again.
  [[nodiscard]] const std::optional<std::string>& trouble() const { return trouble_; }

 private:
  struct Changed {
    policy::ResourceEvent::Change change = policy::ResourceEvent::Change::Upsert;
    std::string resource_version = {};
  };

  void note_host_policy(bool in_force);
  [[nodiscard]] StateChange take_pending();
  void keep_pending(StateChange change);
  void wake(std::chrono::microseconds delay);

  StateStore* store_;  // never null
  const Clock& clock_;
  std::string boot_id_;
  std::map<ObjectId, std::optional<RememberedObject>> pending_;  // nothing: removed
  std::map<ObjectId, Changed> since_commit_;                     // what the next generation will say changed
  std::optional<Generation> generation_;
  std::function<std::string()> fingerprint_;  // of it, if it has none yet
  std::uint64_t noted_ = 0;                   // the last generation that was noted
  std::optional<bool> host_policy_;           // as last noted
  std::map<std::string, std::string> facts_;  // pending
  std::optional<std::chrono::microseconds> due_;
  std::optional<std::string> trouble_;
};

/// Equal for equal tables.
std::string print_fingerprint(const Applied& applied);

}  // namespace tierwall::daemon
