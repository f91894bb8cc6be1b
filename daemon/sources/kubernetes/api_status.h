#pragma once
// What the API server says when it does not do what it was asked: an HTTP status, a Status object, or both. And the
// order of resource versions, the other word of its protocol that several parts must read alike.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/sources/document.h"
#include "daemon/sources/kubernetes/http_transport.h"
#include "daemon/sources/kubernetes/read_json.h"

namespace tierwall::daemon {

struct Refusal {
  int code = 0;             ///< as in HTTP
  std::string reason = {};  ///< "Expired"
  std::string message = {};
  std::optional<std::chrono::seconds> retry_after = {};

  friend bool operator==(const Refusal&, const Refusal&) = default;
};

/// A metav1.Status, which is also what an ERROR event of a watch carries.
Refusal read_status(const Node& status);
/// An answer other than 200: the body may be a Status, or any text.
Refusal read_refusal(const HttpHead& head, std::string_view body, JsonReader& reader);
/// "403 Forbidden: pods is forbidden: ..."
std::string print_refusal(const Refusal& refusal);

/// Compared as unsigned 64 bit numbers; false if either is none, because then nothing is known about their order.
bool is_older_version(std::string_view version, std::string_view than);

/// The text of a field; empty if it is absent or no scalar.
std::string text_field(const Node& node, std::string_view key);

}  // namespace tierwall::daemon
