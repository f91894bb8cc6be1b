#include "daemon/sources/kubernetes/object_feed.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "daemon/sources/decode_manifest.h"

namespace tierwall::daemon {

namespace {

/// Items of a list of built-in objects leave these two to the list.
void add_type(Node& object, std::string_view name, std::string_view text) {
  if (object.kind != Node::Kind::Map || object.find(name) != nullptr) return;
  Field field;
  field.key = name;
  field.value.kind = Node::Kind::Scalar;
  field.value.quoted = true;
  field.value.text = text;
  object.fields.push_back(std::move(field));
}

policy::Diagnostic error_at(std::string file, std::string object, std::string message) {
  return {.where = {.file = std::move(file), .line = 0, .column = 0},
          .severity = policy::Severity::Error,
          .object = std::move(object),
          .field = {},
          .message = std::move(message)};
}

}  // namespace

ObjectFeed::ObjectFeed(const KubernetesKind& row, Collection collection, HttpTransport& transport, const Clock& clock,
                       Random random, JsonReader& reader, Owner& owner, std::chrono::microseconds first_delay)
    : row_(row),
      owner_(owner),
      reflector_(std::move(collection), projection_of(row.kept), transport, clock, std::move(random), reader, *this,
                 first_delay) {}

policy::ResourceKey ObjectFeed::key_of(const ObjectName& name) const {
  const auto renamed = renamed_.find(name);
  return {row_.kind, name.ns, renamed == renamed_.end() ? name.name : renamed->second};
}

bool ObjectFeed::knows(const policy::ResourceKey& key) const {
  const ObjectName name{key.ns, key.name};
  if (reflector_.version_of(name) != nullptr && renamed_.find(name) == renamed_.end()) return true;
  return std::any_of(renamed_.begin(), renamed_.end(), [&](const auto& renamed) {
    return renamed.first.ns == key.ns && renamed.second == key.name && reflector_.version_of(renamed.first) != nullptr;
  });
}

std::vector<policy::ResourceKey> ObjectFeed::keys() const {
  std::vector<policy::ResourceKey> keys;
  keys.reserve(reflector_.size());
  for (const ObjectName& name : reflector_.names()) keys.push_back(key_of(name));
  return keys;
}

policy::ResourceEvent ObjectFeed::gone(const policy::ResourceKey& key) const {
  return {.source = std::string(kKubernetesSource),
          .key = key,
          .change = policy::ResourceEvent::Change::Gone,
          .where = {.file = location(row_.object_path(key.ns, key.name))}};
}

std::vector<policy::Diagnostic> ObjectFeed::problems() const {
  std::vector<policy::Diagnostic> problems;
  for (const std::string& what : unreadable_) {
    problems.push_back(error_at(location(reflector_.collection().path), {}, what));
  }
  return problems;
}

void ObjectFeed::on_upsert(const ObjectName& name, const std::string& resource_version, Node object) {
  if (owner_.has_version(*this, name, resource_version)) return;
  policy::ResourceEvent event = decode(name, std::move(object));
  event.resource_version = resource_version;
  remember_key(name, event.key);
  owner_.on_event(std::move(event));
}

void ObjectFeed::on_gone(const ObjectName& name) {
  const policy::ResourceKey key = key_of(name);
  renamed_.erase(name);
  if (!knows(key)) owner_.on_gone(*this, key);
}

void ObjectFeed::on_unreadable(std::string what) {
  if (unreadable_.size() < kMaxUnreadable) unreadable_.push_back(std::move(what));
}

std::string ObjectFeed::location(const std::string& path) const {
  std::string place(kKubernetesSource);
  place += ':';
  place += path;
  return place;
}

policy::ResourceEvent ObjectFeed::decode(const ObjectName& name, Node object) const {
  add_type(object, "apiVersion", row_.api_version);
  add_type(object, "kind", policy::written_kind(row_.kind));
  policy::ResourceEvent event{.source = std::string(kKubernetesSource), .key = key_of(name)};
  event.where.file = location(row_.object_path(name.ns, name.name));
  DecodedManifest manifest = decode_tree(object, event.where.file);
  event.problems = std::move(manifest.problems);
  if (manifest.objects.empty()) return event;
  DecodedObject& decoded = manifest.objects.front();
  const bool may_be_renamed = row_.api_version == kStoredCalicoVersion;
  const bool same = decoded.key.kind == row_.kind && decoded.key.ns == name.ns &&
                    (may_be_renamed || decoded.key.name == name.name) && manifest.objects.size() == 1;
  if (!same) {
    event.problems.push_back(error_at(event.where.file, policy::print_key(event.key),
                                      fmt::format("the API server sent {} in its place", decoded.object)));
    return event;
  }
  event.key = decoded.key;
  event.where = std::move(decoded.where);
  event.resource = std::move(decoded.resource);
  event.document = std::move(decoded.document);
  event.problems.insert(event.problems.end(), std::make_move_iterator(decoded.problems.begin()),
                        std::make_move_iterator(decoded.problems.end()));
  return event;
}

/// An object that got another name is two objects to everybody else.
void ObjectFeed::remember_key(const ObjectName& name, const policy::ResourceKey& key) {
  const policy::ResourceKey before = key_of(name);
  if (before == key) return;
  const bool was_told = renamed_.find(name) != renamed_.end();
  if (key.name == name.name) {
    renamed_.erase(name);
  } else {
    renamed_.insert_or_assign(name, key.name);
  }
  if (was_told && !knows(before)) owner_.on_gone(*this, before);
}

}  // namespace tierwall::daemon
