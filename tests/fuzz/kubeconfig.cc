// kubeconfig files, and addresses of servers and proxies.

#include "daemon/sources/kubernetes/kubeconfig.h"

#include "daemon/sources/kubernetes/base64.h"
#include "daemon/sources/kubernetes/exec_credential.h"
#include "daemon/sources/kubernetes/server_url.h"
#include "tests/fuzz/target.h"

namespace tierwall::fuzz {

void kubeconfig(Bytes input) {
  const std::string text(text_of(input));
  static_cast<void>(daemon::check_proxy_url(text));
  if (const auto url = daemon::parse_server_url(text); url) {
    const std::string printed = url->scheme + "://" + url->authority() + url->path;
    const auto again = daemon::parse_server_url(printed);
    require(again && *again == *url, "an address is made of its parts", printed);
  }
  require(daemon::decode_base64(daemon::encode_base64(text)) == text, "base64 gives back what it was given");
  const Result<daemon::ServerAccess> access = daemon::parse_kubeconfig(text, "/etc/tierwall/kubeconfig");
  if (!access) return require(!access.error().message.empty(), "an error says what is wrong");
  require(static_cast<bool>(daemon::parse_server_url(access->server)), "the server can be asked", access->server);
  require(daemon::is_header_text(access->token.reveal()), "a token fits into a header");
  require(access->ca_file.empty() || access->ca_data.empty(), "one authority");
  require(access->token_file.empty() || access->token.empty(), "one token");
  // No files here: what they hold is another's.
  if (access->exec && access->ca_file.empty()) static_cast<void>(daemon::exec_info(*access));
}

}  // namespace tierwall::fuzz
