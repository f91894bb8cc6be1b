#pragma once
// YAML and JSON text -> document trees. A stream is cut at its document markers first, so that a malformed document
// does not hide the next one. The only place that knows yaml-cpp; its exceptions end here.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/sources/document.h"
#include "policy/diagnostic.h"

namespace tierwall::daemon {

inline constexpr std::size_t kMaxDocumentDepth = 64;         ///< nested lists and objects
inline constexpr std::size_t kMaxNodes = 4'000'000;          ///< in one file, with aliases expanded
inline constexpr std::size_t kMaxExpandedBytes = 64u << 20;  ///< of text that aliases may repeat in one file

struct DocumentStream {
  std::vector<Node> documents;               ///< empty documents are left out
  std::vector<policy::Diagnostic> problems;  ///< one per document that could not be read

  friend bool operator==(const DocumentStream&, const DocumentStream&) = default;
};

/// `file` is the name used in locations. Merge keys and aliases are expanded; repeated keys are kept and marked.
DocumentStream read_yaml(std::string_view text, const std::string& file);

}  // namespace tierwall::daemon
