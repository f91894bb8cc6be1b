#include "daemon/ctl/manifest_documents.h"

#include <algorithm>
#include <map>
#include <ostream>
#include <utility>

#include <fmt/format.h>

#include "daemon/sources/load_world.h"
#include "daemon/sources/manifest_set.h"
#include "daemon/sources/policy_directory.h"

namespace tierwall::daemon::ctl {

Result<ManifestDocuments> read_documents(const std::vector<std::string>& paths, const std::string& name) {
  const auto files = list_manifests(paths);
  if (!files) return files.error();
  if (!name.empty() && files->size() > 1) return malformed("--name is for one manifest; there are several");
  ManifestDocuments documents;
  for (const std::string& path : *files) {
    if (path == "-" && name.empty())
      return malformed("standard input has no file name; give it one with --name NAME.yaml");
    std::string own_name = name.empty() ? path.substr(path.rfind('/') + 1) : name;
    if (std::ranges::find(documents, own_name, &ManifestDocument::name) != documents.end())
      return malformed(fmt::format("two files are called {}", own_name));
    auto text = read_manifest(path);
    if (!text) return text.error();
    documents.push_back({.name = std::move(own_name), .path = path, .text = *std::move(text)});
  }
  return documents;
}

DocumentObjects decode_documents(const ManifestDocuments& documents) {
  ManifestSet manifests{std::string(kDirectorySource)};
  std::map<policy::ResourceKey, policy::ResourceEvent> events;
  for (const ManifestDocument& document : documents) {
    for (policy::ResourceEvent& event : manifests.put(document.path, decode_manifest(document.text, document.path)))
      events.insert_or_assign(event.key, std::move(event));
  }
  DocumentObjects objects{.problems = manifests.problems()};
  for (auto& [key, event] : events) {
    objects.problems.insert(objects.problems.end(), event.problems.begin(), event.problems.end());
    objects.events.push_back(std::move(event));
  }
  std::ranges::sort(objects.problems);
  return objects;
}

bool tell_problems(const std::vector<policy::Diagnostic>& problems, const Context& context) {
  for (const policy::Diagnostic& problem : problems) context.err << policy::print_diagnostic(problem) << '\n';
  return !policy::has_errors(problems);
}

}  // namespace tierwall::daemon::ctl
