#pragma once
// The CLI's side of the control socket: one call, one answer (Varlink: JSON objects, each ended by a zero byte).

#include <chrono>
#include <string>
#include <string_view>

#include "daemon/control/status.h"
#include "policy/result.h"

namespace tierwall::daemon {

inline constexpr const char* kDefaultControlSocket = "/run/tierwall/control.sock";
inline constexpr const char* kControlInterface = "io.tierwall.Control";

/// Calls `io.tierwall.Control.METHOD` and gives back the reply's parameters. Unavailable: nobody listens there. Denied:
/// no permission on the socket. Malformed: the answer makes no sense. A Varlink error reply becomes NotFound or
/// Internal with its name and text; one that says why nothing was done becomes that Error again, with errno 0.
Result<Json> call(const std::string& socket_path, const std::string& method, const Json& parameters,
                  std::chrono::milliseconds timeout = std::chrono::seconds(5));

/// What one reply without its zero byte says: call()'s answer to it.
Result<Json> read_answer(std::string_view text);

}  // namespace tierwall::daemon
