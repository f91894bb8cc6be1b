#pragma once
// The objects of many manifest files as one set of keys: which file's copy of an object counts, what changed since the
// file was last read, and which objects are written twice. Pure: file contents come in, events go out. The result
// depends on the last content of every file only, never on the order in which files were read.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/sources/decode_manifest.h"
#include "policy/inventory.h"

namespace tierwall::daemon {

class ManifestSet {
 public:
  explicit ManifestSet(std::string source);

  /// Takes the file's content and tells what changed. A manifest that is not complete keeps the objects the file gave
  /// before that it no longer shows, because they may stand in the part that could not be read.
  std::vector<policy::ResourceEvent> put(const std::string& file, DecodedManifest manifest);
  /// The file is gone, and its objects with it.
  std::vector<policy::ResourceEvent> remove(const std::string& file);

  /// Problems that belong to no object in force: unreadable documents, unknown kinds, and copies of an object that do
  /// not count (both places are named; the copy that counts is none the worse for them). Sorted.
  [[nodiscard]] std::vector<policy::Diagnostic> problems() const;
  [[nodiscard]] std::set<std::string> files() const;
  /// Every place the object is written at; the first one counts.
  [[nodiscard]] std::vector<policy::Location> places_of(const policy::ResourceKey& key) const;
  [[nodiscard]] std::size_t file_count() const { return files_.size(); }
  /// Objects, each counted once however often it is written.
  [[nodiscard]] std::size_t object_count() const { return copies_.size(); }

 private:
  struct File {
    std::set<policy::ResourceKey> keys;
    std::vector<policy::Diagnostic> problems;
  };
  using Events = std::map<policy::ResourceKey, std::optional<policy::ResourceEvent>>;

  /// The object as it stands now; absent if no file has it.
  [[nodiscard]] std::optional<policy::ResourceEvent> describe(const policy::ResourceKey& key) const;
  [[nodiscard]] Events describe_all(const std::set<policy::ResourceKey>& keys) const;
  /// What changed between the description and now.
  [[nodiscard]] std::vector<policy::ResourceEvent> changes_since(Events&& before) const;
  /// Takes the file's copies of these objects out and gives them back.
  std::vector<DecodedObject> take_copies(const std::string& file, const std::set<policy::ResourceKey>& keys);

  std::string source_;
  std::map<std::string, File> files_;
  std::map<policy::ResourceKey, std::vector<DecodedObject>> copies_;  // sorted by place: the first one counts
};

}  // namespace tierwall::daemon
