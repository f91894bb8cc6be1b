#include "daemon/sources/decode_manifest.h"

#include <utility>

#include <fmt/format.h>

#include "daemon/sources/decode_calico.h"
#include "daemon/sources/decode_kinds.h"
#include "daemon/sources/decode_metadata.h"
#include "daemon/sources/decode_reader.h"
#include "daemon/sources/print_json.h"
#include "daemon/sources/read_yaml.h"

namespace tierwall::daemon {

namespace {

std::string text_at(const Node& node, std::string_view key) {
  const Node* value = node.find(key);
  return value != nullptr && value->kind == Node::Kind::Scalar ? value->text : std::string();
}

/// apiVersion and kind, which items of a list like PodList may leave to the list.
struct TypeMeta {
  std::string api_version;
  std::string kind;
};

std::string object_name(std::string_view kind, const std::string& ns, const std::string& name) {
  if (name.empty()) return std::string(kind);
  return ns.empty() ? fmt::format("{} {}", kind, name) : fmt::format("{} {}/{}", kind, ns, name);
}

/// Before metadata was judged: the name as it stands there, for messages.
std::string object_as_written(const TypeMeta& type, const Node& node) {
  const Node* metadata = node.find("metadata");
  if (metadata == nullptr) return type.kind;
  const auto shown = [](const std::string& text) { return text.substr(0, 253); };
  return object_name(type.kind, shown(text_at(*metadata, "namespace")), shown(text_at(*metadata, "name")));
}

std::string describe_unknown(const TypeMeta& type) {
  std::string message = fmt::format("kind {} of {} is not known and was skipped", type.kind, type.api_version);
  const std::vector<std::string_view> versions = versions_with_kind(type.kind);
  if (!versions.empty()) message += fmt::format("; did you mean {}?", fmt::join(versions, " or "));
  return message;
}

/// The object as a text of its own: items of a list may have left their type to the list.
std::string document_of(const Node& node, const TypeMeta& type) {
  std::string text = print_json(node);
  if (node.find("apiVersion") != nullptr && node.find("kind") != nullptr) return text;
  return fmt::format(R"({{"apiVersion":"{}","kind":"{}",{})", type.api_version, type.kind, text.substr(1));
}

class ManifestReader {
 public:
  explicit ManifestReader(std::string file) : file_(std::move(file)) {}

  DecodedManifest read(std::string_view text);
  DecodedManifest read_tree(const Node& root);

 private:
  void read_root(const Node& node, const TypeMeta& inherited);
  bool read_type(const Node& node, const TypeMeta& inherited, TypeMeta& type);
  void read_list(const Node& items, const TypeMeta& list);
  void read_object(const Node& node, const TypeMeta& type, const KindRow& row);
  void refuse_misspelt(const Node& node, const TypeMeta& type, std::string_view meant);
  void warn(const Node& node, const TypeMeta& type, std::string message);
  void take_problems(Findings& findings, const std::string& object);

  std::string file_;
  DecodedManifest manifest_;
};

void ManifestReader::take_problems(Findings& findings, const std::string& object) {
  for (policy::Diagnostic& problem : findings.take(object)) manifest_.problems.push_back(std::move(problem));
}

void ManifestReader::warn(const Node& node, const TypeMeta& type, std::string message) {
  Findings findings(file_);
  Cursor(node, findings).warning(std::move(message));
  take_problems(findings, object_as_written(type, node));
}

DecodedManifest ManifestReader::read(std::string_view text) {
  DocumentStream stream = read_yaml(text, file_);
  manifest_.problems = std::move(stream.problems);
  manifest_.readable = manifest_.complete = manifest_.problems.empty();
  for (const Node& document : stream.documents) read_root(document, TypeMeta{});
  return std::move(manifest_);
}

DecodedManifest ManifestReader::read_tree(const Node& root) {
  read_root(root, TypeMeta{});
  return std::move(manifest_);
}

/// False, after an error, if the document does not say what it is.
bool ManifestReader::read_type(const Node& node, const TypeMeta& inherited, TypeMeta& type) {
  Findings findings(file_);
  const Cursor at(node, findings);
  type = inherited;
  if (at.is_object()) {
    const auto api_version = at.find("apiVersion");
    const auto kind = at.find("kind");
    if (api_version) type.api_version = api_version->text().value_or("");
    if (kind) type.kind = kind->text().value_or("");
    if (!api_version && type.api_version.empty()) at.missing("apiVersion");
    if (!kind && type.kind.empty()) at.missing("kind");
  }
  const bool understood = findings.errors() == 0 && !type.api_version.empty() && !type.kind.empty();
  if (findings.errors() == 0 && !understood) at.error("apiVersion and kind must not be empty");
  if (!understood) manifest_.complete = false;
  take_problems(findings, "");
  return understood;
}

void ManifestReader::read_root(const Node& node, const TypeMeta& inherited) {
  TypeMeta type;
  if (!read_type(node, inherited, type)) return;
  if (const KindRow* row = find_kind(type.api_version, type.kind)) {
    read_object(node, type, *row);
    return;
  }
  const Node* items = node.find("items");
  if (type.kind.ends_with("List") && items != nullptr && items->kind != Node::Kind::Scalar) {
    read_list(*items, type);
    return;
  }
  if (const std::string_view why = why_skipped(type.api_version, type.kind); !why.empty()) {
    warn(node, type, fmt::format("kind {} {}", type.kind, why));
  } else if (const std::string_view meant = misspelt_kind(type.api_version, type.kind); !meant.empty()) {
    refuse_misspelt(node, type, meant);
  } else {
    warn(node, type, describe_unknown(type));
  }
}

/// One wrong letter in `kind` must not take a policy away: the file keeps what it gave before, as if the document could
/// not be read.
void ManifestReader::refuse_misspelt(const Node& node, const TypeMeta& type, std::string_view meant) {
  Findings findings(file_);
  Cursor(node, findings)
      .error(fmt::format("kind {} of {} is not known; did you mean {}?", type.kind, type.api_version, meant));
  manifest_.complete = false;
  take_problems(findings, object_as_written(type, node));
}

void ManifestReader::read_list(const Node& items, const TypeMeta& list) {
  TypeMeta of_items;
  if (list.kind != "List") {  // a PodList of v1 holds Pods of v1
    of_items.api_version = list.api_version;
    of_items.kind = list.kind.substr(0, list.kind.size() - std::string_view("List").size());
  }
  for (const Node& item : items.items) read_root(item, of_items);
}

void ManifestReader::read_object(const Node& node, const TypeMeta& type, const KindRow& row) {
  Findings findings(file_);
  const Cursor object(node, findings);
  report_repeated_keys(object);
  Metadata metadata = read_metadata(object, row.name_rule, policy::is_namespaced(row.kind), row.unknown);
  if (type.api_version == kStoredCalicoVersion) read_stored_metadata(object, row.is_calico_policy, metadata);
  // Even an object that stays nameless is read, so that its author finds all mistakes at once.
  std::optional<policy::Resource> resource = row.decode(object, metadata);
  if (!metadata.certain) {
    manifest_.complete = false;
    take_problems(findings, object_as_written(type, node));
    return;
  }
  DecodedObject decoded;
  decoded.key = {row.kind, metadata.ns, metadata.name};
  decoded.resource = std::move(resource);
  decoded.where = {.file = file_, .line = node.line, .column = node.column};
  decoded.object = object_name(type.kind, metadata.ns, metadata.name);
  decoded.problems = findings.take(decoded.object);
  decoded.document = document_of(node, type);
  manifest_.objects.push_back(std::move(decoded));
}

}  // namespace

DecodedManifest decode_manifest(std::string_view text, const std::string& file) {
  return ManifestReader(file).read(text);
}

DecodedManifest decode_tree(const Node& root, const std::string& file) {
  return ManifestReader(file).read_tree(root);
}

}  // namespace tierwall::daemon
