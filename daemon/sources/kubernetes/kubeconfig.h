#pragma once
// How to reach an API server: a kubeconfig file, or the environment of a pod -> one flat value. Follows kubectl's
// reading of the file, except where a daemon must not: no prompts, no environment proxies, no home directory.
//
// Nothing but the kubeconfig itself is read here. Files it names may appear later and change at any time; whoever uses
// them reads them.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/sources/kubernetes/secret.h"
#include "policy/result.h"

namespace tierwall::daemon {

struct EnvironmentVariable {
  std::string name = {};
  Secret value = {};

  friend bool operator==(const EnvironmentVariable&, const EnvironmentVariable&) = default;
};

/// A program that brings credentials.
struct ExecPlugin {
  std::string command = {};  ///< an absolute path, or a bare name that PATH finds
  std::vector<std::string> arguments = {};
  std::vector<EnvironmentVariable> environment = {};  ///< on top of the daemon's own
  std::string api_version = {};                       ///< "client.authentication.k8s.io/v1" or ".../v1beta1"
  std::string install_hint = {};                      ///< for people, if the program is missing
  bool provide_cluster_info = false;
  std::string cluster_config = {};  ///< JSON text from the cluster's extension; empty if there is none

  friend bool operator==(const ExecPlugin&, const ExecPlugin&) = default;
};

/// Whom the server shall take us for.
struct Impersonation {
  std::string user = {};
  std::string uid = {};
  std::vector<std::string> groups = {};
  std::map<std::string, std::vector<std::string>> extra = {};

  friend bool operator==(const Impersonation&, const Impersonation&) = default;
};

/// One server and who we are for it. Of each pair `_file` and `_data` at most one is set; paths are absolute if the
/// kubeconfig's path is.
struct ServerAccess {
  std::string origin = {};  ///< for messages: the kubeconfig's path, or "in-cluster"
  std::string context = {};
  std::string server = {};  ///< "https://10.0.0.1:6443"; a path is allowed, a slash at the end is cut off

  std::string tls_server_name = {};  ///< the name to expect in the certificate instead of the server's host
  bool insecure = false;             ///< any certificate is taken
  std::string ca_file = {};          ///< neither: the system's roots
  std::string ca_data = {};          ///< PEM
  Secret proxy_url = {};             ///< may carry a password
  bool disable_compression = false;

  std::string client_certificate_file = {};
  std::string client_certificate_data = {};  ///< PEM
  std::string client_key_file = {};
  Secret client_key_data = {};  ///< PEM
  Secret token = {};
  std::string token_file = {};
  std::string username = {};
  Secret password = {};
  Impersonation impersonation = {};
  std::optional<ExecPlugin> exec = {};

  std::vector<std::string> remarks = {};  ///< what an operator should know: "TLS verification is off (...)"

  friend bool operator==(const ServerAccess&, const ServerAccess&) = default;
};

/// `path` is for messages and for relative paths in the text. `context`: empty means current-context. Malformed, naming
/// file, line and field; Denied for a kubelet's own credentials, Unsupported for auth-provider.
Result<ServerAccess> parse_kubeconfig(std::string_view text, const std::string& path, std::string_view context = {});
/// Also NotFound, Denied or Exhausted if the file cannot be read.
Result<ServerAccess> read_kubeconfig(const std::string& path, std::string_view context = {});

using EnvironmentLookup = std::function<std::optional<std::string>(const std::string& name)>;
/// What a pod's service account gives. `root` stands before the paths of the mounted files. NotFound outside a pod.
Result<ServerAccess> in_cluster_access(const EnvironmentLookup& lookup, const std::string& root = {});

/// Whether the text can stand in an HTTP header as it is.
bool is_header_text(std::string_view text);

}  // namespace tierwall::daemon
