#include "daemon/control/status.h"

#include <array>
#include <string_view>
#include <utility>

#include "daemon/control/object_reader.h"

namespace tierwall::daemon {

namespace {

constexpr std::array<std::string_view, 3> kStates = {"starting", "in_sync", "degraded"};
constexpr std::array<std::string_view, 2> kSeverities = {"error", "warning"};

// ---- values to JSON ------------------------------------------------------------------------------------------

template <typename T>
Json optional_json(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json to_json(const policy::Diagnostic& diagnostic) {
  return {{"file", diagnostic.where.file},     {"line", diagnostic.where.line},
          {"column", diagnostic.where.column}, {"severity", kSeverities[static_cast<std::size_t>(diagnostic.severity)]},
          {"object", diagnostic.object},       {"field", diagnostic.field},
          {"message", diagnostic.message}};
}

Json to_json(const CollectionStatus& collection) {
  return {{"kind", collection.kind},
          {"path", collection.path},
          {"state", collection.state},
          {"objects", collection.objects},
          {"resource_version", collection.resource_version},
          {"last_contact_ms", collection.last_contact_ms},
          {"failure", collection.failure}};
}

Json to_json(const DeniedStatus& denied) {
  return {{"by", denied.by}, {"packets", denied.packets}};
}

template <typename T>
Json array_json(const std::vector<T>& values);

Json to_json(const SourceStatus& source) {
  return {{"name", source.name},
          {"location", source.location},
          {"in_sync", source.in_sync},
          {"last_read_ms", source.last_read_ms},
          {"files", source.files},
          {"objects", source.objects},
          {"failure", optional_json(source.failure)},
          {"collections", array_json(source.collections)}};
}

Json to_json(const AppliedStatus& applied) {
  return {
      {"generation", applied.generation}, {"time_ms", applied.time_ms},     {"duration_us", applied.duration_us},
      {"changes", applied.changes},       {"endpoints", applied.endpoints}, {"host_endpoints", applied.host_endpoints},
      {"policies", applied.policies},     {"tiers", applied.tiers},         {"chains", applied.chains},
      {"rules", applied.rules},           {"sets", applied.sets},           {"elements", applied.elements}};
}

Json to_json(const ClassRow& row) {
  return {{"class", row.policy_class}, {"direction", row.direction}, {"policies", row.policies}};
}

Json to_json(const WaitingStatus& waiting) {
  return {{"deadline_ms", waiting.deadline_ms},
          {"left_ms", waiting.left_ms},
          {"generation", waiting.generation},
          {"uid", waiting.uid},
          {"files", waiting.files}};
}

template <typename T>
Json array_json(const std::vector<T>& values) {
  Json array = Json::array();
  for (const T& value : values) array.push_back(to_json(value));
  return array;
}

// ---- JSON to values ------------------------------------------------------------------------------------------

Result<policy::Diagnostic> diagnostic_from_json(const Json& json) {
  ObjectReader reader(json, "diagnostic");
  policy::Diagnostic diagnostic;
  reader.read("file", diagnostic.where.file);
  reader.read("line", diagnostic.where.line);
  reader.read("column", diagnostic.where.column);
  reader.read_word("severity", diagnostic.severity, kSeverities);
  reader.read("object", diagnostic.object);
  reader.read("field", diagnostic.field);
  reader.read("message", diagnostic.message);
  return reader.finish(diagnostic);
}

Result<CollectionStatus> collection_from_json(const Json& json) {
  ObjectReader reader(json, "collection");
  CollectionStatus collection;
  reader.read("kind", collection.kind);
  reader.read("path", collection.path);
  reader.read("state", collection.state);
  reader.read("objects", collection.objects);
  reader.read("resource_version", collection.resource_version);
  reader.read("last_contact_ms", collection.last_contact_ms);
  reader.read("failure", collection.failure);
  return reader.finish(collection);
}

Result<SourceStatus> source_from_json(const Json& json) {
  ObjectReader reader(json, "source");
  SourceStatus source;
  reader.read("name", source.name);
  reader.read("location", source.location);
  reader.read("in_sync", source.in_sync);
  reader.read("last_read_ms", source.last_read_ms);
  reader.read("files", source.files);
  reader.read("objects", source.objects);
  reader.read("failure", source.failure);
  reader.read_array("collections", source.collections, collection_from_json);
  return reader.finish(source);
}

Result<AppliedStatus> applied_from_json(const Json& json) {
  ObjectReader reader(json, "applied");
  AppliedStatus applied;
  reader.read("generation", applied.generation);
  reader.read("time_ms", applied.time_ms);
  reader.read("duration_us", applied.duration_us);
  reader.read("changes", applied.changes);
  reader.read("endpoints", applied.endpoints);
  reader.read("host_endpoints", applied.host_endpoints);
  reader.read("policies", applied.policies);
  reader.read("tiers", applied.tiers);
  reader.read("chains", applied.chains);
  reader.read("rules", applied.rules);
  reader.read("sets", applied.sets);
  reader.read("elements", applied.elements);
  return reader.finish(applied);
}

Result<WaitingStatus> waiting_from_json(const Json& json) {
  ObjectReader reader(json, "confirmation");
  WaitingStatus waiting;
  reader.read("deadline_ms", waiting.deadline_ms);
  reader.read("left_ms", waiting.left_ms);
  reader.read("generation", waiting.generation);
  reader.read("uid", waiting.uid);
  reader.read("files", waiting.files);
  return reader.finish(std::move(waiting));
}

Result<TierRow> tier_from_json(const Json& json) {
  ObjectReader reader(json, "tier");
  TierRow row;
  reader.read("name", row.name);
  reader.read("order", row.order);
  reader.read("default_action", row.default_action);
  reader.read("missing", row.missing);
  reader.read("policies", row.policies);
  return reader.finish(row);
}

Result<PolicyRow> policy_from_json(const Json& json) {
  ObjectReader reader(json, "policy");
  PolicyRow row;
  reader.read("tier", row.tier);
  reader.read("kind", row.kind);
  reader.read("namespace", row.ns);
  reader.read("name", row.name);
  reader.read("order", row.order);
  reader.read("types", row.types);
  reader.read("selector", row.selector);
  reader.read("endpoints", row.endpoints);
  reader.read("file", row.file);
  return reader.finish(row);
}

Result<EndpointRow> endpoint_from_json(const Json& json) {
  ObjectReader reader(json, "endpoint");
  EndpointRow row;
  reader.read("namespace", row.ns);
  reader.read("name", row.name);
  reader.read("addresses", row.addresses);
  reader.read("ingress", row.ingress);
  reader.read("egress", row.egress);
  return reader.finish(row);
}

Result<ClassRow> class_from_json(const Json& json) {
  ObjectReader reader(json, "class");
  ClassRow row;
  reader.read("class", row.policy_class);
  reader.read("direction", row.direction);
  reader.read("policies", row.policies);
  return reader.finish(row);
}

Result<HostEndpointRow> host_endpoint_from_json(const Json& json) {
  ObjectReader reader(json, "host endpoint");
  HostEndpointRow row;
  reader.read("name", row.name);
  reader.read("node", row.node);
  reader.read("interface", row.interface_name);
  reader.read("expected_ips", row.expected_addresses);
  reader.read("governs", row.governed);
  reader.read("why_none", row.why_none);
  reader.read("labels", row.labels);
  reader.read("profiles", row.profiles);
  reader.read_array("classes", row.classes, class_from_json);
  reader.read("without_policy", row.without_policy);
  return reader.finish(row);
}

Result<FailsafeRow> failsafe_from_json(const Json& json) {
  ObjectReader reader(json, "failsafe");
  FailsafeRow row;
  reader.read("direction", row.direction);
  reader.read("protocol", row.protocol);
  reader.read("port", row.port);
  reader.read("nets", row.nets);
  reader.read("interface", row.interface);
  return reader.finish(row);
}

Result<SetRow> set_from_json(const Json& json) {
  ObjectReader reader(json, "set");
  SetRow row;
  reader.read("name", row.name);
  reader.read("meaning", row.meaning);
  reader.read("members", row.members);
  return reader.finish(row);
}

Result<DeniedStatus> denied_from_json(const Json& json) {
  ObjectReader reader(json, "denied");
  DeniedStatus denied;
  reader.read("by", denied.by);
  reader.read("packets", denied.packets);
  return reader.finish(std::move(denied));
}

}  // namespace

Json to_json(const StatusReport& report) {
  return {{"version", report.version},
          {"node", report.node},
          {"state", kStates[static_cast<std::size_t>(report.state)]},
          {"now_ms", report.now_ms},
          {"transactions", report.transactions},
          {"ownership", report.ownership},
          {"degraded", report.degraded},
          {"sources", array_json(report.sources)},
          {"applied", report.applied ? to_json(*report.applied) : Json(nullptr)},
          {"confirmation", report.waiting ? to_json(*report.waiting) : Json(nullptr)},
          {"problems", array_json(report.problems)},
          {"warnings", array_json(report.warnings)},
          {"remarks", report.remarks},
          {"denied_last_minute", array_json(report.denied)}};
}

Json to_json(const TierRow& row) {
  return {{"name", row.name},
          {"order", optional_json(row.order)},
          {"default_action", row.default_action},
          {"missing", row.missing},
          {"policies", row.policies}};
}

Json to_json(const PolicyRow& row) {
  return {{"tier", row.tier},
          {"kind", row.kind},
          {"namespace", row.ns},
          {"name", row.name},
          {"order", optional_json(row.order)},
          {"types", row.types},
          {"selector", row.selector},
          {"endpoints", row.endpoints},
          {"file", row.file}};
}

Json to_json(const EndpointRow& row) {
  return {{"namespace", row.ns},
          {"name", row.name},
          {"addresses", row.addresses},
          {"ingress", row.ingress},
          {"egress", row.egress}};
}

Json to_json(const HostEndpointRow& row) {
  return {{"name", row.name},
          {"node", row.node},
          {"interface", row.interface_name},
          {"expected_ips", row.expected_addresses},
          {"governs", row.governed},
          {"why_none", row.why_none},
          {"labels", row.labels},
          {"profiles", row.profiles},
          {"classes", array_json(row.classes)},
          {"without_policy", row.without_policy}};
}

Json to_json(const FailsafeRow& row) {
  return {{"direction", row.direction},
          {"protocol", row.protocol},
          {"port", row.port},
          {"nets", optional_json(row.nets)},
          {"interface", optional_json(row.interface)}};
}

Json to_json(const SetRow& row) {
  return {{"name", row.name}, {"meaning", row.meaning}, {"members", row.members}};
}

Result<StatusReport> status_from_json(const Json& json) {
  ObjectReader reader(json, "status");
  StatusReport report;
  reader.read("version", report.version);
  reader.read("node", report.node);
  reader.read_word("state", report.state, kStates);
  reader.read("now_ms", report.now_ms);
  reader.read("transactions", report.transactions);
  reader.read("ownership", report.ownership);
  reader.read("degraded", report.degraded);
  reader.read_array("sources", report.sources, source_from_json);
  reader.read_optional("applied", report.applied, applied_from_json);
  reader.read_optional("confirmation", report.waiting, waiting_from_json);
  reader.read_array("problems", report.problems, diagnostic_from_json);
  reader.read_array("warnings", report.warnings, diagnostic_from_json);
  reader.read("remarks", report.remarks);
  reader.read_array("denied_last_minute", report.denied, denied_from_json);
  return reader.finish(std::move(report));
}

Result<std::vector<TierRow>> tiers_from_json(const Json& json) {
  return rows_from_json(json, tier_from_json);
}
Result<std::vector<PolicyRow>> policies_from_json(const Json& json) {
  return rows_from_json(json, policy_from_json);
}
Result<std::vector<EndpointRow>> endpoints_from_json(const Json& json) {
  return rows_from_json(json, endpoint_from_json);
}
Result<std::vector<HostEndpointRow>> host_endpoints_from_json(const Json& json) {
  return rows_from_json(json, host_endpoint_from_json);
}
Result<std::vector<FailsafeRow>> failsafes_from_json(const Json& json) {
  return rows_from_json(json, failsafe_from_json);
}
Result<std::vector<SetRow>> sets_from_json(const Json& json) {
  return rows_from_json(json, set_from_json);
}

}  // namespace tierwall::daemon
