#pragma once
// HTTP on one connection, as bytes in and bytes out: version 1.1 and version 2 behind one interface.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tests/fake_api/answer.h"
#include "tests/fake_api/api_request.h"
#include "tests/fake_api/object_store.h"
#include "tests/fake_api/script.h"

namespace tierwall::fake_api {

/// What the requests of a connection have to do with. All of it outlives the protocol.
struct Front {
  ObjectStore* store = nullptr;
  Script* script = nullptr;
  std::uint64_t connection = 0;
  ClientCertificate certificate{};
};

class Protocol {
 public:
  static constexpr std::size_t kOutputLimit = 64 * 1024;
  /// How often a request that waits for a resourceVersion of the future is looked at.
  static constexpr std::chrono::milliseconds kPatience{20};

  virtual ~Protocol() = default;
  /// False: what arrived is not HTTP; the connection is to be closed.
  virtual bool receive(std::string_view bytes) = 0;
  /// Appends what there is to send, until there are kOutputLimit bytes or so.
  virtual void produce(std::string& out, Clock::time_point now) = 0;
  /// When to produce again although nothing arrived and nobody called.
  [[nodiscard]] virtual Clock::time_point due() const = 0;
  /// Once all output is sent the connection is to be closed.
  [[nodiscard]] virtual bool finished() const = 0;
  /// Once all output is sent the connection is to end like this.
  [[nodiscard]] virtual std::optional<Cut> cut() const = 0;
  /// Asks the client to take its next requests elsewhere; those under way go on.
  virtual void go_away() = 0;
};

std::unique_ptr<Protocol> make_http1(const Front& front);
std::unique_ptr<Protocol> make_http2(const Front& front);

/// The headers that every answer of the API server has, names in lower case, content-type included.
std::map<std::string, std::string> head_of(const Answer& answer);

}  // namespace tierwall::fake_api
