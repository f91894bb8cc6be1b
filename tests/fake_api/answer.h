#pragma once
// An answer on its way: head, and a body that is asked for its next piece again and again, because a watch has no end.
// The connections pull; nothing here blocks or knows a socket.

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace tierwall::fake_api {

using Clock = std::chrono::steady_clock;

/// How a connection or stream ends badly.
enum class Cut {
  Reset,        ///< TCP RST; what was not yet received is lost
  Fin,          ///< the TCP connection just ends, without TLS's goodbye: the server process died
  StreamError,  ///< HTTP/2: RST_STREAM of this answer only; HTTP/1.1 has no such thing and takes Fin
  QuietReset,   ///< the same with NO_ERROR, which some clients take for the end of the answer
  LooksWhole,   ///< whole answers only, not badly for HTTP: it ends in its middle as if that were its end
};

struct Piece {
  std::string bytes{};       ///< empty: nothing to send now
  bool end = false;          ///< the answer is complete after these bytes
  std::optional<Cut> cut{};  ///< it ends badly after these bytes
};

class Body {
 public:
  virtual ~Body() = default;
  virtual Piece next(Clock::time_point now) = 0;
  /// When next() is to be asked again although nothing was written and no test has said anything.
  [[nodiscard]] virtual Clock::time_point due() const { return Clock::time_point::max(); }
};

struct Answer {
  int status = 200;
  std::string content_type = "application/json";
  std::map<std::string, std::string> headers{};  ///< beside those that every answer has
  std::optional<std::size_t> length{};           ///< absent: not known before the end
  std::unique_ptr<Body> body{};
};

/// With Content-Length if short, as Go's HTTP server does it: a handler's first 2 KiB are buffered.
Answer whole_answer(int status, std::string content_type, std::string bytes);
/// The same answer, but it ends badly after that many bytes of its body.
Answer cut_after(Answer answer, std::size_t bytes, Cut how);
/// The same answer compressed: each piece is a gzip member of its own, as the server does with streamed lists.
Answer gzip_members(Answer answer);

}  // namespace tierwall::fake_api
