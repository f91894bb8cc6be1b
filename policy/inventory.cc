#include "policy/inventory.h"

#include <algorithm>
#include <set>
#include <type_traits>
#include <utility>

namespace tierwall::policy {

namespace {

constexpr std::string_view kApiServerSource = "kubernetes";
/// What the daemon makes for want of anything written: it counts after every other copy.
constexpr std::string_view kMadeSource = "auto";

/// Where an object of each type stands in a snapshot: its map and its key there.
auto slot(Snapshot& snapshot, const Namespace& object) {
  return std::pair(&snapshot.namespaces, object.name);
}
auto slot(Snapshot& snapshot, const ServiceAccount& object) {
  return std::pair(&snapshot.service_accounts, std::pair(object.ns, object.name));
}
auto slot(Snapshot& snapshot, const Pod& object) {
  return std::pair(&snapshot.pods, std::pair(object.ns, object.name));
}
auto slot(Snapshot& snapshot, const PodSandbox& object) {
  return std::pair(&snapshot.sandboxes, std::pair(object.ns, object.name));
}
auto slot(Snapshot& snapshot, const Node& object) {
  return std::pair(&snapshot.nodes, object.name);
}
auto slot(Snapshot& snapshot, const Service& object) {
  return std::pair(&snapshot.services, std::pair(object.ns, object.name));
}
auto slot(Snapshot& snapshot, const EndpointSlice& object) {
  return std::pair(&snapshot.endpoint_slices, std::pair(object.ns, object.name));
}
auto slot(Snapshot& snapshot, const NetworkInterface& object) {
  return std::pair(&snapshot.interfaces, object.name);
}
auto slot(Snapshot& snapshot, const HostEndpoint& object) {
  return std::pair(&snapshot.host_endpoints, object.name);
}
auto slot(Snapshot& snapshot, const Tier& object) {
  return std::pair(&snapshot.tiers, object.name);
}
auto slot(Snapshot& snapshot, const Profile& object) {
  return std::pair(&snapshot.profiles, object.name);
}
auto slot(Snapshot& snapshot, const NetworkSet& object) {
  return std::pair(&snapshot.network_sets, key_of(object));
}
auto slot(Snapshot& snapshot, const Policy& object) {
  return std::pair(&snapshot.policies, key_of(object));
}

/// Calls `visit` with the map in which the objects of this kind stand.
template <typename SomeSnapshot, typename Visit>
auto in_objects(SomeSnapshot& snapshot, Kind kind, const Visit& visit) {
  switch (kind) {
    case Kind::Namespace:
      return visit(snapshot.namespaces);
    case Kind::ServiceAccount:
      return visit(snapshot.service_accounts);
    case Kind::Pod:
      return visit(snapshot.pods);
    case Kind::PodSandbox:
      return visit(snapshot.sandboxes);
    case Kind::Node:
      return visit(snapshot.nodes);
    case Kind::Service:
      return visit(snapshot.services);
    case Kind::EndpointSlice:
      return visit(snapshot.endpoint_slices);
    case Kind::NetworkInterface:
      return visit(snapshot.interfaces);
    case Kind::HostEndpoint:
      return visit(snapshot.host_endpoints);
    case Kind::Tier:
      return visit(snapshot.tiers);
    case Kind::Profile:
      return visit(snapshot.profiles);
    case Kind::GlobalNetworkSet:
    case Kind::NetworkSet:
      return visit(snapshot.network_sets);
    case Kind::GlobalNetworkPolicy:
    case Kind::NetworkPolicy:
    case Kind::KubernetesNetworkPolicy:
    case Kind::KubernetesClusterNetworkPolicy:
    case Kind::KubernetesAdminNetworkPolicy:
    case Kind::KubernetesBaselineAdminNetworkPolicy:
    case Kind::StagedGlobalNetworkPolicy:
    case Kind::StagedNetworkPolicy:
    case Kind::StagedKubernetesNetworkPolicy:
      break;
  }
  return visit(snapshot.policies);
}

/// The key of an object in its map of the snapshot, and back.
template <typename Objects>
typename Objects::key_type key_in(const Objects&, const ResourceKey& key) {
  if constexpr (std::is_same_v<typename Objects::key_type, std::string>) {
    return key.name;
  } else if constexpr (std::is_same_v<typename Objects::key_type, ResourceKey>) {
    return key;
  } else {
    return {key.ns, key.name};
  }
}
ResourceKey key_from(Kind kind, const std::string& name) {
  return {kind, "", name};
}
ResourceKey key_from(Kind kind, const std::pair<std::string, std::string>& name) {
  return {kind, name.first, name.second};
}
const ResourceKey& key_from(Kind, const ResourceKey& key) {
  return key;
}

std::string object_as_written(const ResourceKey& key) {
  return std::string(written_kind(key.kind)) + " " + print_name(key);
}

std::string source_in_words(const std::string& source) {
  return source == kApiServerSource ? "the API server" : "the source '" + source + "'";
}

/// The API server's copy counts before every other one, and what the daemon made after all. The end if none can be
/// used.
template <typename Copies>
auto find_winner(Copies& copies) {
  const auto api_server = copies.find(kApiServerSource);
  if (api_server != copies.end() && api_server->second.usable) return api_server;
  const auto written = std::find_if(copies.begin(), copies.end(), [](const auto& entry) {
    return entry.second.usable && entry.first != kMadeSource;
  });
  if (written != copies.end()) return written;
  const auto made = copies.find(kMadeSource);
  return made != copies.end() && made->second.usable ? made : copies.end();
}

/// FOLDER of "FOLDER/NAME"; absent if the place says anything else.
std::optional<std::string_view> folder_of(const Location& where, const std::string& name) {
  const std::string_view file = where.file;
  if (where.line != 0 || where.column != 0 || !file.ends_with(name)) return std::nullopt;
  const std::string_view folder = file.substr(0, file.size() - name.size());
  if (!folder.ends_with('/')) return std::nullopt;
  return folder.substr(0, folder.size() - 1);
}

}  // namespace

bool Snapshot::put(Resource resource) {
  return std::visit(
      [this](auto& object) {
        auto [objects, key] = slot(*this, object);
        const auto [at, inserted] = objects->try_emplace(std::move(key), std::move(object));
        if (inserted) return true;
        if (at->second == object) return false;
        at->second = std::move(object);
        return true;
      },
      resource);
}

bool Snapshot::remove(const ResourceKey& key) {
  return in_objects(*this, key.kind, [&key](auto& objects) { return objects.erase(key_in(objects, key)) > 0; });
}

bool Snapshot::contains(const ResourceKey& key) const {
  return in_objects(*this, key.kind,
                    [&key](const auto& objects) { return objects.find(key_in(objects, key)) != objects.end(); });
}

std::optional<Resource> Snapshot::find(const ResourceKey& key) const {
  return in_objects(*this, key.kind, [&key](const auto& objects) -> std::optional<Resource> {
    const auto found = objects.find(key_in(objects, key));
    if (found == objects.end()) return std::nullopt;
    return found->second;
  });
}

bool Inventory::apply(const ResourceEvent& event) {
  return take_in(event, event.resource, event.problems);
}

bool Inventory::take(ResourceEvent& event) {
  return take_in(event, std::exchange(event.resource, std::nullopt), std::exchange(event.problems, {}));
}

bool Inventory::take_in(const ResourceEvent& event, std::optional<Resource> resource,
                        std::vector<Diagnostic> problems) {
  if (event.change == ResourceEvent::Change::Gone) {
    forget(event);
    return true;
  }
  TIERWALL_CHECK(!resource || key_of(*resource) == event.key);
  if (resource) share(*resource);
  if (resource && problems.empty() && take_in_plain(event, *resource)) return true;
  Copies& copies = unfold(event.key);
  Copy& copy = copies[event.source];
  const bool valid = resource && !has_errors(problems);
  copy.problems = std::move(problems);
  // A fail-closed reading never replaces a good version, and nothing at all replaces neither.
  const bool counts = valid || (resource && !copy.valid);
  if (counts) {
    copy.usable = true;
    copy.valid = valid;
    copy.resource = std::move(resource);
    copy.where = event.where;
  }
  publish(event.key, copies);
  fold(event.key);
  return counts;
}

/// False if the object is not plain, or would not be from now on.
bool Inventory::take_in_plain(const ResourceEvent& event, Resource& resource) {
  if (copies_.find(event.key) != copies_.end()) return false;
  const Origin* origin = plain_origin(event.key);
  const bool plain = origin != nullptr ? origin->fits(event.source, event.where, event.key)
                                       : become_plain(event.key, event.source, event.where);
  if (plain && snapshot_.put(std::move(resource))) note_change(event.key);
  return plain;
}

void Inventory::forget(const ResourceEvent& event) {
  if (const Origin* origin = plain_origin(event.key)) {
    if (origin->source != event.source) return;
    leave_plain(event.key);
    snapshot_.remove(event.key);
    note_change(event.key);
    return;
  }
  const auto known = copies_.find(event.key);
  if (known == copies_.end() || known->second.erase(event.source) == 0) return;
  publish(event.key, known->second);
  fold(event.key);
}

/// Of what repeats from object to object there is one copy.
void Inventory::share(Resource& resource) {
  std::visit(
      [this](auto& object) {
        if constexpr (requires { object.labels; }) object.labels = labels_.share(object.labels);
        if constexpr (std::is_same_v<std::decay_t<decltype(object)>, Pod>) {
          object.node = texts_.share(object.node);
          object.service_account = texts_.share(object.service_account);
        }
      },
      resource);
}

bool Inventory::Origin::fits(std::string_view from, const Location& where, const ResourceKey& key) const {
  return source == from && folder_of(where, key.name) == folder;
}

const Inventory::Origin* Inventory::plain_origin(const ResourceKey& key) const {
  const auto origin = origins_.find({key.kind, key.ns});
  const bool plain = origin != origins_.end() && copies_.find(key) == copies_.end() && snapshot_.contains(key);
  return plain ? &origin->second : nullptr;
}

/// False if it cannot. Pre: the object is not plain already, and its resource is, or will be, in the snapshot.
bool Inventory::become_plain(const ResourceKey& key, const std::string& source, const Location& where) {
  const std::optional<std::string_view> folder = folder_of(where, key.name);
  if (!folder) return false;
  Origin& origin = origins_.try_emplace({key.kind, key.ns}, Origin{source, std::string(*folder)}).first->second;
  if (!origin.fits(source, where, key)) return false;
  ++origin.objects;
  return true;
}

void Inventory::leave_plain(const ResourceKey& key) {
  const auto origin = origins_.find({key.kind, key.ns});
  if (--origin->second.objects == 0) origins_.erase(origin);
}

/// The copies of an object, each with its resource.
Inventory::Copies& Inventory::unfold(const ResourceKey& key) {
  const Origin* origin = plain_origin(key);
  Copies& copies = copies_[key];
  if (origin != nullptr) {
    copies[origin->source] = {.usable = true, .valid = true, .where = {.file = origin->folder + "/" + key.name}};
    leave_plain(key);
  }
  if (copies.size() == 1 && copies.begin()->second.usable) copies.begin()->second.resource = snapshot_.find(key);
  return copies;
}

/// Forgets of what was published whatever can be told without it. The copies are gone then, perhaps.
void Inventory::fold(const ResourceKey& key) {
  const auto known = copies_.find(key);
  const Copies& copies = known->second;
  if (copies.size() > 1) return;
  const bool plain = copies.size() == 1 && copies.begin()->second.valid && copies.begin()->second.problems.empty() &&
                     become_plain(key, copies.begin()->first, copies.begin()->second.where);
  if (plain || copies.empty()) copies_.erase(known);
}

void Inventory::publish(const ResourceKey& key, Copies& copies) {
  const auto in_force = find_winner(copies);
  TIERWALL_CHECK(in_force == copies.end() || in_force->second.resource);
  bool changed = false;
  if (in_force == copies.end()) {
    changed = snapshot_.remove(key);
  } else if (copies.size() > 1) {
    changed = snapshot_.put(*in_force->second.resource);
  } else {
    changed = snapshot_.put(*std::exchange(in_force->second.resource, std::nullopt));
  }
  if (changed) note_change(key);
}

void Inventory::note_change(const ResourceKey& key) {
  ++generation_;
  changes_.push_back(key);
  if (changes_.size() > kRememberedChanges) changes_.pop_front();
}

std::optional<std::vector<ResourceKey>> Inventory::changed_since(std::uint64_t generation) const {
  const std::uint64_t count = generation_ - generation;
  if (generation > generation_ || count > changes_.size()) return std::nullopt;
  return std::vector<ResourceKey>(changes_.end() - static_cast<std::ptrdiff_t>(count), changes_.end());
}

std::vector<Diagnostic> Inventory::problems() const {
  std::vector<Diagnostic> found;
  for (const auto& [key, copies] : copies_) {
    for (const auto& [source, copy] : copies) {
      found.insert(found.end(), copy.problems.begin(), copy.problems.end());
    }
    if (copies.size() > 1) report_copies(key, copies, found);
  }
  std::sort(found.begin(), found.end());
  return found;
}

void Inventory::report_copies(const ResourceKey& key, const Copies& copies, std::vector<Diagnostic>& found) {
  const auto counts = find_winner(copies);
  if (counts == copies.end()) return;
  for (const auto& [source, copy] : copies) {
    if (source == counts->first || source == kMadeSource || !copy.usable) continue;
    found.push_back({.where = copy.where,
                     .severity = Severity::Warning,
                     .object = object_as_written(key),
                     .field = "",
                     .message = "not in force: the copy from " + source_in_words(counts->first) + " counts"});
  }
}

std::vector<ResourceKey> Inventory::keys_of(std::string_view source) const {
  std::vector<ResourceKey> keys;
  for (const auto& [key, copies] : copies_) {
    if (copies.find(source) != copies.end()) keys.push_back(key);
  }
  std::set<Kind> plain_kinds;
  for (const auto& [place, origin] : origins_) {
    if (origin.source == source) plain_kinds.insert(place.first);
  }
  for (const Kind kind : plain_kinds) {
    in_objects(snapshot_, kind, [&](const auto& objects) {
      for (const auto& entry : objects) {
        const ResourceKey& key = key_from(kind, entry.first);
        const Origin* origin = key.kind == kind ? plain_origin(key) : nullptr;
        if (origin != nullptr && origin->source == source) keys.push_back(key);
      }
    });
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

std::optional<std::string> Inventory::source(const ResourceKey& key) const {
  if (const Origin* origin = plain_origin(key)) return origin->source;
  const auto known = copies_.find(key);
  if (known == copies_.end()) return std::nullopt;
  const auto in_force = find_winner(known->second);
  if (in_force == known->second.end()) return std::nullopt;
  return in_force->first;
}

std::optional<Location> Inventory::location(const ResourceKey& key) const {
  if (const Origin* origin = plain_origin(key)) return Location{.file = origin->folder + "/" + key.name};
  const auto known = copies_.find(key);
  if (known == copies_.end()) return std::nullopt;
  const auto in_force = find_winner(known->second);
  if (in_force == known->second.end()) return std::nullopt;
  return in_force->second.where;
}

}  // namespace tierwall::policy
