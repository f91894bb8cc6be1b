#include "daemon/recollect.h"

#include <utility>

#include "daemon/sources/decode_manifest.h"
#include "daemon/sources/network_interfaces.h"

namespace tierwall::daemon {

namespace {

policy::Diagnostic unreadable(const RememberedObject& object, const std::string& why) {
  return {.where = object.where,
          .severity = policy::Severity::Error,
          .object = policy::print_key(object.id.key),
          .field = {},
          .message = "what was remembered of it cannot be read: " + why};
}

/// Interfaces are no manifests: nobody writes them.
void take_interface(policy::ResourceEvent& event, const Node& root, const RememberedObject& object) {
  const Result<policy::NetworkInterface> interface = read_interface(root, object.id.key.name);
  if (interface) {
    event.resource = *interface;
  } else {
    event.problems.push_back(unreadable(object, interface.error().message));
  }
}

}  // namespace

policy::ResourceEvent to_event(const RememberedObject& object, JsonReader& reader) {
  policy::ResourceEvent event{.source = object.id.source, .key = object.id.key};
  event.where = object.where;
  event.document = object.document;
  event.resource_version = object.resource_version;
  const Result<Node> root = reader.read(object.document, Projection::whole());
  if (!root) {
    event.problems.push_back(unreadable(object, root.error().message));
    return event;
  }
  if (object.id.key.kind == policy::Kind::NetworkInterface) {
    take_interface(event, *root, object);
    return event;
  }
  DecodedManifest manifest = decode_tree(*root, object.where.file);
  event.problems = std::move(manifest.problems);
  for (DecodedObject& decoded : manifest.objects) {
    if (decoded.key != object.id.key) continue;
    event.resource = std::move(decoded.resource);
    event.problems.insert(event.problems.end(), decoded.problems.begin(), decoded.problems.end());
  }
  return event;
}

}  // namespace tierwall::daemon
