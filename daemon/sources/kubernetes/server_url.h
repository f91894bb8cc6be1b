#pragma once
// The parts of an API server's address.

#include <string>

#include "policy/result.h"

namespace tierwall::daemon {

struct ServerUrl {
  std::string scheme = {};  ///< "https" or "http"
  std::string host = {};    ///< IPv6 addresses in brackets
  std::string port = {};    ///< always written, also where it is the scheme's own
  std::string path = {};    ///< before every request's target; empty or "/..." without a slash at the end

  /// "10.0.0.1:6443"
  [[nodiscard]] std::string authority() const { return host + ":" + port; }
  friend bool operator==(const ServerUrl&, const ServerUrl&) = default;
};

/// Malformed unless it is http or https with a host and without user name, query and fragment.
Result<ServerUrl> parse_server_url(const std::string& text);
/// Malformed unless it is an http, https, socks5 or socks5h proxy. The message never holds the text, which may carry a
/// password.
Result<void> check_proxy_url(const std::string& text);

}  // namespace tierwall::daemon
