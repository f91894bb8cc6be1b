#include "daemon/control/varlink.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "daemon/control/control_client.h"

namespace tierwall::daemon {

namespace {

constexpr std::string_view kServiceInterface = "org.varlink.service";

constexpr std::string_view kServiceDefinition = R"(# What every Varlink service offers
interface org.varlink.service

method GetInfo() -> (vendor: string, product: string, version: string, url: string, interfaces: []string)

method GetInterfaceDescription(interface: string) -> (description: string)

error InterfaceNotFound (interface: string)
error MethodNotFound (method: string)
error MethodNotImplemented (method: string)
error InvalidParameter (parameter: string)
error PermissionDenied ()
)";

constexpr std::string_view kControlDefinition = R"(# The firewall of one Kubernetes node
interface io.tierwall.Control

type Diagnostic (
  file: string,
  line: int,
  column: int,
  severity: (error, warning),
  object: string,
  field: string,
  message: string
)

type Source (
  name: string,
  location: string,
  in_sync: bool,
  last_read_ms: int,
  files: int,
  objects: int,
  failure: ?string
)

type Applied (
  generation: int,
  time_ms: int,
  duration_us: int,
  changes: int,
  endpoints: int,
  host_endpoints: int,
  policies: int,
  tiers: int,
  chains: int,
  rules: int,
  sets: int,
  elements: int
)

# What one policy, or the end of a tier, denied, as far as the table told of it
type Denied (by: string, packets: int)

type Status (
  version: string,
  node: string,
  state: (starting, in_sync, degraded),
  now_ms: int,
  transactions: int,
  ownership: string,
  degraded: []string,
  sources: []Source,
  applied: ?Applied,
  confirmation: ?Confirmation,
  problems: []Diagnostic,
  warnings: []Diagnostic,
  remarks: []string,
  denied_last_minute: []Denied
)

type Tier (name: string, order: ?float, default_action: string, missing: bool, policies: int)

type Policy (
  tier: string,
  kind: string,
  namespace: string,
  name: string,
  order: ?float,
  types: []string,
  selector: string,
  endpoints: int,
  file: string
)

type Endpoint (namespace: string, name: string, addresses: []string, ingress: []string, egress: []string)

# A change of the policy directory that is undone at the deadline
type Confirmation (deadline_ms: int, left_ms: int, generation: int, uid: int, files: []string)

type File (name: string, content: string)

type ObjectDelta (change: (created, changed, removed), object: string)

# `files` were written or removed; with a deadline it is undone then
type ChangeReport (generation: int, files: []string, changes: []ObjectDelta, deadline_ms: ?int)

type HistoryChange (change: (put, removed), source: string, object: string)

# `cause` is that of a change of the policy directory: edit, apply, rollback, expired, or nothing
type Generation (
  generation: int,
  time_ms: int,
  cause: string,
  uid: ?int,
  files: []string,
  changes: []HistoryChange,
  changes_left_out: int,
  endpoints: int,
  policies: int,
  sets: int,
  rules: int,
  chains: int
)

type Class (class: string, direction: (ingress, egress), policies: []string)

type HostEndpoint (
  name: string,
  node: string,
  interface: string,
  expected_ips: []string,
  governs: []string,
  why_none: string,
  labels: []string,
  profiles: []string,
  classes: []Class,
  without_policy: string
)

type Failsafe (direction: (inbound, outbound), protocol: string, port: int, nets: ?string,
  interface: ?string)

type Set (name: string, meaning: string, members: int)

# What verdicts on this node depend on beside the objects. `known` counts changes of the objects; `pending` says why the
# table in force may not be what they ask for
type Facts (
  node: string,
  tie_break: string,
  pod_cidrs: []string,
  unknown_pod: (drop, allow),
  endpoint_to_host: (accept, return, drop),
  deny: (drop, reject),
  failsafes: []Failsafe,
  host_auto: bool,
  known: int,
  generation: int,
  pending: []string
)

# One source's copy of an object, as the source gave it
type Object (
  source: string,
  kind: string,
  namespace: string,
  name: string,
  resource_version: string,
  file: string,
  line: int,
  column: int,
  document: string
)

# `next` is where the next page begins, 0 where there is none
type Page (objects: []Object, next: int)

# The first packet of a connection. Without in_interface it comes from the node itself, without out_interface it is for it
type Packet (
  source: string,
  destination: string,
  protocol: int,
  source_port: int,
  destination_port: int,
  icmp_type: int,
  icmp_code: int,
  in_interface: string,
  out_interface: string,
  source_is_local: bool
)

type SelfCheck (differs: ?string, duration_us: int)

type PacketVerdict (dropped: bool, rule: string)

# One end of a denied packet; without a pod none is known to have the address
type End (address: string, pod: string)

# Packets the table denied and told of: the same again within a second is one entry. `by` is rule, tier-default, profile,
# no-policy, unknown-pod, endpoint-to-host, or changed: policy as it is now denies it no more
type Drop (
  number: int,
  first_ms: int,
  last_ms: int,
  packets: int,
  source: End,
  destination: End,
  protocol: string,
  source_port: int,
  destination_port: int,
  icmp: ?string,
  hook: string,
  in_interface: string,
  out_interface: string,
  verdict: string,
  by: string,
  direction: string,
  endpoint: string,
  tier: string,
  kind: string,
  namespace: string,
  name: string,
  rule: int,
  words: string,
  counter: string,
  generation: int
)

# `last` is the number of the newest there is: what to ask behind next time
type DropPage (drops: []Drop, last: int, trouble: string)

# What one counter of the table has counted in all: first packets of connections, and every packet that is denied.
# Without a name it is of several policies, with rule 0 of several rules or of what no rule decided; `words` says which.
type Hit (
  counter: string,
  direction: (ingress, egress),
  tier: string,
  kind: string,
  namespace: string,
  name: string,
  profile: string,
  rule: int,
  action: (Allow, Deny, Pass, Log),
  words: string,
  packets: int,
  bytes: int,
  last_hit_ms: int
)

# Whether the kernel holds what is asked for, and if not, why
method GetStatus() -> (status: Status)

# Tiers and policies in evaluation order
method ListTiers() -> (tiers: []Tier)
method ListPolicies() -> (policies: []Policy)

# Endpoints of this node with the policies that apply to them
method ListEndpoints() -> (endpoints: []Endpoint)

# Host endpoints of all nodes with what those of this node govern, and the ports no policy closes
method ListHostEndpoints() -> (hostendpoints: []HostEndpoint)
method ListFailsafes() -> (failsafes: []Failsafe)

# Sets and maps of the table
method ListSets() -> (sets: []Set)

# How much traffic each policy rule has seen, over changes and restarts
method ListHits() -> (hits: []Hit)

# What the daemon counts, as Prometheus reads it: text format 0.0.4
method GetMetrics() -> (metrics: string)

# Everything this node knows, page by page: an object that changes meanwhile comes again on a later page
method GetFacts() -> (facts: Facts)
method ListObjects(from: ?int) -> (page: Page)

# Compares what is kept up to date with what is made from scratch; for root only
method CheckItself() -> (check: SelfCheck)

# A sample of what was denied, oldest first
method ListDrops(after: ?int, limit: ?int) -> (page: DropPage)

# What the table in force does to a packet
method JudgePacket(packet: Packet) -> (verdict: PacketVerdict)

# Writes files into the policy directory and removes others, as one change; for root only. With confirm_ms it is undone
# after that time unless Confirm comes
method Apply(files: []File, remove: ?[]string, confirm_ms: ?int) -> (report: ChangeReport)
method Confirm() -> (report: ChangeReport)

# Lets through a change of host policy that the lock-out guard holds; for root only
method Release() -> (report: ChangeReport)

# To the policy directory of that generation; without one, the change that waits is undone, or else the last one
method Rollback(generation: ?int, confirm_ms: ?int) -> (report: ChangeReport)

# What was in force, the newest first
method ListGenerations(limit: ?int) -> (generations: []Generation)
method GetGeneration(generation: int) -> (generation: Generation)
# What the policy directory held in a generation
method GetFiles(generation: int) -> (files: []File)

# Why a method did nothing: reason is denied, malformed, conflict, not_found, busy, exhausted, unavailable, unsupported or
# internal
error Refused (reason: string, message: string)
)";

std::string invalid_parameter(const std::string& name) {
  return error_frame("org.varlink.service.InvalidParameter", {{"parameter", name}});
}

std::string method_not_found(const std::string& method) {
  return error_frame("org.varlink.service.MethodNotFound", {{"method", method}});
}

std::string interface_not_found(const std::string& name) {
  return error_frame("org.varlink.service.InterfaceNotFound", {{"interface", name}});
}

/// In the order of the enumeration.
constexpr std::array<std::string_view, 9> kErrorKinds = {"malformed", "unsupported", "not_found",   "conflict", "busy",
                                                         "denied",    "exhausted",   "unavailable", "internal"};

std::string refused(const Error& error) {
  return error_frame(std::string(kControlInterface) + ".Refused",
                     {{"reason", print_error_kind(error.kind)}, {"message", error.message}});
}

/// The name of the first parameter that is not among those `allowed`; empty if there is none.
std::string unexpected_parameter(const VarlinkCall& call, const std::vector<std::string>& allowed) {
  for (const auto& parameter : call.parameters.items()) {
    if (std::ranges::find(allowed, parameter.key()) == allowed.end()) return parameter.key();
  }
  return "";
}

std::string describe_interface(const VarlinkCall& call) {
  if (const std::string name = unexpected_parameter(call, {"interface"}); !name.empty()) return invalid_parameter(name);
  const auto wanted = call.parameters.find("interface");
  if (wanted == call.parameters.end() || !wanted->is_string()) return invalid_parameter("interface");
  const auto name = wanted->get<std::string>();
  if (name == kServiceInterface) return reply_frame({{"description", kServiceDefinition}});
  if (name == kControlInterface) return reply_frame({{"description", kControlDefinition}});
  return interface_not_found(name);
}

std::string respond_about_service(const VarlinkService& service, const VarlinkCall& call, const std::string& method) {
  if (method == "GetInterfaceDescription") return describe_interface(call);
  if (method != "GetInfo") return method_not_found(call.method);
  if (const std::string name = unexpected_parameter(call, {}); !name.empty()) return invalid_parameter(name);
  return reply_frame({{"vendor", "Tierwall"},
                      {"product", "tierwalld"},
                      {"version", service.version},
                      {"url", ""},
                      {"interfaces", Json::array({kServiceInterface, kControlInterface})}});
}

std::string respond_to_action(const VarlinkService::Action& action, const VarlinkCall& call, const Caller& caller) {
  if (const std::string parameter = unexpected_parameter(call, action.parameters); !parameter.empty()) {
    return invalid_parameter(parameter);
  }
  if (action.changes && !caller.may_change()) {
    return refused(
        {ErrorKind::Denied, "only root may change the policy; this is uid " + std::to_string(caller.uid), EPERM});
  }
  Result<Json> answer = action.answer(call.parameters, caller);
  return answer ? reply_frame(*std::move(answer)) : refused(answer.error());
}

std::string respond_to_control(const VarlinkService& service, const VarlinkCall& call, const std::string& name,
                               const Caller& caller) {
  if (const auto action = service.actions.find(name); action != service.actions.end()) {
    return respond_to_action(action->second, call, caller);
  }
  const auto method = service.methods.find(name);
  if (method == service.methods.end()) return method_not_found(call.method);
  if (const std::string parameter = unexpected_parameter(call, {}); !parameter.empty()) {
    return invalid_parameter(parameter);
  }
  Json parameters = Json::object();
  parameters[method->second.result] = method->second.answer();
  return reply_frame(std::move(parameters));
}

std::string respond_always(const VarlinkService& service, const VarlinkCall& call, const Caller& caller) {
  const std::size_t dot = call.method.rfind('.');
  if (dot == std::string::npos) return interface_not_found("");
  const std::string interface = call.method.substr(0, dot);
  const std::string method = call.method.substr(dot + 1);
  if (interface == kServiceInterface) return respond_about_service(service, call, method);
  if (interface == kControlInterface) return respond_to_control(service, call, method, caller);
  return interface_not_found(interface);
}

/// A flag that is absent is false; one of another type than boolean makes the call malformed.
bool read_flag(const Json& message, const char* name, bool& flag) {
  const auto found = message.find(name);
  if (found == message.end()) return true;
  if (!found->is_boolean()) return false;
  flag = found->get<bool>();
  return true;
}

/// Counts brackets outside of texts. The parser's own callback would tell as much, but costs the square of a list.
bool is_nested_deeper(std::string_view text, std::size_t most) {
  std::size_t depth = 0;
  bool in_quotes = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char byte = text[at];
    if (byte == '"') in_quotes = !in_quotes;
    if (in_quotes && byte == '\\') ++at;
    if (in_quotes) continue;
    if ((byte == '[' || byte == '{') && ++depth > most) return true;
    if ((byte == ']' || byte == '}') && depth > 0) --depth;
  }
  return false;
}

}  // namespace

Json parse_message(std::string_view text) {
  if (is_nested_deeper(text, kMaxMessageDepth)) return Json::value_t::discarded;
  return Json::parse(text, nullptr, false);
}

Result<VarlinkCall> parse_call(std::string_view message) {
  const Json json = parse_message(message);
  if (!json.is_object()) return malformed("the message is no JSON object");
  VarlinkCall call;
  const auto method = json.find("method");
  if (method == json.end() || !method->is_string()) return malformed("the message names no method");
  call.method = method->get<std::string>();
  const auto parameters = json.find("parameters");
  if (parameters != json.end() && !parameters->is_null()) {
    if (!parameters->is_object()) return malformed("the parameters are no JSON object");
    call.parameters = *parameters;
  }
  const bool flags = read_flag(json, "more", call.more) && read_flag(json, "oneway", call.oneway) &&
                     read_flag(json, "upgrade", call.upgrade);
  if (!flags) return malformed("a flag is not a boolean");
  return call;
}

std::string frame(const Json& message) {
  std::string text = message.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.push_back('\0');
  return text;
}

std::string reply_frame(Json parameters) {
  Json message = Json::object();
  message["parameters"] = std::move(parameters);
  return frame(message);
}

std::string error_frame(const std::string& error, Json parameters) {
  Json message = Json::object();
  message["error"] = error;
  message["parameters"] = std::move(parameters);
  return frame(message);
}

std::string_view print_error_kind(ErrorKind kind) {
  return kErrorKinds[static_cast<std::size_t>(kind)];
}

ErrorKind parse_error_kind(std::string_view word) {
  const auto found = std::ranges::find(kErrorKinds, word);
  return found == kErrorKinds.end() ? ErrorKind::Internal : static_cast<ErrorKind>(found - kErrorKinds.begin());
}

std::optional<std::string> respond(const VarlinkService& service, const VarlinkCall& call, const Caller& caller) {
  if (call.oneway) return std::nullopt;
  if (call.upgrade) return invalid_parameter("upgrade");
  return respond_always(service, call, caller);
}

std::string_view control_interface_definition() {
  return kControlDefinition;
}

}  // namespace tierwall::daemon
