#pragma once
// The Varlink wire format and the service the daemon offers with it, without a socket: one call comes in as text, the
// frame to send comes out. Messages are JSON objects, each ended by a zero byte.

#include <cstdint>
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

/// Lists and objects within each other. What copies, compares or prints a Json value calls itself for each.
inline constexpr std::size_t kMaxMessageDepth = 64;
/// The value of one message without its zero byte; discarded (is_discarded()) if it is no JSON in UTF-8 or deeper.
Json parse_message(std::string_view text);

/// One message without its zero byte. Malformed: it is no call, and the connection it came from is of no use any more.
Result<VarlinkCall> parse_call(std::string_view message);

/// The message and its zero byte. Bytes that are no UTF-8 (file names may hold them) are replaced.
std::string frame(const Json& message);
std::string reply_frame(Json parameters);
std::string error_frame(const std::string& error, Json parameters);

/// Who is at the other end, as the kernel recorded it when they connected.
struct Caller {
  std::uint32_t uid = kNobody;

  static constexpr std::uint32_t kNobody = 65534;
  /// May they change what the node lets through? Reading needs less.
  [[nodiscard]] bool may_change() const { return uid == 0; }
};

/// Who answers. Most methods of our interface take no parameters and give one named result.
struct VarlinkService {
  struct Method {
    std::string result;  ///< "status"
    std::function<Json()> answer;
  };
  /// A method with parameters, or one that changes something.
  struct Action {
    std::vector<std::string> parameters;  ///< that may be given
    bool changes = false;                 ///< only those who may_change() get an answer
    /// The reply's parameters, an object. An Error becomes io.tierwall.Control.Refused.
    std::function<Result<Json>(const Json& parameters, const Caller& caller)> answer;
  };

  std::string version;
  std::map<std::string, Method> methods;       ///< by name within io.tierwall.Control: "GetStatus"
  std::map<std::string, Action> actions = {};  ///< likewise
};

/// The reply to a call; absent if the caller wants none: nothing is done then, either. `more` is answered
/// with a single, final reply.
std::optional<std::string> respond(const VarlinkService& service, const VarlinkCall& call, const Caller& caller = {});

/// The words for a kind of error in io.tierwall.Control.Refused, and back; Internal for a word nobody knows.
std::string_view print_error_kind(ErrorKind kind);
ErrorKind parse_error_kind(std::string_view word);

/// The definition of io.tierwall.Control in Varlink's own language.
std::string_view control_interface_definition();

}  // namespace tierwall::daemon
