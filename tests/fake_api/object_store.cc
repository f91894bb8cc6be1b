#include "tests/fake_api/object_store.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "tests/fake_api/complete_object.h"
#include "tests/fake_api/manifest_json.h"

namespace tierwall::fake_api {

namespace {

using nlohmann::json;

std::string key_of(const json& body) {
  const json& metadata = body.at("metadata");
  const std::string name_space = metadata.value("namespace", "");
  return (name_space.empty() ? "" : name_space + "/") + metadata.at("name").get<std::string>();
}

const ResourceType& type_of(const json& object) {
  const std::string group_version = object.value("apiVersion", "");
  const std::string kind = object.value("kind", "");
  const ResourceType* type = find_resource_type(group_version, kind);
  if (type == nullptr) throw std::invalid_argument("the fake API server knows no " + group_version + " " + kind);
  return *type;
}

std::string text_of(json body) {
  body.erase("kind");
  body.erase("apiVersion");
  return body.dump();
}

StoredPointer stored_at(json body, std::uint64_t version) {
  body["metadata"]["resourceVersion"] = std::to_string(version);
  Stored stored{.key = key_of(body), .name_space = body["metadata"].value("namespace", ""), .version = version};
  stored.text = text_of(body);
  stored.body = std::move(body);
  return std::make_shared<const Stored>(std::move(stored));
}

bool equal_but_for_version(json left, json right) {
  left["metadata"].erase("resourceVersion");
  right["metadata"].erase("resourceVersion");
  return left == right;
}

std::string with_type(const ResourceType& type, const std::string& text) {
  return R"({"kind":")" + type.kind + R"(","apiVersion":")" + type.group_version + "\"," + text.substr(1);
}

}  // namespace

ObjectStore::ObjectStore() {
  for (const ResourceType& type : all_resource_types()) shelves_[&type].served = type.built_in;
}

void ObjectStore::on_change(std::function<void()> notify) {
  const std::lock_guard lock(mutex_);
  notify_ = std::move(notify);
}

void ObjectStore::notify() const {
  std::function<void()> notify;
  {
    const std::lock_guard lock(mutex_);
    notify = notify_;
  }
  if (notify) notify();
}

void ObjectStore::serve(std::string_view path) {
  bool known = false;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [type, shelf] : shelves_) {
      if (type->path() != path && type->version_path() != path) continue;
      shelf.served = known = true;
    }
  }
  if (!known) throw std::invalid_argument("the fake API server knows no " + std::string(path));
  notify();
}

void ObjectStore::stop_serving(std::string_view path, Vanish vanish) {
  {
    const std::lock_guard lock(mutex_);
    for (auto& [type, shelf] : shelves_) {
      if (type->path() != path && type->version_path() != path) continue;
      shelf.served = false;
      while (vanish == Vanish::DeletesObjects && !shelf.objects.empty()) {
        delete_object(shelf, std::string(shelf.objects.begin()->first));
      }
    }
  }
  notify();
}

void ObjectStore::write(Shelf& shelf, const std::string& key, StoredPointer after) {
  StoredPointer& slot = shelf.objects[key];
  shelf.events.push_back({.version = after->version, .before = slot, .after = after});
  slot = std::move(after);
}

void ObjectStore::delete_object(Shelf& shelf, const std::string& key) {
  const auto found = shelf.objects.find(key);
  shelf.events.push_back({.version = ++version_, .before = std::move(found->second)});
  shelf.objects.erase(found);
}

std::uint64_t ObjectStore::put(json object) {
  const ResourceType& type = type_of(object);
  std::uint64_t version = 0;
  {
    const std::lock_guard lock(mutex_);
    json& metadata = object["metadata"];
    if (!metadata.contains("name")) throw std::invalid_argument("an object without a name");
    if (!type.namespaced) metadata.erase("namespace");
    if (type.namespaced && !metadata.contains("namespace")) metadata["namespace"] = "default";
    const std::string key = key_of(object);
    Shelf& there = shelf(type);
    const auto former = there.objects.find(key);
    const json* before = former == there.objects.end() ? nullptr : &former->second->body;
    json body = complete_object(type, std::move(object), before, ++serial_);
    if (before != nullptr && equal_but_for_version(*before, body)) return former->second->version;
    version = ++version_;
    write(there, key, stored_at(std::move(body), version));
  }
  notify();
  return version;
}

std::uint64_t ObjectStore::put_manifest(std::string_view text) {
  std::uint64_t last = 0;
  for (json& object : manifest_to_json(text)) last = put(std::move(object));
  return last;
}

std::uint64_t ObjectStore::put_giant(json object, std::size_t annotation_bytes) {
  object["metadata"]["annotations"]["example.com/giant"] = std::string(annotation_bytes, 'x');
  return put(std::move(object));
}

bool ObjectStore::remove(std::string_view reference) {
  const std::size_t slash = reference.find('/');
  if (slash == std::string_view::npos) throw std::invalid_argument("no kind and name: " + std::string(reference));
  const auto& types = all_resource_types();
  const auto type = std::ranges::find(types, reference.substr(0, slash), &ResourceType::kind);
  if (type == types.end()) throw std::invalid_argument("unknown kind: " + std::string(reference));
  return remove(*type, std::string(reference.substr(slash + 1)));
}

bool ObjectStore::remove_object(const json& object) {
  const ResourceType& type = type_of(object);
  json named = object;
  if (type.namespaced && !named["metadata"].contains("namespace")) named["metadata"]["namespace"] = "default";
  return remove(type, key_of(named));
}

bool ObjectStore::remove(const ResourceType& type, const std::string& key) {
  {
    const std::lock_guard lock(mutex_);
    if (!shelf(type).objects.contains(key)) return false;
    delete_object(shelf(type), key);
  }
  notify();
  return true;
}

std::uint64_t ObjectStore::advance(std::uint64_t writes) {
  {
    const std::lock_guard lock(mutex_);
    version_ += writes;
  }
  notify();
  return version();
}

void ObjectStore::compact() {
  const std::lock_guard lock(mutex_);
  oldest_ = version_;
}

std::uint64_t ObjectStore::version() const {
  const std::lock_guard lock(mutex_);
  return version_;
}

bool ObjectStore::served(const ResourceType& type) const {
  const std::lock_guard lock(mutex_);
  return shelf(type).served;
}

StoredPointer ObjectStore::find(const ResourceType& type, const std::string& name_space,
                                const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = shelf(type).objects.find(name_space.empty() ? name : name_space + "/" + name);
  return found == shelf(type).objects.end() ? nullptr : found->second;
}

Listing ObjectStore::list(const ResourceType& type) const {
  const std::lock_guard lock(mutex_);
  const Shelf& there = shelf(type);
  Listing listing{.version = version_, .position = there.events.size()};
  listing.objects.reserve(there.objects.size());
  for (const auto& [key, stored] : there.objects) listing.objects.push_back(stored);
  return listing;
}

std::optional<Listing> ObjectStore::list_at(const ResourceType& type, std::uint64_t version) const {
  const std::size_t end = position_after(type, version);
  const std::lock_guard lock(mutex_);
  if (version < oldest_) return std::nullopt;
  const Shelf& there = shelf(type);
  std::map<std::string, StoredPointer> objects;
  if (end == there.events.size()) {
    objects = there.objects;
  } else {
    for (std::size_t i = 0; i < end; ++i) {
      const StoredEvent& event = there.events[i];
      if (event.after == nullptr) {
        objects.erase(event.before->key);
      } else {
        objects[event.after->key] = event.after;
      }
    }
  }
  Listing listing{.version = version, .position = end};
  for (const auto& [key, stored] : objects) listing.objects.push_back(stored);
  return listing;
}

bool ObjectStore::too_old(std::uint64_t version) const {
  const std::lock_guard lock(mutex_);
  return version < oldest_;
}

std::size_t ObjectStore::position_after(const ResourceType& type, std::uint64_t version) const {
  const std::lock_guard lock(mutex_);
  const auto& events = shelf(type).events;
  const auto first = std::ranges::upper_bound(events, version, {}, &StoredEvent::version);
  return static_cast<std::size_t>(first - events.begin());
}

Tail ObjectStore::tail(const ResourceType& type, std::size_t position, std::size_t most) const {
  const std::lock_guard lock(mutex_);
  const Shelf& there = shelf(type);
  const std::size_t end = std::min(there.events.size(), position + most);
  Tail tail{.version = version_, .served = there.served};
  for (std::size_t i = position; i < end; ++i) tail.events.push_back(there.events[i]);
  return tail;
}

std::string typed_text(const ResourceType& type, const Stored& stored) {
  return with_type(type, stored.text);
}

std::string typed_text_at(const ResourceType& type, const Stored& stored, std::uint64_t version) {
  json body = stored.body;
  body["metadata"]["resourceVersion"] = std::to_string(version);
  return with_type(type, text_of(std::move(body)));
}

}  // namespace tierwall::fake_api
