#pragma once
// Manifests on their way into the policy directory: each will be a file of its own there.

#include <string>
#include <vector>

#include "daemon/ctl/context.h"
#include "policy/inventory.h"
#include "policy/result.h"

namespace tierwall::daemon::ctl {

struct ManifestDocument {
  std::string name;  ///< in the policy directory
  std::string path;  ///< as it was named here
  std::string text;
};
using ManifestDocuments = std::vector<ManifestDocument>;

/// What the paths mean (list_manifests). `name`: of the one manifest there is, in the place of its own; may be empty.
/// Malformed if two files would have one name, or standard input none.
Result<ManifestDocuments> read_documents(const std::vector<std::string>& paths, const std::string& name);

struct DocumentObjects {
  std::vector<policy::ResourceEvent> events = {};  ///< one per object, sorted by key
  std::vector<policy::Diagnostic> problems = {};   ///< of them and of the documents, sorted
};

/// The objects in them, as the policy directory would tell of them.
DocumentObjects decode_documents(const ManifestDocuments& documents);

/// Everything that is wrong with manifests, on the error stream; false if there are errors.
bool tell_problems(const std::vector<policy::Diagnostic>& problems, const Context& context);

}  // namespace tierwall::daemon::ctl
