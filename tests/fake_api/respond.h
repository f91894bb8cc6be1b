#pragma once
// From request to answer: the handler chain of the API server, from authentication to the resource. Knows no socket.

#include <optional>
#include <string>

#include "tests/fake_api/answer.h"
#include "tests/fake_api/api_request.h"
#include "tests/fake_api/object_store.h"
#include "tests/fake_api/script.h"

namespace tierwall::fake_api {

/// A request on its way to an answer.
class Responder {
 public:
  /// Records the request.
  Responder(ObjectStore& store, Script& script, ApiRequest request);

  /// Absent: not yet; ask again after the next change, or in some milliseconds.
  std::optional<Answer> answer();

 private:
  [[nodiscard]] std::optional<Answer> refusal() const;
  [[nodiscard]] std::optional<Answer> resource_answer();
  [[nodiscard]] std::optional<Answer> watch_answer(const struct ResourcePath& path) const;

  ObjectStore& store_;
  Script& script_;
  ApiRequest request_;
  std::optional<std::string> user_;  ///< absent: refused credentials
  Clock::time_point arrived_;
  std::size_t number_;
  std::optional<Answer> refused_;
};

}  // namespace tierwall::fake_api
