#include "daemon/sources/manifest_set.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace tierwall::daemon {

namespace {

policy::Diagnostic duplicate(const DecodedObject& copy, const DecodedObject& counting) {
  return {.where = copy.where,
          .severity = policy::Severity::Error,
          .object = copy.object,
          .field = {},
          .message = fmt::format("also defined at {}:{}, which is the one that counts", counting.where.file,
                                 counting.where.line)};
}

}  // namespace

ManifestSet::ManifestSet(std::string source) : source_(std::move(source)) {}

std::vector<policy::ResourceEvent> ManifestSet::put(const std::string& file, DecodedManifest manifest) {
  File& entry = files_[file];
  std::set<policy::ResourceKey> shown;
  for (const DecodedObject& object : manifest.objects) shown.insert(object.key);
  std::set<policy::ResourceKey> touched = shown;
  touched.insert(entry.keys.begin(), entry.keys.end());
  Events before = describe_all(touched);

  for (DecodedObject& object : take_copies(file, entry.keys)) {
    if (!manifest.complete && shown.count(object.key) == 0) manifest.objects.push_back(std::move(object));
  }
  entry.keys.clear();
  entry.problems = std::move(manifest.problems);
  for (DecodedObject& object : manifest.objects) {
    entry.keys.insert(object.key);
    std::vector<DecodedObject>& copies = copies_[object.key];
    const auto later = [&object](const DecodedObject& other) { return object.where < other.where; };
    copies.insert(std::find_if(copies.begin(), copies.end(), later), std::move(object));
  }
  return changes_since(std::move(before));
}

std::vector<policy::ResourceEvent> ManifestSet::remove(const std::string& file) {
  const auto entry = files_.find(file);
  if (entry == files_.end()) return {};
  const std::set<policy::ResourceKey> keys = entry->second.keys;
  Events before = describe_all(keys);
  take_copies(file, keys);
  files_.erase(entry);
  return changes_since(std::move(before));
}

std::vector<policy::Diagnostic> ManifestSet::problems() const {
  std::vector<policy::Diagnostic> all;
  for (const auto& [file, entry] : files_) all.insert(all.end(), entry.problems.begin(), entry.problems.end());
  for (const auto& [key, copies] : copies_) {
    for (auto copy = std::next(copies.begin()); copy != copies.end(); ++copy) {
      all.push_back(duplicate(*copy, copies.front()));
      all.insert(all.end(), copy->problems.begin(), copy->problems.end());
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

std::set<std::string> ManifestSet::files() const {
  std::set<std::string> names;
  for (const auto& [file, entry] : files_) names.insert(file);
  return names;
}

std::vector<policy::Location> ManifestSet::places_of(const policy::ResourceKey& key) const {
  std::vector<policy::Location> places;
  const auto found = copies_.find(key);
  if (found == copies_.end()) return places;
  for (const DecodedObject& copy : found->second) places.push_back(copy.where);
  return places;
}

std::optional<policy::ResourceEvent> ManifestSet::describe(const policy::ResourceKey& key) const {
  const auto found = copies_.find(key);
  if (found == copies_.end()) return std::nullopt;
  const DecodedObject& counting = found->second.front();
  policy::ResourceEvent event;
  event.source = source_;
  event.key = key;
  event.resource = counting.resource;
  event.where = counting.where;
  event.problems = counting.problems;
  event.document = counting.document;
  return event;
}

ManifestSet::Events ManifestSet::describe_all(const std::set<policy::ResourceKey>& keys) const {
  Events events;
  for (const policy::ResourceKey& key : keys) events.emplace(key, describe(key));
  return events;
}

std::vector<policy::ResourceEvent> ManifestSet::changes_since(Events&& before) const {
  std::vector<policy::ResourceEvent> changes;
  for (auto& [key, former] : before) {
    auto event = describe(key);
    if (event == former) continue;
    if (!event) {
      event = std::move(former);
      event->change = policy::ResourceEvent::Change::Gone;
      event->resource.reset();
      event->problems.clear();
    }
    changes.push_back(*std::move(event));
  }
  return changes;
}

std::vector<DecodedObject> ManifestSet::take_copies(const std::string& file,
                                                    const std::set<policy::ResourceKey>& keys) {
  std::vector<DecodedObject> taken;
  for (const policy::ResourceKey& key : keys) {
    const auto found = copies_.find(key);
    std::vector<DecodedObject>& copies = found->second;
    const auto of_file = std::stable_partition(copies.begin(), copies.end(),
                                               [&file](const DecodedObject& copy) { return copy.where.file != file; });
    std::move(of_file, copies.end(), std::back_inserter(taken));
    copies.erase(of_file, copies.end());
    if (copies.empty()) copies_.erase(found);
  }
  return taken;
}

}  // namespace tierwall::daemon
