#pragma once
// HttpTransport over libcurl on the sd-event loop: one connection pool, HTTP/2 where the server has it over TLS,
// HTTP/1.1 otherwise. Finds dead servers by keepalive, by a limit on connecting and by a limit on silence. Follows no
// redirects, asks for no compression and takes no proxy from the environment.
//
// Success in on_end() is libcurl's word for it, which is not always true: 7.88 takes an HTTP/2 stream that the server
// resets while another stream of the connection is busy for a complete one, and any version an HTTP/1.1 body without a
// length that is cut. So whoever reads a body checks that its last document is whole.

#include <memory>
#include <string>
#include <vector>

#include "daemon/clock.h"
#include "daemon/sources/kubernetes/exec_credential.h"
#include "daemon/sources/kubernetes/http_transport.h"
#include "daemon/sources/kubernetes/kubeconfig.h"
#include "systemd/event_loop.h"

namespace tierwall::daemon {

class CurlTransport final : public HttpTransport {
 public:
  /// `user_agent`: "tierwalld/0.1.0". Pre: the server of `access` is an address that parse_kubeconfig() would take.
  CurlTransport(systemd::EventLoop& loop, const Clock& clock, ServerAccess access, std::string user_agent,
                ExecLimits limits = {});
  /// Ends every exchange without a further callback; exchanges may outlive it. Not from inside a sink's callback.
  ~CurlTransport() override;

  /// An answer 401 is not delivered if fresher credentials can be had; the request is then sent once more with them.
  std::unique_ptr<HttpExchange> get(const HttpRequest& request, HttpSink& sink) override;

  /// What an operator should know: "TLS verification is off (...)", a token file that cannot be read any more.
  [[nodiscard]] std::vector<std::string> remarks() const;
  /// Of the last answer: "HTTP/2", "HTTP/1.1"; empty before the first.
  [[nodiscard]] const std::string& last_http_version() const;
  /// "https://10.0.0.1:6443"
  [[nodiscard]] const std::string& server() const;

 private:
  class Engine;
  std::unique_ptr<Engine> engine_;
};

}  // namespace tierwall::daemon
