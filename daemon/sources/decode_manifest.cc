#include "daemon/sources/decode_manifest.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "daemon/sources/decode_calico.h"
#include "daemon/sources/decode_kubernetes.h"
#include "daemon/sources/decode_metadata.h"
#include "daemon/sources/decode_reader.h"
#include "daemon/sources/read_yaml.h"

namespace tierwall::daemon {

namespace {

using policy::Kind;

constexpr std::string_view kCalico = "projectcalico.org/v3";
constexpr std::string_view kStoredCalico = "crd.projectcalico.org/v1";
constexpr std::string_view kNetworking = "networking.k8s.io/v1";

using Decode = std::optional<policy::Resource> (*)(const Cursor& object, const Metadata& metadata);

/// How one kind of one API is read.
struct KindRow {
  std::string_view api_version;
  std::string_view kind;
  Kind decoded;
  NameRule name_rule;
  UnknownFields unknown;  ///< in metadata
  Decode decode;
};

constexpr KindRow kKinds[] = {
    {"v1", "Namespace", Kind::Namespace, NameRule::Label, UnknownFields::Ignored, decode_namespace},
    {"v1", "ServiceAccount", Kind::ServiceAccount, NameRule::Subdomain, UnknownFields::Ignored, decode_service_account},
    {"v1", "Pod", Kind::Pod, NameRule::Subdomain, UnknownFields::Ignored, decode_pod},
    {kNetworking, "NetworkPolicy", Kind::KubernetesNetworkPolicy, NameRule::Subdomain, UnknownFields::Error,
     decode_network_policy},
    {kCalico, "GlobalNetworkPolicy", Kind::GlobalNetworkPolicy, NameRule::Subdomain, UnknownFields::Error,
     decode_global_network_policy},
    {kCalico, "NetworkPolicy", Kind::NetworkPolicy, NameRule::Subdomain, UnknownFields::Error,
     decode_calico_network_policy},
    {kCalico, "Tier", Kind::Tier, NameRule::Label, UnknownFields::Error, decode_tier},
    {kCalico, "GlobalNetworkSet", Kind::GlobalNetworkSet, NameRule::Subdomain, UnknownFields::Error,
     decode_network_set},
    {kCalico, "NetworkSet", Kind::NetworkSet, NameRule::Subdomain, UnknownFields::Error, decode_network_set},
    {kCalico, "Profile", Kind::Profile, NameRule::Subdomain, UnknownFields::Error, decode_profile},
};

/// Kinds that matter to a firewall and that somebody may expect to work.
struct SkippedRow {
  std::string_view group;  ///< of every version
  std::string_view kind;
  std::string_view why;
};
constexpr std::string_view kNotEnforced = "is not enforced by this version and was skipped";
constexpr std::string_view kNotRead = "is not read by this version and was skipped";
constexpr SkippedRow kSkipped[] = {
    {"projectcalico.org", "HostEndpoint", kNotEnforced},
    {"projectcalico.org", "StagedGlobalNetworkPolicy", kNotEnforced},
    {"projectcalico.org", "StagedNetworkPolicy", kNotEnforced},
    {"projectcalico.org", "StagedKubernetesNetworkPolicy", kNotEnforced},
    {"policy.networking.k8s.io", "ClusterNetworkPolicy", kNotEnforced},
    {"policy.networking.k8s.io", "AdminNetworkPolicy", kNotEnforced},
    {"policy.networking.k8s.io", "BaselineAdminNetworkPolicy", kNotEnforced},
    {"", "Service", kNotRead},
    {"", "Node", kNotRead},
    {"", "Endpoints", kNotRead},
    {"discovery.k8s.io", "EndpointSlice", kNotRead},
};

/// The stored group has the kinds of the written one.
std::string_view written_group(std::string_view api_version) {
  return api_version == kStoredCalico ? kCalico : api_version;
}

const KindRow* find_kind(std::string_view api_version, std::string_view kind) {
  const auto row = std::find_if(std::begin(kKinds), std::end(kKinds), [&](const KindRow& r) {
    return r.api_version == written_group(api_version) && r.kind == kind;
  });
  return row == std::end(kKinds) ? nullptr : row;
}

const SkippedRow* find_skipped(std::string_view api_version, std::string_view kind) {
  const std::string_view written = written_group(api_version);
  const std::size_t slash = written.find('/');
  const std::string_view group = slash == std::string_view::npos ? std::string_view() : written.substr(0, slash);
  const auto row = std::find_if(std::begin(kSkipped), std::end(kSkipped),
                                [&](const SkippedRow& r) { return r.group == group && r.kind == kind; });
  return row == std::end(kSkipped) ? nullptr : row;
}

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

/// The kind of the same group that was probably meant; empty if none is near.
std::string_view misspelt_kind(const TypeMeta& type) {
  std::vector<std::string_view> kinds;
  for (const KindRow& row : kKinds) {
    if (row.api_version == written_group(type.api_version)) kinds.push_back(row.kind);
  }
  return find_nearest(type.kind, kinds);
}

std::string describe_unknown(const TypeMeta& type) {
  std::string message = fmt::format("kind {} of {} is not known and was skipped", type.kind, type.api_version);
  std::vector<std::string_view> groups;
  for (const KindRow& row : kKinds) {
    if (row.kind == type.kind) groups.push_back(row.api_version);
  }
  if (!groups.empty()) message += fmt::format("; did you mean {}?", fmt::join(groups, " or "));
  return message;
}

class ManifestReader {
 public:
  explicit ManifestReader(std::string file) : file_(std::move(file)) {}

  DecodedManifest read(std::string_view text);

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
  Cursor(node, "", findings).warning(std::move(message));
  take_problems(findings, object_as_written(type, node));
}

DecodedManifest ManifestReader::read(std::string_view text) {
  DocumentStream stream = read_yaml(text, file_);
  manifest_.problems = std::move(stream.problems);
  manifest_.readable = manifest_.complete = manifest_.problems.empty();
  for (const Node& document : stream.documents) read_root(document, TypeMeta{});
  return std::move(manifest_);
}

/// False, after an error, if the document does not say what it is.
bool ManifestReader::read_type(const Node& node, const TypeMeta& inherited, TypeMeta& type) {
  Findings findings(file_);
  const Cursor at(node, "", findings);
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
  if (const SkippedRow* skipped = find_skipped(type.api_version, type.kind)) {
    warn(node, type, fmt::format("kind {} {}", type.kind, skipped->why));
  } else if (const std::string_view meant = misspelt_kind(type); !meant.empty()) {
    refuse_misspelt(node, type, meant);
  } else {
    warn(node, type, describe_unknown(type));
  }
}

/// One wrong letter in `kind` must not take a policy away: the file keeps what it gave before, as if the document could
/// not be read.
void ManifestReader::refuse_misspelt(const Node& node, const TypeMeta& type, std::string_view meant) {
  Findings findings(file_);
  Cursor(node, "", findings)
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
  const Cursor object(node, "", findings);
  report_repeated_keys(object);
  Metadata metadata = read_metadata(object, row.name_rule, policy::is_namespaced(row.decoded), row.unknown);
  const bool is_policy = row.decoded == Kind::GlobalNetworkPolicy || row.decoded == Kind::NetworkPolicy;
  if (type.api_version == kStoredCalico) read_stored_metadata(object, is_policy, metadata);
  // Even an object that stays nameless is read, so that its author finds all mistakes at once.
  std::optional<policy::Resource> resource = row.decode(object, metadata);
  if (!metadata.certain) {
    manifest_.complete = false;
    take_problems(findings, object_as_written(type, node));
    return;
  }
  DecodedObject decoded;
  decoded.key = {row.decoded, metadata.ns, metadata.name};
  decoded.resource = std::move(resource);
  decoded.where = {.file = file_, .line = node.line, .column = node.column};
  decoded.object = object_name(type.kind, metadata.ns, metadata.name);
  decoded.problems = findings.take(decoded.object);
  manifest_.objects.push_back(std::move(decoded));
}

}  // namespace

DecodedManifest decode_manifest(std::string_view text, const std::string& file) {
  return ManifestReader(file).read(text);
}

}  // namespace tierwall::daemon
