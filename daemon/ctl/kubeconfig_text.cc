#include "daemon/ctl/kubeconfig_text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "daemon/sources/kubernetes/base64.h"
#include "daemon/sources/kubernetes/kubeconfig.h"

namespace tierwall::daemon::ctl {

namespace {

std::string in_quotes(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string print_login(const NodeCredentials& credentials) {
  if (!credentials.token.empty()) return fmt::format("    token: {}\n", in_quotes(credentials.token.reveal()));
  return fmt::format("    client-certificate-data: {}\n    client-key-data: {}\n",
                     encode_base64(credentials.certificate), encode_base64(credentials.key.reveal()));
}

}  // namespace

Result<Secret> print_kubeconfig(const NodeCredentials& credentials, const std::string& path) {
  Secret text(
      fmt::format("apiVersion: v1\n"
                  "kind: Config\n"
                  "clusters:\n"
                  "- name: cluster\n"
                  "  cluster:\n"
                  "    server: {}\n"
                  "    certificate-authority-data: {}\n"
                  "users:\n"
                  "- name: tierwall\n"
                  "  user:\n"
                  "{}"
                  "contexts:\n"
                  "- name: tierwall\n"
                  "  context: {{cluster: cluster, user: tierwall}}\n"
                  "current-context: tierwall\n",
                  in_quotes(credentials.server), encode_base64(credentials.ca), print_login(credentials)));
  if (const auto read = parse_kubeconfig(text.reveal(), path); !read) return read.error();
  return text;
}

}  // namespace tierwall::daemon::ctl
