#include "daemon/ctl/kubeconfig_command.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <ostream>
#include <string_view>

#include <grp.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "daemon/changes/write_file.h"
#include "daemon/ctl/kubeconfig_text.h"
#include "daemon/ctl/structured_text.h"
#include "daemon/sources/load_world.h"

namespace tierwall::daemon::ctl {

namespace {

constexpr mode_t kOwnerWritesGroupReads = 0640;
constexpr const char* kUsage = "say --server URL --ca FILE, and either --token FILE or --certificate FILE --key FILE";

bool is_complete(const KubeconfigOptions& options) {
  const bool certificate = !options.certificate.empty() || !options.key.empty();
  const bool whole = !options.certificate.empty() && !options.key.empty();
  return !options.server.empty() && !options.ca.empty() && (options.token.empty() ? whole : !certificate);
}

/// `what`: "CERTIFICATE", or "KEY" for any form of private key.
Result<std::string> read_pem(const std::string& path, std::string_view what) {
  auto text = read_file(path);
  if (!text) return text.error();
  const std::size_t begin = text->find("-----BEGIN ");
  const std::size_t end = begin == std::string::npos ? begin : text->find("-----", begin + 11);
  if (end == std::string::npos || !text->substr(0, end).ends_with(what))
    return malformed(fmt::format("{}: holds no PEM text of a {}", path, what == "KEY" ? "private key" : "certificate"));
  return text;
}

Result<Secret> read_token(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return text.error();
  const auto is_space = [](unsigned char c) { return std::isspace(c) != 0; };
  const auto begin = std::ranges::find_if_not(*text, is_space);
  const auto end = std::find_if_not(text->rbegin(), text->rend(), is_space).base();
  if (begin == text->end()) return malformed(path + ": is empty");
  if (!std::all_of(begin, end, [](unsigned char c) { return std::isgraph(c) != 0; }))
    return malformed(path + ": is no token: it holds more than one word, or bytes that are not ASCII");
  return Secret(std::string(begin, end));
}

Result<NodeCredentials> read_credentials(const KubeconfigOptions& options) {
  NodeCredentials credentials{.server = options.server};
  auto ca = read_pem(options.ca, "CERTIFICATE");
  if (!ca) return ca.error();
  credentials.ca = *std::move(ca);
  if (!options.token.empty()) {
    auto token = read_token(options.token);
    if (!token) return token.error();
    credentials.token = *std::move(token);
    return credentials;
  }
  auto certificate = read_pem(options.certificate, "CERTIFICATE");
  if (!certificate) return certificate.error();
  auto key = read_pem(options.key, "KEY");
  if (!key) return key.error();
  credentials.certificate = *std::move(certificate);
  credentials.key = Secret(*std::move(key));
  return credentials;
}

Result<gid_t> find_group(const std::string& name) {
  std::array<char, 16384> memory{};
  group entry{};
  group* found = nullptr;
  if (getgrnam_r(name.c_str(), &entry, memory.data(), memory.size(), &found) != 0 || found == nullptr)
    return Error{
        ErrorKind::NotFound,
        fmt::format("there is no group '{}', which tierwalld reads the file as; name another with --group", name), 0};
  return entry.gr_gid;
}

int fail(const Context& context, int exit, const std::string& message) {
  print_failure(context, "kubeconfig", message);
  return exit;
}

}  // namespace

int kubeconfig_command(const KubeconfigOptions& options, const Context& context) {
  if (!is_complete(options)) return fail(context, exit_code::kBadInput, kUsage);
  if (!options.server.starts_with("https://"))
    return fail(context, exit_code::kBadInput, "--server: must begin with https://, for credentials go there");
  const auto credentials = read_credentials(options);
  if (!credentials) return fail(context, exit_code::kBadInput, credentials.error().message);
  const auto text = print_kubeconfig(*credentials, options.path);
  if (!text) return fail(context, exit_code::kBadInput, text.error().message);
  const auto group = find_group(options.group);
  if (!group) return fail(context, exit_code::kBadInput, group.error().message);
  const auto written = replace_file(options.path, text->reveal(), {.mode = kOwnerWritesGroupReads, .group = *group});
  if (!written) return fail(context, exit_code::kRefused, written.error().message);

  const std::string login = options.token.empty() ? "certificate" : "token";
  if (options.output == Output::Json) {
    const nlohmann::json answer{{"path", options.path}, {"server", options.server}, {"login", login}};
    context.out << print_structured(answer, Output::Json);
  } else {
    context.out << fmt::format("{}: reaches {} with a {}, readable by group {}\n", options.path, options.server, login,
                               options.group);
  }
  return exit_code::kOk;
}

}  // namespace tierwall::daemon::ctl
