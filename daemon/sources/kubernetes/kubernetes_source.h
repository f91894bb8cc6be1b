#pragma once
// The API server as a source: follows the resources that matter and tells what changed as resource events. Which pods,
// nodes and services are needed is told from outside, because it depends on the policies; a change of that never makes
// an object vanish in between. What cannot be asked, read or understood keeps what was known, and says so. Owns no
// timer and never logs.
//
// Calico's objects are served in one of two versions or in both. While a cluster is moved from one to the other, the
// objects of the former are deleted although they live on: a deletion there is told only when the other version was
// asked and does not have the object.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/clock.h"
#include "daemon/sources/kubernetes/api_group.h"
#include "daemon/sources/kubernetes/needs.h"
#include "daemon/sources/kubernetes/object_feed.h"
#include "policy/diagnostic.h"
#include "policy/inventory.h"

namespace tierwall::daemon {

/// How one collection is getting on.
struct KindStatus {
  std::string kind = {};
  std::string path = {};   ///< with the selector, if there is one
  std::string state = {};  ///< "following"
  std::size_t objects = 0;
  std::string resource_version = {};
  std::int64_t last_contact_ms = 0;  ///< since 1970; 0: never
  std::string failure = {};          ///< of the last try

  friend bool operator==(const KindStatus&, const KindStatus&) = default;
};

class KubernetesSource final : private ObjectFeed::Owner {
 public:
  /// Up to so many namespaces are followed one by one, more of them as the whole cluster.
  static constexpr std::size_t kMaxNamespaces = 16;
  static constexpr std::size_t kMaxBatch = 1024;  ///< events per call
  /// An answer about what a group serves counts for so long when something is doubted.
  static constexpr std::chrono::microseconds kFreshAnswer = std::chrono::seconds(5);
  /// A collection that was asked because of a doubt is followed for so long, because deletions come in bursts.
  static constexpr std::chrono::microseconds kConsulted = std::chrono::seconds(60);

  struct Settings {
    std::string node;
    /// First requests are spread over so long, so that nodes that start together do not ask together.
    std::chrono::microseconds first_request_spread = std::chrono::seconds(2);
  };
  /// Gets the events of one piece of an answer, in order: an object may be among them several times. Never called
  /// with an empty list, nor before step() was.
  using Callback = std::function<void(std::vector<policy::ResourceEvent>)>;

  /// Borrows transport and clock.
  KubernetesSource(HttpTransport& transport, const Clock& clock, Random random, Settings settings, Callback on_events);
  ~KubernetesSource() override;
  KubernetesSource(const KubernetesSource&) = delete;
  KubernetesSource& operator=(const KubernetesSource&) = delete;

  /// Takes effect with the next step(), so that it may be called by the callbacks.
  void need(const Needs& needs);
  /// `on_progress` is called after everything the transport brought, behind the events: due(), in_sync() and status()
  /// may be others than before.
  void watch_progress(std::function<void()> on_progress) { on_progress_ = std::move(on_progress); }

  /// When step() wants to be called, on the clock's monotonic scale.
  [[nodiscard]] std::optional<std::chrono::microseconds> due() const;
  /// Not from within the callbacks.
  void step();

  /// Everything that is needed and served was read completely at least once.
  [[nodiscard]] bool in_sync() const;
  /// Did the server tell of this object, and not take it back?
  [[nodiscard]] bool knows(const policy::ResourceKey& key) const;
  [[nodiscard]] std::vector<KindStatus> status() const;
  /// Why what is known may be out of date, one sentence per collection; empty while all is well.
  [[nodiscard]] std::vector<std::string> lost() const;
  /// Of every collection since this was made.
  [[nodiscard]] ServerRequests requests() const;
  /// Objects that could not be read and that no event tells of, sorted by place.
  [[nodiscard]] std::vector<policy::Diagnostic> problems() const;

 private:
  /// One collection of a kind.
  struct FeedId {
    std::size_t row = 0;    ///< in kKubernetesKinds
    bool own_node = false;  ///< only what concerns this node
    std::string ns = {};    ///< only of this namespace; empty: of all

    friend auto operator<=>(const FeedId&, const FeedId&) = default;
  };
  using Wanted = std::set<FeedId>;

  [[nodiscard]] bool has_version(const ObjectFeed& asking, const ObjectName& name,
                                 const std::string& version) const override;
  void on_event(policy::ResourceEvent event) override;
  void on_gone(const ObjectFeed& from, const policy::ResourceKey& key) override;
  void on_synced() override { reshape_ = true; }
  void on_pause() override;

  /// A deletion that is not believed yet, because another version of the API may have the object.
  struct Doubt {
    std::size_t other = 0;  ///< row of that version
    policy::ResourceEvent gone = {};
    std::chrono::microseconds since{0};
  };

  [[nodiscard]] bool known_elsewhere(const ObjectFeed& asking, const policy::ResourceKey& key) const;
  void look_where_it_vanished();
  void consult(std::size_t row);
  void want_consulted(Wanted& wanted);
  [[nodiscard]] bool provides_more(std::size_t row) const;
  void settle_doubts();
  [[nodiscard]] bool may_still_tell(const Doubt& doubt) const;
  [[nodiscard]] bool is_only_consulted(const ObjectFeed& feed) const;

  void start();
  void reshape();
  void look_for_groups();
  [[nodiscard]] Wanted wanted_feeds() const;
  void want_row(std::size_t row, Wanted& wanted) const;
  void want_pods(std::size_t row, Wanted& wanted) const;
  void want_wide(std::size_t row, bool needed, Wanted& wanted) const;
  void want_what_worked(Wanted& wanted) const;
  void open(const FeedId& id);
  void retire_surplus(const Wanted& wanted);
  void retire(const FeedId& id);
  void publish();

  [[nodiscard]] ApiGroup* group_of(const KubernetesKind& row) const;
  [[nodiscard]] bool is_served(const KubernetesKind& row) const;
  [[nodiscard]] bool stored_calico_counts() const;
  [[nodiscard]] bool is_settled(const ApiGroup& group) const;
  [[nodiscard]] bool is_synced(const FeedId& id) const;
  [[nodiscard]] bool is_lost(const ObjectFeed& feed) const;

  HttpTransport& transport_;
  const Clock& clock_;
  Random random_;
  Settings settings_;
  Callback on_events_;
  std::function<void()> on_progress_;
  Needs needs_;
  bool started_ = false;
  bool reshape_ = true;  // which feeds are wanted may have changed
  std::vector<policy::ResourceEvent> pending_;
  JsonReader reader_;
  std::map<std::string, std::unique_ptr<ApiGroup>> groups_;  // by path
  std::map<FeedId, std::unique_ptr<ObjectFeed>> feeds_;
  ServerRequests retired_;     // of feeds that are not wanted any more
  std::set<FeedId> vanished_;  // feeds whose resource was not served at the last look
  std::vector<Doubt> doubts_;
  std::map<std::size_t, std::chrono::microseconds> consulted_;  // rows that are followed because of doubts, until when
};

}  // namespace tierwall::daemon
