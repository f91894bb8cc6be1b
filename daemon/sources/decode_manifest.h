#pragma once
// Manifest text (YAML streams, JSON, v1 List objects) -> objects and what is wrong with them. All errors of a text are
// found in one go: a bad document does not hide the next one, a bad field does not hide the next field.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/sources/document.h"
#include "policy/diagnostic.h"
#include "policy/model.h"

namespace tierwall::daemon {

struct DecodedObject {
  policy::ResourceKey key;
  /// What could be understood, closed where it could not (law 5); absent if nothing can be made of the object.
  std::optional<policy::Resource> resource;
  policy::Location where;
  std::string object;                        ///< "NetworkPolicy dev-app/web", the kind as written
  std::vector<policy::Diagnostic> problems;  ///< an error among them makes the object invalid
  std::string document;                      ///< the object as JSON text

  friend bool operator==(const DecodedObject&, const DecodedObject&) = default;
};

struct DecodedManifest {
  std::vector<DecodedObject> objects;        ///< in the order of the text
  std::vector<policy::Diagnostic> problems;  ///< of no known object: malformed documents, unknown kinds
  bool readable = true;                      ///< false: some document could not be read at all
  bool complete = true;  ///< false: there may be objects in the text that are not shown, because a document could not
                         ///< be read or an object does not say clearly which one it is

  friend bool operator==(const DecodedManifest&, const DecodedManifest&) = default;
};

/// `file` is the name used in locations.
DecodedManifest decode_manifest(std::string_view text, const std::string& file);

/// The same for one tree that was read already: an object, or a list of objects.
DecodedManifest decode_tree(const Node& root, const std::string& file);

}  // namespace tierwall::daemon
