#pragma once
// One request as it came in, whatever the HTTP version.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace tierwall::fake_api {

/// What the client's certificate says, if it sent one.
struct ClientCertificate {
  bool presented = false;
  bool verified = false;  ///< signed by the client CA and valid now
  std::string user{};     ///< CN
  std::string pem{};      ///< itself
};

struct ApiRequest {
  std::string method = "GET";
  std::string target{};                          ///< as sent: "/api/v1/pods?watch=1"
  std::string path{};                            ///< "/api/v1/pods"
  std::map<std::string, std::string> query{};    ///< decoded
  std::map<std::string, std::string> headers{};  ///< names in lower case
  std::string http_version = "1.1";              ///< or "2"
  std::uint64_t connection = 0;                  ///< which of all accepted, from 1
  ClientCertificate certificate{};
  std::string body{};  ///< of a write

  [[nodiscard]] std::string parameter(const std::string& name) const;  ///< "" if absent
  [[nodiscard]] std::string header(const std::string& name) const;     ///< "" if absent
  /// A parameter as the API server reads truth: 1, t, true.
  [[nodiscard]] bool flag(const std::string& name) const;
};

/// Fills target, path and query.
void set_target(ApiRequest& request, std::string_view target);

}  // namespace tierwall::fake_api
