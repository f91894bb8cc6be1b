#include "daemon/sources/kubernetes/kubeconfig.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include <sys/stat.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "daemon/sources/decode_reader.h"
#include "daemon/sources/kubernetes/base64.h"
#include "daemon/sources/kubernetes/server_url.h"
#include "daemon/sources/load_world.h"
#include "daemon/sources/read_yaml.h"

namespace tierwall::daemon {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kExecExtension = "client.authentication.k8s.io/exec";
constexpr std::string_view kKubeletFolder = "/var/lib/kubelet/";
constexpr std::string_view kKubeletConfigName = "kubelet.conf";
constexpr std::string_view kNodeUserPrefix = "system:node:";
constexpr std::string_view kServiceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount/";

// ---- from the document to texts ------------------------------------------------------------------------------

/// Everything the readers below share: where relative paths begin, and what is filled in.
struct Reading {
  fs::path folder;
  ServerAccess access;
  bool kubelet = false;      ///< these are a kubelet's own credentials
  bool unsupported = false;  ///< a login method that no longer exists
};

FieldRow text_row(std::string_view name, std::string& value) {
  return {name, [&value](const Cursor& at) { value = at.text().value_or(""); }};
}

/// A secret's text never comes into a message, not even when it is a number.
std::string secret_text(const Cursor& at) {
  const bool readable = at.node().kind == Node::Kind::Scalar && scalar_type(at.node()) == ScalarType::String;
  if (!readable) at.error("must be text; write it in quotes");
  return readable ? at.node().text : std::string();
}

FieldRow secret_row(std::string_view name, Secret& value) {
  return {name, [&value](const Cursor& at) { value = Secret(secret_text(at)); }};
}

FieldRow header_secret_row(std::string_view name, Secret& value) {
  return {name, [&value](const Cursor& at) {
            value = Secret(secret_text(at));
            if (!is_header_text(value.reveal())) at.error("holds a line break or a control character");
          }};
}

FieldRow header_row(std::string_view name, std::string& value) {
  return {name, [&value](const Cursor& at) {
            value = at.text().value_or("");
            if (!is_header_text(value)) at.error("holds a line break or a control character");
          }};
}

FieldRow flag_row(std::string_view name, bool& value) {
  return {name, [&value](const Cursor& at) { value = at.boolean().value_or(false); }};
}

FieldRow path_row(std::string_view name, std::string& value, const fs::path& folder) {
  return {name, [&value, &folder](const Cursor& at) {
            const std::string path = at.text().value_or("");
            if (!path.empty()) value = (folder / path).lexically_normal().string();
          }};
}

/// The decoded PEM text; empty, after an error, if it is none.
std::string pem_data(const Cursor& at) {
  const auto pem = decode_base64(secret_text(at));
  if (!pem)
    at.error("is not base64");
  else if (!pem->empty() && pem->find("-----BEGIN ") == std::string::npos)
    at.error("is base64, but not of PEM text (-----BEGIN ...)");
  return pem.value_or("");
}

FieldRow pem_row(std::string_view name, std::string& value) {
  return {name, [&value](const Cursor& at) { value = pem_data(at); }};
}

FieldRow secret_pem_row(std::string_view name, Secret& value) {
  return {name, [&value](const Cursor& at) { value = Secret(pem_data(at)); }};
}

std::vector<std::string> text_items(const Cursor& at, bool in_header) {
  std::vector<std::string> texts;
  for (const Cursor& item : at.items().value_or(std::vector<Cursor>())) {
    texts.push_back(item.text().value_or(""));
    if (in_header && !is_header_text(texts.back())) item.error("holds a line break or a control character");
  }
  return texts;
}

nlohmann::json to_json(const Node& node) {
  switch (node.kind) {
    case Node::Kind::Null:
      return nullptr;
    case Node::Kind::Sequence: {
      auto list = nlohmann::json::array();
      for (const Node& item : node.items) list.push_back(to_json(item));
      return list;
    }
    case Node::Kind::Map: {
      auto object = nlohmann::json::object();
      for (const Field& field : node.fields) object[field.key] = to_json(field.value);
      return object;
    }
    case Node::Kind::Scalar:
      break;
  }
  if (const auto flag = to_bool(node)) return *flag;
  if (const auto integer = to_integer(node)) return *integer;
  if (const auto number = to_number(node)) return *number;
  return node.text;
}

std::string print_json(const Node& node) {
  return to_json(node).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// ---- cluster -------------------------------------------------------------------------------------------------

void read_server(const Cursor& at, ServerAccess& access) {
  access.server = at.text().value_or("");
  const auto url = parse_server_url(access.server);
  if (!url) return at.error(url.error().message);
  while (access.server.ends_with('/')) access.server.pop_back();
  if (url->scheme == "http") access.remarks.push_back(fmt::format("traffic is not encrypted ({})", at.path()));
}

void read_proxy(const Cursor& at, ServerAccess& access) {
  access.proxy_url = Secret(secret_text(at));
  if (access.proxy_url.empty()) return;
  if (const auto checked = check_proxy_url(access.proxy_url.reveal()); !checked) at.error(checked.error().message);
}

std::string read_cluster_extension(const Cursor& extensions) {
  for (const Cursor& item : extensions.items().value_or(std::vector<Cursor>())) {
    const Node* name = item.node().find("name");
    const Node* content = item.node().find("extension");
    if (name != nullptr && name->text == kExecExtension && content != nullptr) return print_json(*content);
  }
  return {};
}

/// Answers the JSON that exec plugins get about this cluster.
std::string read_cluster(const Cursor& at, Reading& reading) {
  ServerAccess& access = reading.access;
  std::string exec_config;
  read_fields(at,
              {{"server", [&](const Cursor& field) { read_server(field, access); }},
               text_row("tls-server-name", access.tls_server_name),
               flag_row("insecure-skip-tls-verify", access.insecure),
               path_row("certificate-authority", access.ca_file, reading.folder),
               pem_row("certificate-authority-data", access.ca_data),
               {"proxy-url", [&](const Cursor& field) { read_proxy(field, access); }},
               flag_row("disable-compression", access.disable_compression),
               {"extensions", [&](const Cursor& field) { exec_config = read_cluster_extension(field); }}},
              UnknownFields::Ignored);
  if (!at.find("server")) at.missing("server");
  if (!access.ca_data.empty()) access.ca_file.clear();
  const auto insecure = at.find("insecure-skip-tls-verify");
  if (access.insecure && insecure) {
    if (!access.ca_data.empty() || !access.ca_file.empty())
      insecure->error("conflicts with certificate-authority; remove one of them");
    access.remarks.push_back(fmt::format("TLS verification is off ({})", insecure->path()));
  }
  return exec_config;
}

// ---- user ----------------------------------------------------------------------------------------------------

void read_environment(const Cursor& at, ExecPlugin& plugin) {
  for (const Cursor& item : at.items().value_or(std::vector<Cursor>())) {
    EnvironmentVariable variable;
    if (!read_fields(item, {text_row("name", variable.name), secret_row("value", variable.value)},
                     UnknownFields::Ignored))
      continue;
    const bool usable = !variable.name.empty() && variable.name.find('=') == std::string::npos &&
                        variable.name.find('\0') == std::string::npos;
    if (!usable) item.missing("name", "a name without '='");
    plugin.environment.push_back(std::move(variable));
  }
}

void read_interactive_mode(const Cursor& at) {
  enum class Mode { Never, IfAvailable, Always };
  constexpr Choice<Mode> kModes[] = {
      {"Never", Mode::Never}, {"IfAvailable", Mode::IfAvailable}, {"Always", Mode::Always}};
  if (read_choice(at, kModes) == Mode::Always) at.error("a plugin that always asks a person is of no use to a daemon");
}

void read_api_version(const Cursor& at, ExecPlugin& plugin) {
  constexpr Choice<const char*> kVersions[] = {
      {"client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1"},
      {"client.authentication.k8s.io/v1beta1", "client.authentication.k8s.io/v1beta1"}};
  if (const auto version = read_choice(at, kVersions)) plugin.api_version = *version;
}

void read_command(const Cursor& at, ExecPlugin& plugin, const fs::path& folder) {
  plugin.command = at.text().value_or("");
  if (plugin.command.find('/') != std::string::npos)
    plugin.command = (folder / plugin.command).lexically_normal().string();
}

void read_exec(const Cursor& at, Reading& reading) {
  ExecPlugin& plugin = reading.access.exec.emplace();
  read_fields(at,
              {{"command", [&](const Cursor& field) { read_command(field, plugin, reading.folder); }},
               {"args", [&](const Cursor& field) { plugin.arguments = text_items(field, false); }},
               {"env", [&](const Cursor& field) { read_environment(field, plugin); }},
               {"apiVersion", [&](const Cursor& field) { read_api_version(field, plugin); }},
               text_row("installHint", plugin.install_hint),
               flag_row("provideClusterInfo", plugin.provide_cluster_info),
               {"interactiveMode", read_interactive_mode}},
              UnknownFields::Ignored);
  if (!at.find("command")) at.missing("command");
  if (!at.find("apiVersion")) at.missing("apiVersion");
  if (plugin.api_version.ends_with("/v1") && !at.find("interactiveMode"))
    at.missing("interactiveMode", "Never or IfAvailable");
}

void read_extra(const Cursor& at, Impersonation& impersonation) {
  if (!at.is_object()) return;
  for (const Field& field : at.node().fields) impersonation.extra[field.key] = text_items(at.child(field), true);
}

void check_pair(const Cursor& user, const ServerAccess& access) {
  const bool certificate = !access.client_certificate_file.empty() || !access.client_certificate_data.empty();
  const bool key = !access.client_key_file.empty() || !access.client_key_data.empty();
  if (certificate && !key) user.missing("client-key", "client-certificate is of no use without it");
  if (key && !certificate) user.missing("client-certificate", "client-key is of no use without it");
}

/// One way to say who we are must be left.
void settle_login(const Cursor& user, ServerAccess& access) {
  const bool token = !access.token.empty() || !access.token_file.empty();
  const bool password = !access.username.empty() || !access.password.empty();
  if (!access.token_file.empty()) access.token = {};
  if (token && password) user.error("token and username are two ways to log in; remove one of them");
  if ((token || password) && access.exec) {
    access.exec.reset();
    access.remarks.push_back(
        fmt::format("{}.exec is not used, because a {} is given", user.path(), token ? "token" : "user name"));
  }
  const Impersonation& as = access.impersonation;
  if (as.user.empty() && (!as.uid.empty() || !as.groups.empty() || !as.extra.empty()))
    user.missing("as", "as-uid, as-groups and as-user-extra need it");
  const bool certificate = !access.client_certificate_file.empty() || !access.client_certificate_data.empty();
  if (!token && !password && !certificate && !access.exec)
    access.remarks.push_back(fmt::format("{} has no credentials: requests are anonymous", user.path()));
}

/// The node authorizer shows a kubelet its own pods only, and no policies, whatever RBAC says.
void refuse_kubelet(const Cursor& at, std::string_view evidence, Reading& reading) {
  reading.kubelet = true;
  at.error(
      fmt::format("{}; the API server's node authorizer shows a kubelet no namespaces and no policies, so use a "
                  "service account's token or a client certificate made for tierwall",
                  evidence));
}

void check_not_kubelet(const Cursor& user, Reading& reading) {
  const ServerAccess& access = reading.access;
  for (const char* field : {"client-certificate", "client-key", "tokenFile"}) {
    const std::string& path = field == std::string_view("client-certificate") ? access.client_certificate_file
                              : field == std::string_view("client-key")       ? access.client_key_file
                                                                              : access.token_file;
    if (path.starts_with(kKubeletFolder)) return refuse_kubelet(*user.find(field), "is the kubelet's own", reading);
  }
}

void read_user(const Cursor& at, Reading& reading) {
  ServerAccess& access = reading.access;
  Impersonation& as = access.impersonation;
  const auto refuse_provider = [&](const Cursor& field) {
    reading.unsupported = true;
    field.error("Kubernetes removed these login methods in 1.26; use exec, tokenFile or a client certificate");
  };
  read_fields(at,
              {path_row("client-certificate", access.client_certificate_file, reading.folder),
               pem_row("client-certificate-data", access.client_certificate_data),
               path_row("client-key", access.client_key_file, reading.folder),
               secret_pem_row("client-key-data", access.client_key_data),
               header_secret_row("token", access.token),
               path_row("tokenFile", access.token_file, reading.folder),
               header_row("as", as.user),
               header_row("as-uid", as.uid),
               {"as-groups", [&](const Cursor& field) { as.groups = text_items(field, true); }},
               {"as-user-extra", [&](const Cursor& field) { read_extra(field, as); }},
               text_row("username", access.username),
               secret_row("password", access.password),
               {"auth-provider", refuse_provider},
               {"exec", [&](const Cursor& field) { read_exec(field, reading); }}},
              UnknownFields::Ignored);
  if (!access.client_certificate_data.empty()) access.client_certificate_file.clear();
  if (!access.client_key_data.empty()) access.client_key_file.clear();
  check_pair(at, access);
  check_not_kubelet(at, reading);
  settle_login(at, access);
}

// ---- the file ------------------------------------------------------------------------------------------------

/// The entry of `list` with that name. Absent after an error.
std::optional<Cursor> find_entry(const Cursor& root, std::string_view list, std::string_view name) {
  const auto field = root.find(list);
  std::optional<Cursor> found;
  for (const Cursor& item : field ? field->items().value_or(std::vector<Cursor>()) : std::vector<Cursor>()) {
    const Node* key = item.node().find("name");
    if (key == nullptr || key->kind != Node::Kind::Scalar || key->text != name) continue;
    if (found) item.error(fmt::format("the name {} stands twice", quote(name)));
    if (!found) found = item;
  }
  if (!found) {
    const std::string message = fmt::format("there is no entry with the name {}", quote(name));
    field ? field->error(message) : root.missing(list, message);
  }
  return found;
}

/// The name of the context to use; empty after an error.
std::string choose_context(const Cursor& root, std::string_view wanted) {
  if (!wanted.empty()) return std::string(wanted);
  const auto named = root.find("current-context");
  if (named && !named->node().text.empty()) return named->text().value_or("");
  root.missing("current-context", "or name a context in tierwall's configuration");
  return {};
}

void read_user_entry(const Cursor& root, const std::string& name, Reading& reading) {
  const auto entry = find_entry(root, "users", name);
  if (!entry) return;
  if (name.starts_with(kNodeUserPrefix)) refuse_kubelet(*entry, "is a kubelet's own user", reading);
  // `user:` with nothing behind it is a user without credentials.
  static const Field kNoCredentials = [] {
    Field field;
    field.key = "user";
    field.value.kind = Node::Kind::Map;
    return field;
  }();
  read_user(entry->find("user").value_or(entry->child(kNoCredentials)), reading);
}

void read_access(const Cursor& root, std::string_view wanted, Reading& reading) {
  report_repeated_keys(root);
  if (const auto kind = root.find("kind"); kind && kind->node().text != "Config")
    return kind->error(fmt::format("must be Config, but is {}", describe(kind->node())));
  reading.access.context = choose_context(root, wanted);
  if (reading.access.context.empty()) return;
  const auto context_entry = find_entry(root, "contexts", reading.access.context);
  if (!context_entry) return;
  const auto context = context_entry->find("context");
  if (!context) return context_entry->missing("context");
  std::string cluster_name;
  std::string user_name;
  read_fields(*context, {text_row("cluster", cluster_name), text_row("user", user_name)}, UnknownFields::Ignored);
  if (cluster_name.empty()) return context->missing("cluster");

  std::string exec_config;
  if (const auto entry = find_entry(root, "clusters", cluster_name)) {
    const auto cluster = entry->find("cluster");
    if (cluster)
      exec_config = read_cluster(*cluster, reading);
    else
      entry->missing("cluster");
  }
  if (!user_name.empty()) read_user_entry(root, user_name, reading);
  if (user_name.empty())
    reading.access.remarks.push_back(fmt::format("{} names no user: requests are anonymous", context->path()));
  if (reading.access.exec) reading.access.exec->cluster_config = std::move(exec_config);
}

std::string print(const policy::Diagnostic& diagnostic) {
  std::string text = diagnostic.where.file;
  if (diagnostic.where.line > 0) text += fmt::format(":{}", diagnostic.where.line);
  if (!diagnostic.field.empty()) text += ": " + diagnostic.field;
  return text + ": " + diagnostic.message;
}

/// The first error; the others are only counted, because one line is all there is.
Error first_error(const std::vector<policy::Diagnostic>& findings, ErrorKind kind) {
  const auto is_error = [](const policy::Diagnostic& one) { return one.severity == policy::Severity::Error; };
  const auto first = std::find_if(findings.begin(), findings.end(), is_error);
  const auto count = std::count_if(findings.begin(), findings.end(), is_error);
  TIERWALL_CHECK(first != findings.end());
  return {kind, print(*first) + (count > 1 ? fmt::format(" (and {} more)", count - 1) : ""), 0};
}

bool is_kubelet_file(const std::string& path) {
  return path.starts_with(kKubeletFolder) || fs::path(path).filename() == kKubeletConfigName;
}

Error error_in(const std::string& path, std::string_view message) {
  return malformed(fmt::format("{}: {}", path, message));
}

bool exists(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0;
}

}  // namespace

bool is_header_text(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
  });
}

Result<ServerAccess> parse_kubeconfig(std::string_view text, const std::string& path, std::string_view context) {
  const DocumentStream stream = read_yaml(text, path);
  if (!stream.problems.empty()) return first_error(stream.problems, ErrorKind::Malformed);
  if (stream.documents.empty()) return error_in(path, "is empty");
  if (stream.documents.size() > 1) return error_in(path, "holds more than one document");

  Findings findings(path);
  const Cursor root(stream.documents.front(), findings);
  Reading reading;
  reading.folder = fs::path(path).parent_path();
  reading.access.origin = path;
  if (is_kubelet_file(path)) {
    refuse_kubelet(root, "is the kubelet's own kubeconfig", reading);
  } else if (root.is_object()) {
    read_access(root, context, reading);
  }
  if (findings.errors() > 0) {
    const ErrorKind kind = reading.kubelet       ? ErrorKind::Denied
                           : reading.unsupported ? ErrorKind::Unsupported
                                                 : ErrorKind::Malformed;
    return first_error(findings.take(""), kind);
  }
  return std::move(reading.access);
}

Result<ServerAccess> read_kubeconfig(const std::string& path, std::string_view context) {
  const auto text = read_file(path);
  if (!text) return text.error();
  return parse_kubeconfig(*text, path, context);
}

Result<ServerAccess> in_cluster_access(const EnvironmentLookup& lookup, const std::string& root) {
  const std::string host = lookup("KUBERNETES_SERVICE_HOST").value_or("");
  const std::string port = lookup("KUBERNETES_SERVICE_PORT").value_or("");
  if (host.empty() || port.empty())
    return Error{ErrorKind::NotFound, "in-cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set", 0};
  const bool bare_ipv6 = host.find(':') != std::string::npos && host.front() != '[';
  ServerAccess access;
  access.origin = "in-cluster";
  access.server = fmt::format("https://{}:{}", bare_ipv6 ? "[" + host + "]" : host, port);
  if (const auto url = parse_server_url(access.server); !url)
    return url.error().in("in-cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT");
  const std::string folder = root + std::string(kServiceAccountFolder);
  access.token_file = folder + "token";
  if (!exists(access.token_file))
    return Error{ErrorKind::NotFound, fmt::format("in-cluster: {}: there is no such file", access.token_file), ENOENT};
  access.ca_file = folder + "ca.crt";
  if (!exists(access.ca_file)) {
    access.remarks.push_back(fmt::format("{} does not exist: the system's roots are trusted instead", access.ca_file));
    access.ca_file.clear();
  }
  return access;
}

}  // namespace tierwall::daemon
