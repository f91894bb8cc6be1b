#pragma once
// The memory of the process: which objects every source last told us, and which of them are in force. Receiving an
// event changes memory only; nothing here computes policy. The result depends on the last event per source and key,
// never on the order in which different keys arrived.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/diagnostic.h"
#include "policy/model.h"
#include "policy/sharing_pool.h"

namespace tierwall::policy {

/// One object changed in one source.
struct ResourceEvent {
  enum class Change { Upsert, Gone };

  std::string source = {};  ///< "directory", "kubernetes"
  ResourceKey key = {};
  Change change = Change::Upsert;
  std::optional<Resource> resource = {};  ///< Upsert: absent if nothing of the object could be used
  Location where = {};
  std::vector<Diagnostic> problems = {};  ///< errors make an update invalid: the last good version stays (law 5)
  std::string document = {};              ///< the object as its source gave it, for whoever remembers it; may be empty
  std::string resource_version = {};      ///< of the API server; may be empty

  friend bool operator==(const ResourceEvent&, const ResourceEvent&) = default;
};

/// All objects in force, as one value.
struct Snapshot {
  std::map<std::string, Namespace> namespaces = {};
  std::map<std::pair<std::string, std::string>, ServiceAccount> service_accounts = {};
  std::map<std::pair<std::string, std::string>, Pod> pods = {};
  std::map<std::pair<std::string, std::string>, PodSandbox> sandboxes = {};
  std::map<std::string, Node> nodes = {};
  std::map<std::pair<std::string, std::string>, Service> services = {};
  std::map<std::pair<std::string, std::string>, EndpointSlice> endpoint_slices = {};
  std::map<std::string, NetworkInterface> interfaces = {};
  std::map<std::string, HostEndpoint> host_endpoints = {};
  std::map<std::string, Tier> tiers = {};
  std::map<std::string, Profile> profiles = {};
  std::map<ResourceKey, NetworkSet> network_sets = {};
  std::map<ResourceKey, Policy> policies = {};

  /// Both say whether they changed anything.
  bool put(Resource resource);
  bool remove(const ResourceKey& key);
  [[nodiscard]] bool contains(const ResourceKey& key) const;
  [[nodiscard]] std::optional<Resource> find(const ResourceKey& key) const;
  friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

class Inventory {
 public:
  /// Takes the event in. An invalid update of an object that has a good version keeps that version and remembers the
  /// problems; without one, the fail-closed reading of the object (its `resource`) comes into force, if there is any.
  /// Says whether the event is what counts for its source now: false if the version before it was kept.
  bool apply(const ResourceEvent& event);
  /// The same for an event that nobody needs whole any more: takes its resource and its problems away.
  bool take(ResourceEvent& event);

  [[nodiscard]] const Snapshot& snapshot() const { return snapshot_; }
  /// Counts changes of the snapshot; equal numbers mean equal snapshots.
  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  /// What changed in the snapshot since it had this generation, in order; an object may be named more than once.
  /// Absent if that is too long ago: only the last kRememberedChanges are known.
  [[nodiscard]] std::optional<std::vector<ResourceKey>> changed_since(std::uint64_t generation) const;
  static constexpr std::size_t kRememberedChanges = 1024;
  /// Problems of all objects, sorted by place. An object that is in two sources is one of them.
  [[nodiscard]] std::vector<Diagnostic> problems() const;
  /// What this source told us and did not take back, sorted.
  [[nodiscard]] std::vector<ResourceKey> keys_of(std::string_view source) const;
  /// Whose version of the object is in force, if the key is known.
  [[nodiscard]] std::optional<std::string> source(const ResourceKey& key) const;
  /// Where the version in force was read, if the key is known.
  [[nodiscard]] std::optional<Location> location(const ResourceKey& key) const;

 private:
  /// What one source told of one object.
  struct Copy {
    bool usable = false;  // there is a resource, whether it is in force or not
    bool valid = false;
    std::optional<Resource> resource = {};  // of the only copy of an object: in the snapshot, and not here
    Location where = {};
    std::vector<Diagnostic> problems = {};
  };

  using Copies = std::map<std::string, Copy, std::less<>>;  // by source

  /// Where the plain objects of one kind and namespace come from. Plain is an object of which this one source told,
  /// without any problem, at "FOLDER/NAME": every pod of the API server, if all is well. Nothing is kept of it beside
  /// the snapshot, because there may be 100,000 of them.
  struct Origin {
    std::string source = {};
    std::string folder = {};
    std::size_t objects = 0;

    [[nodiscard]] bool fits(std::string_view from, const Location& where, const ResourceKey& key) const;
  };

  using Place = std::pair<Kind, std::string>;  // the namespace

  bool take_in(const ResourceEvent& event, std::optional<Resource> resource, std::vector<Diagnostic> problems);
  bool take_in_plain(const ResourceEvent& event, Resource& resource);
  void forget(const ResourceEvent& event);
  void share(Resource& resource);
  void note_change(const ResourceKey& key);

  /// The origin of a plain object; null if it is not plain, or not known.
  [[nodiscard]] const Origin* plain_origin(const ResourceKey& key) const;
  bool become_plain(const ResourceKey& key, const std::string& source, const Location& where);
  void leave_plain(const ResourceKey& key);

  Copies& unfold(const ResourceKey& key);
  void fold(const ResourceKey& key);
  void publish(const ResourceKey& key, Copies& copies);
  static void report_copies(const ResourceKey& key, const Copies& copies, std::vector<Diagnostic>& found);

  std::map<ResourceKey, Copies> copies_;  // of objects that are not plain
  std::map<Place, Origin> origins_;
  Snapshot snapshot_;
  SharingPool<Labels> labels_;
  SharingPool<SharedText> texts_;
  std::uint64_t generation_ = 0;
  std::deque<ResourceKey> changes_;  // the last ones
};

}  // namespace tierwall::policy
