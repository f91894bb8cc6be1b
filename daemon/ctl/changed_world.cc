#include "daemon/ctl/changed_world.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "daemon/sources/kubernetes/object_feed.h"
#include "daemon/sources/policy_directory.h"

namespace tierwall::daemon::ctl {

namespace {

using Keys = std::set<policy::ResourceKey>;

std::string file_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

/// What the policy directory holds, by the file's name.
std::map<std::string, Keys> objects_by_file(const policy::Inventory& inventory) {
  std::map<std::string, Keys> files;
  for (const policy::ResourceKey& key : inventory.keys_of(kDirectorySource)) {
    if (inventory.source(key) != kDirectorySource) continue;
    if (const auto where = inventory.location(key)) files[file_name(where->file)].insert(key);
  }
  return files;
}

policy::ResourceEvent removal(const policy::ResourceKey& key) {
  return {.source = std::string(kDirectorySource), .key = key, .change = policy::ResourceEvent::Change::Gone};
}

/// The event as it would come from whoever's copy of the object counts.
policy::ResourceEvent from_owner(policy::ResourceEvent event, const ManifestDocuments& documents, ChangedWorld& world) {
  const std::optional<std::string> source = world.inventory.source(event.key);
  if (!source) return event;
  if (*source == kKubernetesSource) {
    event.source = *source;
    world.notes.push_back(policy::print_key(event.key) + " is the API server's: change it there");
    return event;
  }
  const std::string file = file_name(world.inventory.location(event.key).value_or(policy::Location{}).file);
  if (std::ranges::find(documents, file, &ManifestDocument::name) == documents.end())
    world.notes.push_back(fmt::format("{} is in {} already: tierwall apply would refuse it in another file",
                                      policy::print_key(event.key), file));
  return event;
}

}  // namespace

Result<ChangedWorld> change_world(const policy::Inventory& before, const WorldChange& change) {
  const Result<ManifestDocuments> documents = read_documents(change.paths, change.name);
  if (!documents) return documents.error();
  DocumentObjects objects = decode_documents(*documents);
  ChangedWorld world{.inventory = before, .problems = std::move(objects.problems)};
  const std::map<std::string, Keys> files = objects_by_file(before);
  for (const std::string& name : change.prune) {
    const auto file = files.find(name);
    if (file == files.end())
      return Error{ErrorKind::NotFound, fmt::format("no object of a file {} in the policy directory is known", name)};
    for (const policy::ResourceKey& key : file->second) world.inventory.apply(removal(key));
  }
  for (const ManifestDocument& document : *documents) {
    const auto file = files.find(document.name);
    if (file == files.end()) continue;
    for (const policy::ResourceKey& key : file->second) {
      if (!std::ranges::binary_search(objects.events, key, {}, &policy::ResourceEvent::key))
        world.inventory.apply(removal(key));
    }
  }
  for (policy::ResourceEvent& event : objects.events)
    world.inventory.apply(from_owner(std::move(event), *documents, world));
  return world;
}

ChangedWorld exchange_directory(const policy::Inventory& before, const ManifestDocuments& documents) {
  DocumentObjects objects = decode_documents(documents);
  ChangedWorld world{.inventory = before, .problems = std::move(objects.problems)};
  for (const policy::ResourceKey& key : before.keys_of(kDirectorySource)) world.inventory.apply(removal(key));
  for (const policy::ResourceEvent& event : objects.events) world.inventory.apply(event);
  return world;
}

}  // namespace tierwall::daemon::ctl
