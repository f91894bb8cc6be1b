#pragma once
// What the daemon remembers between two lives, and the door to it. Objects are kept as the text their source gave, so
// that the ordinary decoders read them again and no second form of them exists. Every operation is one transaction: it
// happens whole or not at all, also when the process dies in the middle of it.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/state/file_history.h"
#include "policy/diagnostic.h"
#include "policy/inventory.h"
#include "policy/model.h"
#include "policy/result.h"

namespace tierwall::daemon {

/// The copy of an object that one source gave.
struct ObjectId {
  std::string source = {};  ///< "directory", "kubernetes"
  policy::ResourceKey key = {};

  friend auto operator<=>(const ObjectId&, const ObjectId&) = default;
};

struct RememberedObject {
  ObjectId id = {};
  std::string resource_version = {};  ///< may be empty
  std::string document = {};          ///< JSON or YAML, as the source gave it; any bytes
  policy::Location where = {};
  std::string boot_id = {};  ///< of the boot in which it was learned

  friend bool operator==(const RememberedObject&, const RememberedObject&) = default;
};

/// One line of "what changed" in a generation.
struct ObjectChange {
  using Change = policy::ResourceEvent::Change;

  ObjectId id = {};
  Change change = Change::Upsert;
  std::string resource_version = {};

  friend bool operator==(const ObjectChange&, const ObjectChange&) = default;
};

struct TableSummary {
  std::uint64_t endpoints = 0;
  std::uint64_t policies = 0;
  std::uint64_t sets = 0;
  std::uint64_t rules = 0;
  std::uint64_t chains = 0;

  friend bool operator==(const TableSummary&, const TableSummary&) = default;
};

/// One table that was in force.
struct Generation {
  std::uint64_t number = 0;           ///< from 1; goes on over restarts (Remembered::latest)
  std::chrono::milliseconds time{0};  ///< since 1970
  TableSummary summary = {};
  std::string fingerprint = {};  ///< of the table
  std::vector<ObjectChange> changes = {};
  std::uint64_t changes_left_out = 0;  ///< further changes that are not listed, because there were too many

  friend bool operator==(const Generation&, const Generation&) = default;
};

/// Names of facts the daemon keeps. The version of the schema is no fact: the database file carries it itself.
inline constexpr const char* kFactBootId = "boot-id";          ///< boot of the last record
inline constexpr const char* kFactHostPolicy = "host-policy";  ///< "yes" if host endpoint policy was in force, or "no"
inline constexpr const char* kFactYes = "yes";
inline constexpr const char* kFactNo = "no";

/// What happened since the last record. Applied in this order: removals, upserts, facts, generation.
struct StateChange {
  std::vector<ObjectId> removals = {};  ///< of unknown objects: nothing happens
  std::vector<RememberedObject> upserts = {};
  std::map<std::string, std::string> facts = {};  ///< set or overwritten; the others stay
  std::optional<Generation> generation = {};

  friend bool operator==(const StateChange&, const StateChange&) = default;
};

/// Traffic that one counter saw: since it was last added, or (in Remembered) in all. Values stop at 2^63 - 1.
struct Counter {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::chrono::milliseconds last_hit{0};  ///< since 1970; 0: never

  friend bool operator==(const Counter&, const Counter&) = default;
};

using Counters = std::map<std::string, Counter>;  ///< by name

/// Denials as they were told, by their number. What stands in them is the teller's business.
using ToldDrops = std::map<std::uint64_t, std::string>;

struct Remembered {
  std::vector<RememberedObject> objects = {};  ///< sorted by id
  std::optional<Generation> latest = {};       ///< the one with the highest number
  std::map<std::string, std::string> facts = {};
  Counters counters = {};
  /// Objects of kinds this version does not know ("KIND NAME"), written by a newer one. They stay where they are.
  std::vector<std::string> unknown = {};

  friend bool operator==(const Remembered&, const Remembered&) = default;
};

/// Some of the objects, in the order in which they were recorded last. Who reads page after page while objects change
/// sees a changed one again on a later page; one that was removed may have been on an earlier one.
struct ObjectPage {
  std::vector<RememberedObject> objects = {};
  std::uint64_t next = 0;  ///< where the next page begins; 0: this was the last one

  friend bool operator==(const ObjectPage&, const ObjectPage&) = default;
};

/// How much is kept.
struct StateLimits {
  std::uint64_t generations = 1'000;                            ///< the last so many numbers
  std::chrono::milliseconds age = std::chrono::hours(24 * 90);  ///< of generations, seen from the one recorded
  std::size_t changes = 1'000;                                  ///< listed per generation
  std::size_t counters = 20'000;                                ///< those hit last
  std::size_t drops = 2'000;                                    ///< those with the highest numbers
  FileLimits files = {};

  friend bool operator==(const StateLimits&, const StateLimits&) = default;
};

/// Failures, all operations: Exhausted (disk full, out of memory), Denied (may not be written), Busy (somebody else
/// holds it; try again), Unavailable (the storage fails), Malformed (damaged since it was opened). After a failure
/// everything is as it was before the call, and the call may be repeated.
class StateStore {
 public:
  virtual ~StateStore() = default;

  /// Repeating a generation that is the latest already changes nothing. Conflict if its number is not above the
  /// latest otherwise. Generations beyond the limits are forgotten in the same transaction.
  virtual Result<void> record(const StateChange& change) = 0;
  virtual Result<Remembered> load() = 0;
  /// At most `limit` objects from a place on, 0 being the first; those of unknown kinds are left out. Pre: limit > 0.
  virtual Result<ObjectPage> objects(std::uint64_t from, std::size_t limit) = 0;
  /// At most `limit`, the newest first.
  virtual Result<std::vector<Generation>> history(std::size_t limit) = 0;
  /// NotFound if it never was, or is forgotten.
  virtual Result<Generation> generation(std::uint64_t number) = 0;
  /// Adds packets and bytes up and keeps the later hit. The counters hit longest ago go when there are too many.
  virtual Result<void> add_counters(const Counters& counters) = 0;
  /// Each takes the place of the one of its number.
  virtual Result<void> put_drops(const ToldDrops& drops) = 0;
  virtual Result<ToldDrops> drops() = 0;
  /// Drops the objects of these kinds that were learned in another boot than this one. How many there were.
  virtual Result<std::size_t> forget_boot(const std::string& boot_id, const std::vector<policy::Kind>& kinds) = 0;

  /// These are the policy directory's files now; `version.number` and `kept` are the store's to give. Nothing happens
  /// if the newest version holds the same files. Versions beyond the limits are forgotten in the same transaction.
  virtual Result<void> record_files(const FileVersion& version, const FileContents& files) = 0;
  /// The newest first.
  virtual Result<std::vector<FileVersion>> file_versions() = 0;
  /// NotFound if the version never was, is forgotten, or was too large.
  virtual Result<FileContents> files_of(std::uint64_t version) = 0;
  /// In the place of the one before it; nothing: there is none any more. Durable when this returns, also against a loss
  /// of power, which may cost the last of the other operations.
  virtual Result<void> put_pending(const std::optional<PendingChange>& change) = 0;
  virtual Result<std::optional<PendingChange>> pending() = 0;
};

/// The rules every store keeps to, in one place.
/// The generation as it is kept: no more changes than the limit.
Generation within_limits(Generation generation, const StateLimits& limits);
Counter sum(const Counter& left, const Counter& right);
/// May `next` be recorded after `latest`?
Result<void> check_follows(const Generation& next, std::uint64_t latest);
std::size_t size_of(const FileContents& files);
Error no_such_version(std::uint64_t version);

}  // namespace tierwall::daemon
