#pragma once
// The Varlink wire format and the service the daemon offers with it, without a socket: one call comes in as text, the
// frame to send comes out. Messages are JSON objects, each ended by a zero byte.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/control/status.h"
#include "policy/result.h"

namespace tierwall::daemon {

struct VarlinkCall {
  std::string method;  ///< "io.tierwall.Control.GetStatus"
  Json parameters = Json::object();
  bool more = false;
  bool oneway = false;  ///< the caller wants no reply
  bool upgrade = false;

  friend bool operator==(const VarlinkCall&, const VarlinkCall&) = default;
};

/// One message without its zero byte. Malformed: it is no call, and the connection it came from is of no use any more.
Result<VarlinkCall> parse_call(std::string_view message);

/// The message and its zero byte. Bytes that are no UTF-8 (file names may hold them) are replaced.
std::string frame(const Json& message);
std::string reply_frame(Json parameters);
std::string error_frame(const std::string& error, Json parameters);

/// Who answers. The methods of our interface take no parameters and give one named result.
struct VarlinkService {
  struct Method {
    std::string result;  ///< "status"
    std::function<Json()> answer;
  };

  std::string version;
  std::map<std::string, Method> methods;  ///< by name within io.tierwall.Control: "GetStatus"
};

/// The reply to a call; absent if the caller wants none. `more` is answered with a single, final reply.
std::optional<std::string> respond(const VarlinkService& service, const VarlinkCall& call);

/// The definition of io.tierwall.Control in Varlink's own language.
std::string_view control_interface_definition();

}  // namespace tierwall::daemon
