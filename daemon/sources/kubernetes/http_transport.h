#pragma once
// The door to the API server: one GET at a time, answered piece by piece. Implemented by CurlTransport (real TLS over
// libcurl) and by a fake that scripts answers. Which server, which credentials and which proxy is the transport's
// business; what is asked and what the answer means is the caller's.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "policy/result.h"

namespace tierwall::daemon {

struct HttpRequest {
  std::string target = {};  ///< path and query: "/api/v1/pods?watch=1"
  std::string accept = "application/json";
  /// No byte for so long ends the exchange with Unavailable. Zero: the transport's own limit for short answers.
  std::chrono::milliseconds silence_limit{0};

  friend bool operator==(const HttpRequest&, const HttpRequest&) = default;
};

struct HttpHead {
  int status = 0;
  std::string content_type = {};
  std::optional<std::chrono::seconds> retry_after = {};

  friend bool operator==(const HttpHead&, const HttpHead&) = default;
};

/// Who asked. Called on the loop's thread: on_head at most once, then on_body any number of times, then on_end once.
class HttpSink {
 public:
  virtual ~HttpSink() = default;

  virtual void on_head(const HttpHead& head) = 0;
  virtual void on_body(std::string_view bytes) = 0;
  /// The last call. Success: the answer is complete, whatever its status. Unavailable: no server, TLS refused, cut in
  /// the middle, silent for too long; Denied: no usable credentials. Exchanges end without it when they are destroyed.
  virtual void on_end(const Result<void>& result) = 0;
};

/// A request under way. Destroying it cancels it; that is allowed inside a callback of its own, too, and no callback
/// follows.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;
};

class HttpTransport {
 public:
  virtual ~HttpTransport() = default;

  /// Never calls the sink before it returns. The sink outlives the exchange.
  virtual std::unique_ptr<HttpExchange> get(const HttpRequest& request, HttpSink& sink) = 0;
};

}  // namespace tierwall::daemon
