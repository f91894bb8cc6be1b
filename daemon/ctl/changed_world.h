#pragma once
// The world as it would be with other manifests: what diff and simulate compare with the one there is.

#include <string>
#include <vector>

#include "daemon/ctl/manifest_documents.h"
#include "policy/inventory.h"
#include "policy/result.h"

namespace tierwall::daemon::ctl {

/// A change somebody thinks about, in the words of `tierwall apply`.
struct WorldChange {
  std::vector<std::string> paths = {};
  std::string name = {};                ///< of the one manifest, where its own is not meant
  std::vector<std::string> prune = {};  ///< files of the policy directory that go
};

struct ChangedWorld {
  policy::Inventory inventory;
  std::vector<policy::Diagnostic> problems = {};  ///< of the manifests
  std::vector<std::string> notes = {};            ///< what is not as `tierwall apply` would have it
};

/// A file of the policy directory with a manifest's name is replaced by it, with all its objects. An object of the API
/// server is taken to be changed there. Errors: of reading the manifests; NotFound for a file to prune of which no
/// object is known.
Result<ChangedWorld> change_world(const policy::Inventory& before, const WorldChange& change);

/// The world with these for all files of the policy directory.
ChangedWorld exchange_directory(const policy::Inventory& before, const ManifestDocuments& documents);

}  // namespace tierwall::daemon::ctl
