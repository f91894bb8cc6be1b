#pragma once
// Manifests on disk -> a whole world at once: what the CLI verbs with -f work on.

#include <map>
#include <string>
#include <vector>

#include "policy/diagnostic.h"
#include "policy/inventory.h"
#include "policy/result.h"

namespace tierwall::daemon {

struct LoadedWorld {
  policy::Inventory inventory;
  std::vector<policy::Diagnostic> problems;  ///< everything decoding and duplicates brought, sorted by place
  bool readable = true;                      ///< false: some document could not be read at all
  std::size_t files = 0;
  std::size_t objects = 0;  ///< in the manifests, invalid ones and further copies included
};

/// Files, directories (their *.yaml, *.yml and *.json, not recursive, hidden ones skipped, in name order) and "-" for
/// standard input. NotFound or Denied if a path cannot be read.
Result<LoadedWorld> load_world(const std::vector<std::string>& paths);

/// The files that are meant by such paths, each once, in the order of the paths; "-" stays what it is.
Result<std::vector<std::string>> list_manifests(const std::vector<std::string>& paths);
/// The text of one of them.
Result<std::string> read_manifest(const std::string& file);

/// The manifest files of a directory in name order: *.yaml, *.yml, *.json, not hidden, regular files.
Result<std::vector<std::string>> list_manifest_files(const std::string& directory);
/// Whether a name in a directory is a manifest's. A link that leads nowhere is one, so that reading it says so.
bool is_manifest_file(const std::string& directory, const std::string& name);
/// The whole file. Exhausted beyond `kMaxManifestBytes`.
Result<std::string> read_file(const std::string& path);
inline constexpr std::size_t kMaxManifestBytes = 256u << 20;

}  // namespace tierwall::daemon
