// Manifests, YAML and JSON: whatever can be made of a text goes all the way to a table, and the document that is kept
// of an object makes the same object again.

#include "daemon/sources/decode_manifest.h"

#include <optional>

#include "nft/compile.h"
#include "nft/print.h"
#include "policy/inventory.h"
#include "policy/resolve.h"
#include "policy/review.h"
#include "tests/fuzz/target.h"

namespace tierwall::fuzz {

void manifest(Bytes input) {
  const daemon::DecodedManifest read = daemon::decode_manifest(text_of(input), "a.yaml");
  require(read.readable || !read.problems.empty(), "what is unreadable is told of");
  policy::Inventory inventory;
  for (const daemon::DecodedObject& object : read.objects) {
    require(object.resource || !object.problems.empty(), "what is no object is told of", object.object);
    inventory.apply(
        {.source = "directory", .key = object.key, .resource = object.resource, .problems = object.problems});
    const daemon::DecodedManifest again = daemon::decode_manifest(object.document, "b.json");
    require(again.objects.size() == 1, "a document holds its object", object.document);
    require(again.objects[0].key == object.key, "a document keeps the name", object.document);
    require(again.objects[0].resource == object.resource, "a document keeps the meaning", object.document);
  }
  const policy::NodePolicy policy = policy::resolve(inventory.snapshot(), policy::Scope{});
  if (const auto table = nft::compile(policy, {})) static_cast<void>(nft::print(*table));
  static_cast<void>(policy::review(inventory.snapshot(), [](const auto&) { return std::nullopt; }));
}

}  // namespace tierwall::fuzz
