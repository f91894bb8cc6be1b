#include "daemon/sources/kubernetes/kubernetes_source.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace tierwall::daemon {

namespace {

constexpr std::size_t kRows = std::size(kKubernetesKinds);

/// The same kind in the other version of Calico's API.
std::optional<std::size_t> other_version_of(const KubernetesKind& row) {
  if (row.api_version != kCalicoVersion && row.api_version != kStoredCalicoVersion) return std::nullopt;
  for (std::size_t other = 0; other < kRows; ++other) {
    const KubernetesKind& candidate = kKubernetesKinds[other];
    const bool is_calico = candidate.api_version == kCalicoVersion || candidate.api_version == kStoredCalicoVersion;
    if (is_calico && candidate.kind == row.kind && candidate.api_version != row.api_version) return other;
  }
  return std::nullopt;
}

std::string own_node_selector(const KubernetesKind& row, const std::string& node) {
  return fmt::format("{}={}", row.kind == policy::Kind::Node ? "metadata.name" : "spec.nodeName", node);
}

std::string print_collection(const Collection& collection) {
  if (collection.field_selector.empty()) return collection.path;
  return fmt::format("{} ({})", collection.path, collection.field_selector);
}

std::int64_t to_unix_ms(const std::optional<std::chrono::milliseconds>& time) {
  return time ? time->count() : 0;
}

KindStatus status_of(const ObjectFeed& feed) {
  const Reflector& reflector = feed.reflector();
  return {.kind = std::string(policy::print_kind(feed.row().kind)),
          .path = print_collection(reflector.collection()),
          .state = std::string(print_state(reflector.state())),
          .objects = reflector.size(),
          .resource_version = reflector.resource_version(),
          .last_contact_ms = to_unix_ms(reflector.last_contact()),
          .failure = reflector.failure().value_or("")};
}

}  // namespace

KubernetesSource::KubernetesSource(HttpTransport& transport, const Clock& clock, Random random, Settings settings,
                                   Callback on_events)
    : transport_(transport),
      clock_(clock),
      random_(std::move(random)),
      settings_(std::move(settings)),
      on_events_(std::move(on_events)) {}

KubernetesSource::~KubernetesSource() = default;

void KubernetesSource::need(const Needs& needs) {
  if (needs_ == needs) return;
  needs_ = needs;
  reshape_ = true;
}

std::optional<std::chrono::microseconds> KubernetesSource::due() const {
  if (reshape_) return clock_.monotonic();
  std::optional<std::chrono::microseconds> first;
  const auto consider = [&first](const std::optional<std::chrono::microseconds>& due) {
    if (due && (!first || *due < *first)) first = due;
  };
  for (const auto& [path, group] : groups_) {
    consider(group->due());
    consider(group->loss_due());
  }
  for (const auto& [id, feed] : feeds_) {
    consider(feed->reflector().due());
    consider(feed->reflector().loss_due());
  }
  for (const auto& [row, until] : consulted_) consider(until);
  return first;
}

void KubernetesSource::step() {
  if (!started_) start();
  const auto now = clock_.monotonic();
  const auto over = [now](const auto& consulted) { return consulted.second <= now; };
  if (reshape_ || std::any_of(consulted_.begin(), consulted_.end(), over)) reshape();
  started_ = true;
  for (const auto& [path, group] : groups_) group->step();
  for (const auto& [id, feed] : feeds_) feed->reflector().step();
}

void KubernetesSource::start() {
  const auto answered = [this] {
    reshape_ = true;
    on_pause();
  };
  for (const KubernetesKind& row : kKubernetesKinds) {
    const std::string path = row.group_path();
    if (row.followed != Followed::WhenServed || groups_.find(path) != groups_.end()) continue;
    const auto delay = random_between({}, settings_.first_request_spread, random_);
    groups_.emplace(path, std::make_unique<ApiGroup>(path, transport_, clock_, random_, reader_, answered, delay));
  }
}

void KubernetesSource::reshape() {
  reshape_ = false;
  look_for_groups();
  Wanted wanted = wanted_feeds();
  want_consulted(wanted);
  for (const FeedId& id : wanted) {
    if (feeds_.find(id) == feeds_.end()) open(id);
  }
  settle_doubts();
  retire_surplus(wanted);
  publish();
}

/// A group is looked at for as long as something of it is missing that would count.
void KubernetesSource::look_for_groups() {
  for (const auto& [path, group] : groups_) {
    bool missing = false;
    for (const KubernetesKind& row : kKubernetesKinds) {
      const bool counts = row.api_version != kCalicoVersion || !stored_calico_counts();
      if (row.group_path() == path && counts && !group->serves(row.plural)) missing = true;
    }
    for (const auto& [id, feed] : feeds_) {
      const bool vanished = feed->reflector().state() == ReflectorState::NotServed;
      if (feed->row().group_path() == path && vanished) missing = true;
    }
    group->keep_looking(missing);
  }
}

ApiGroup* KubernetesSource::group_of(const KubernetesKind& row) const {
  const auto group = groups_.find(row.group_path());
  return group == groups_.end() ? nullptr : group->second.get();
}

/// Where both are served, Calico's own resources are behind the other ones.
bool KubernetesSource::stored_calico_counts() const {
  return std::any_of(std::begin(kKubernetesKinds), std::end(kKubernetesKinds), [this](const KubernetesKind& row) {
    if (row.api_version != kStoredCalicoVersion) return false;
    const ApiGroup* group = group_of(row);
    return group != nullptr && group->serves(row.plural);
  });
}

bool KubernetesSource::is_served(const KubernetesKind& row) const {
  const ApiGroup* group = group_of(row);
  if (group == nullptr || !group->serves(row.plural)) return false;
  if (row.api_version != kCalicoVersion) return true;
  const auto stored = groups_.find(fmt::format("/apis/{}", kStoredCalicoVersion));
  return stored != groups_.end() && stored->second->answered() && !stored_calico_counts();
}

KubernetesSource::Wanted KubernetesSource::wanted_feeds() const {
  Wanted wanted;
  for (std::size_t row = 0; row < kRows; ++row) want_row(row, wanted);
  want_what_worked(wanted);
  return wanted;
}

void KubernetesSource::want_row(std::size_t row, Wanted& wanted) const {
  const KubernetesKind& kind = kKubernetesKinds[row];
  bool needed = true;
  switch (kind.followed) {
    case Followed::Always:
      break;
    case Followed::WhenServed:
      needed = is_served(kind);
      break;
    case Followed::ServiceAccounts:
      needed = needs_.service_accounts;
      break;
    case Followed::Services:
      needed = needs_.services;
      break;
    case Followed::Nodes:
      want_wide(row, needs_.nodes, wanted);
      return;
    case Followed::Pods:
      want_pods(row, wanted);
      return;
  }
  if (needed) wanted.insert(FeedId{.row = row});
}

void KubernetesSource::want_pods(std::size_t row, Wanted& wanted) const {
  const bool one_by_one = needs_.pods == Needs::Pods::Namespaces && needs_.pod_namespaces.size() <= kMaxNamespaces;
  want_wide(row, needs_.pods != Needs::Pods::OwnNode && !one_by_one, wanted);
  if (!one_by_one) return;
  for (const std::string& ns : needs_.pod_namespaces) wanted.insert(FeedId{.row = row, .ns = ns});
}

/// What concerns this node, until the feed of everything is in sync, if that is needed.
void KubernetesSource::want_wide(std::size_t row, bool needed, Wanted& wanted) const {
  const FeedId wide{.row = row};
  if (needed) wanted.insert(wide);
  if (needed && is_synced(wide)) return;
  if (!settings_.node.empty()) wanted.insert(FeedId{.row = row, .own_node = true});
}

/// A resource that is not served any more keeps its objects, unless another one has taken its place.
void KubernetesSource::want_what_worked(Wanted& wanted) const {
  Wanted kept;
  for (const auto& [id, feed] : feeds_) {
    if (feed->row().followed != Followed::WhenServed || !feed->reflector().synced()) continue;
    const policy::Kind kind = feed->row().kind;
    const bool replaced = std::any_of(wanted.begin(), wanted.end(),
                                      [kind](const FeedId& other) { return kKubernetesKinds[other.row].kind == kind; });
    if (!replaced) kept.insert(id);
  }
  wanted.merge(kept);
}

void KubernetesSource::open(const FeedId& id) {
  const KubernetesKind& row = kKubernetesKinds[id.row];
  Collection collection{.path = row.collection_path(id.ns)};
  if (id.own_node) collection.field_selector = own_node_selector(row, settings_.node);
  const auto spread = started_ ? std::chrono::microseconds(0) : settings_.first_request_spread;
  Owner& owner = *this;
  feeds_.emplace(id, std::make_unique<ObjectFeed>(row, std::move(collection), transport_, clock_, random_, reader_,
                                                  owner, random_between({}, spread, random_)));
}

/// A feed goes when those that are wanted instead of it know everything.
void KubernetesSource::retire_surplus(const Wanted& wanted) {
  std::vector<FeedId> surplus;
  for (const auto& [id, feed] : feeds_) {
    if (wanted.find(id) != wanted.end()) continue;
    const policy::Kind kind = feed->row().kind;
    const bool replaced = std::all_of(wanted.begin(), wanted.end(), [this, kind](const FeedId& other) {
      return kKubernetesKinds[other.row].kind != kind || is_synced(other);
    });
    if (replaced) surplus.push_back(id);
  }
  for (const FeedId& id : surplus) retire(id);
}

void KubernetesSource::retire(const FeedId& id) {
  const std::unique_ptr<ObjectFeed> feed = std::move(feeds_.extract(id).mapped());
  retired_ += feed->reflector().requests();
  vanished_.erase(id);
  for (const policy::ResourceKey& key : feed->keys()) {
    if (!known_elsewhere(*feed, key)) on_event(feed->gone(key));
  }
}

bool KubernetesSource::has_version(const ObjectFeed& asking, const ObjectName& name, const std::string& version) const {
  return std::any_of(feeds_.begin(), feeds_.end(), [&](const auto& entry) {
    const ObjectFeed& feed = *entry.second;
    if (&feed == &asking || &feed.row() != &asking.row()) return false;
    const std::string* known = feed.reflector().version_of(name);
    return known != nullptr && !known->empty() && (*known == version || is_older_version(version, *known));
  });
}

bool KubernetesSource::known_elsewhere(const ObjectFeed& asking, const policy::ResourceKey& key) const {
  return std::any_of(feeds_.begin(), feeds_.end(), [&](const auto& entry) {
    const ObjectFeed& feed = *entry.second;
    return &feed != &asking && feed.row().kind == key.kind && feed.knows(key);
  });
}

// ---- deletions that are doubted ------------------------------------------------------------------------------

void KubernetesSource::on_gone(const ObjectFeed& from, const policy::ResourceKey& key) {
  if (known_elsewhere(from, key)) return;
  // The last one of its kind: perhaps the whole kind goes.
  ApiGroup* group = group_of(from.row());
  if (group != nullptr && from.reflector().size() == 0) group->look_now();
  const std::optional<std::size_t> other = other_version_of(from.row());
  if (!other) return on_event(from.gone(key));
  doubts_.push_back({.other = *other, .gone = from.gone(key), .since = clock_.monotonic()});
  consult(*other);
}

void KubernetesSource::consult(std::size_t row) {
  ApiGroup* group = group_of(kKubernetesKinds[row]);
  const auto now = clock_.monotonic();
  if (group != nullptr && !group->answered_since(now - kFreshAnswer)) group->look_now();
  consulted_[row] = now + kConsulted;
  reshape_ = true;
}

/// What was consulted stays for as long as it has objects that nobody else has: then it is what the cluster moves to.
void KubernetesSource::want_consulted(Wanted& wanted) {
  const auto now = clock_.monotonic();
  for (auto at = consulted_.begin(); at != consulted_.end();) {
    const auto& [row, until] = *at;
    if (now >= until && !provides_more(row)) {
      at = consulted_.erase(at);
      continue;
    }
    if (now >= until) at->second = now + kConsulted;
    const ApiGroup* group = group_of(kKubernetesKinds[row]);
    if (group != nullptr && group->answered() && group->serves(kKubernetesKinds[row].plural)) {
      wanted.insert(FeedId{.row = row});
    }
    ++at;
  }
}

bool KubernetesSource::provides_more(std::size_t row) const {
  const auto feed = feeds_.find(FeedId{.row = row});
  if (feed == feeds_.end()) return false;
  const std::vector<policy::ResourceKey> keys = feed->second->keys();
  return std::any_of(keys.begin(), keys.end(),
                     [&](const policy::ResourceKey& key) { return !known_elsewhere(*feed->second, key); });
}

void KubernetesSource::settle_doubts() {
  std::vector<Doubt> open;
  for (Doubt& doubt : std::exchange(doubts_, {})) {
    const bool is_known = std::any_of(feeds_.begin(), feeds_.end(), [&doubt](const auto& entry) {
      return entry.second->row().kind == doubt.gone.key.kind && entry.second->knows(doubt.gone.key);
    });
    if (is_known) continue;
    if (may_still_tell(doubt)) {
      // An answer that was on its way already says nothing about now.
      ApiGroup* group = group_of(kKubernetesKinds[doubt.other]);
      if (!group->answered_since(doubt.since - kFreshAnswer)) group->look_now();
      open.push_back(std::move(doubt));
    } else {
      on_event(std::move(doubt.gone));
    }
  }
  doubts_ = std::move(open);
}

/// Whether the other version has yet to say if it has the object. Who cannot be asked does not keep it for ever.
bool KubernetesSource::may_still_tell(const Doubt& doubt) const {
  const KubernetesKind& row = kKubernetesKinds[doubt.other];
  const ApiGroup* group = group_of(row);
  if (group == nullptr) return false;
  if (!group->answered_since(doubt.since - kFreshAnswer)) return !group->is_lost();
  if (!group->serves(row.plural)) return false;
  const auto feed = feeds_.find(FeedId{.row = doubt.other});
  if (feed == feeds_.end()) return true;
  const Reflector& reflector = feed->second->reflector();
  const bool refused = reflector.state() == ReflectorState::Refused || reflector.state() == ReflectorState::NotServed;
  return !reflector.synced() && !refused && !reflector.is_lost();
}

bool KubernetesSource::is_only_consulted(const ObjectFeed& feed) const {
  const auto row = static_cast<std::size_t>(&feed.row() - std::begin(kKubernetesKinds));
  return consulted_.find(row) != consulted_.end() && !is_served(feed.row());
}

// ---- events --------------------------------------------------------------------------------------------------

void KubernetesSource::on_event(policy::ResourceEvent event) {
  pending_.push_back(std::move(event));
  if (pending_.size() >= kMaxBatch) publish();
}

void KubernetesSource::on_pause() {
  look_where_it_vanished();
  if (!doubts_.empty()) reshape_ = true;
  publish();
  if (on_progress_) on_progress_();
}

/// A resource that answers 404 may have moved: what is served is asked at once, and not when it is due.
void KubernetesSource::look_where_it_vanished() {
  for (const auto& [id, feed] : feeds_) {
    if (feed->row().followed != Followed::WhenServed) continue;
    if (feed->reflector().state() != ReflectorState::NotServed) {
      vanished_.erase(id);
      continue;
    }
    reshape_ = true;
    if (!vanished_.insert(id).second) continue;
    if (ApiGroup* group = group_of(feed->row())) group->look_now();
    const std::optional<std::size_t> other = other_version_of(feed->row());
    if (other) group_of(kKubernetesKinds[*other])->look_now();
  }
}

void KubernetesSource::publish() {
  if (!pending_.empty()) on_events_(std::exchange(pending_, {}));
}

/// What the group serves does not matter, or is known.
bool KubernetesSource::is_settled(const ApiGroup& group) const {
  const bool behind_stored = group.path() == fmt::format("/apis/{}", kCalicoVersion) && stored_calico_counts();
  return group.answered() || behind_stored;
}

bool KubernetesSource::is_synced(const FeedId& id) const {
  const auto feed = feeds_.find(id);
  return feed != feeds_.end() && feed->second->reflector().synced();
}

bool KubernetesSource::knows(const policy::ResourceKey& key) const {
  const bool is_doubted =
      std::any_of(doubts_.begin(), doubts_.end(), [&key](const Doubt& doubt) { return doubt.gone.key == key; });
  return is_doubted || std::any_of(feeds_.begin(), feeds_.end(), [&](const auto& entry) {
           return entry.second->row().kind == key.kind && entry.second->knows(key);
         });
}

bool KubernetesSource::in_sync() const {
  if (!started_) return false;
  const bool settled =
      std::all_of(groups_.begin(), groups_.end(), [this](const auto& group) { return is_settled(*group.second); });
  if (!settled) return false;
  const Wanted wanted = wanted_feeds();
  return std::all_of(wanted.begin(), wanted.end(), [this](const FeedId& id) {
    if (is_synced(id)) return true;
    const auto feed = feeds_.find(id);
    return feed != feeds_.end() && feed->second->row().followed == Followed::WhenServed &&
           feed->second->reflector().state() == ReflectorState::NotServed;
  });
}

std::vector<KindStatus> KubernetesSource::status() const {
  std::vector<KindStatus> rows;
  for (std::size_t row = 0; row < kRows; ++row) {
    const KubernetesKind& kind = kKubernetesKinds[row];
    const std::size_t before = rows.size();
    for (const auto& [id, feed] : feeds_) {
      if (id.row == row) rows.push_back(status_of(*feed));
    }
    const ApiGroup* group = group_of(kind);
    if (rows.size() != before || group == nullptr || is_served(kind)) continue;
    const bool behind_stored = kind.api_version == kCalicoVersion && stored_calico_counts();
    if (behind_stored) continue;
    rows.push_back({.kind = std::string(policy::print_kind(kind.kind)),
                    .path = kind.collection_path({}),
                    .state = group->answered() ? "not served" : "waiting",
                    .last_contact_ms = to_unix_ms(group->last_contact()),
                    .failure = group->failure().value_or("")});
  }
  return rows;
}

/// A resource that was never there is missed by nobody, nor one that was only asked for a second opinion.
bool KubernetesSource::is_lost(const ObjectFeed& feed) const {
  const Reflector& reflector = feed.reflector();
  const bool never_served = reflector.state() == ReflectorState::NotServed && !reflector.synced() &&
                            feed.row().followed == Followed::WhenServed;
  return reflector.is_lost() && !never_served && !is_only_consulted(feed);
}

std::vector<std::string> KubernetesSource::lost() const {
  std::vector<std::string> reasons;
  for (const auto& [path, group] : groups_) {
    if (group->is_lost() && !is_settled(*group)) reasons.push_back(fmt::format("{}: {}", path, *group->failure()));
  }
  for (const auto& [id, feed] : feeds_) {
    if (!is_lost(*feed)) continue;
    const Reflector& reflector = feed->reflector();
    reasons.push_back(fmt::format("{}: {}; {}", print_collection(reflector.collection()), *reflector.failure(),
                                  reflector.synced() ? "what was known stays in force" : "nothing is known of it yet"));
  }
  return reasons;
}

std::vector<policy::Diagnostic> KubernetesSource::problems() const {
  std::vector<policy::Diagnostic> all;
  for (const auto& [id, feed] : feeds_) {
    for (policy::Diagnostic& problem : feed->problems()) all.push_back(std::move(problem));
  }
  std::sort(all.begin(), all.end());
  return all;
}

ServerRequests KubernetesSource::requests() const {
  ServerRequests all = retired_;
  for (const auto& [id, feed] : feeds_) all += feed->reflector().requests();
  return all;
}

}  // namespace tierwall::daemon
