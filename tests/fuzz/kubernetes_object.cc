// What the API server says of one object, a frame of a watch, or a refusal. YAML's reader gives a second opinion.

#include <string>

#include "daemon/sources/decode_manifest.h"
#include "daemon/sources/kubernetes/api_status.h"
#include "daemon/sources/kubernetes/kubernetes_kinds.h"
#include "daemon/sources/print_json.h"
#include "tests/fuzz/target.h"

namespace tierwall::fuzz {

void kubernetes_object(Bytes input) {
  const std::string_view text = text_of(input);
  daemon::JsonReader reader;
  const Result<daemon::Node> whole = reader.read(text, daemon::Projection::whole());
  static_cast<void>(daemon::print_refusal(daemon::read_refusal({.status = 410}, text, reader)));
  for (const daemon::Kept kept : {daemon::Kept::Metadata, daemon::Kept::Pod, daemon::Kept::Node, daemon::Kept::Service,
                                  daemon::Kept::EndpointSlice, daemon::Kept::Policy}) {
    if (const auto frame = reader.read_frame(text, daemon::projection_of(kept)); frame) {
      static_cast<void>(daemon::decode_tree(frame->object, "kubernetes:a"));
    }
    const auto read = reader.read(text, daemon::projection_of(kept));
    require(!whole || read, "what can be read can be read in part");
    if (read) static_cast<void>(daemon::decode_tree(*read, "kubernetes:a"));
  }
  if (!whole) return;
  const std::string printed = daemon::print_json(*whole);
  const Result<daemon::Node> again = reader.read(printed, daemon::Projection::whole());
  require(again && daemon::print_json(*again) == printed, "what is printed can be read", printed);
  const daemon::DecodedManifest meant = daemon::decode_tree(*whole, "kubernetes:a");
  const daemon::DecodedManifest meant_again = daemon::decode_tree(*again, "kubernetes:a");
  require(meant == meant_again, "what is printed means the same", printed);
}

}  // namespace tierwall::fuzz
