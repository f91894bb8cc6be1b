#pragma once
// One request as libcurl wants it: every option that is set, and the words for what can go wrong. Private to the
// transport; the only place besides it that knows libcurl's easy interface.

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <curl/curl.h>

#include "daemon/sources/kubernetes/credentials.h"
#include "daemon/sources/kubernetes/http_transport.h"
#include "daemon/sources/kubernetes/kubeconfig.h"
#include "daemon/sources/kubernetes/server_url.h"

namespace tierwall::daemon {

struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeHeaders {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using CurlHeaders = std::unique_ptr<curl_slist, FreeHeaders>;

/// A handle with the memory it refers to. Not movable: libcurl holds addresses.
struct CurlRequest {
  CurlRequest() = default;
  CurlRequest(const CurlRequest&) = delete;
  CurlRequest& operator=(const CurlRequest&) = delete;

  CurlHeaders headers = {};
  CurlHeaders connect_to = {};
  std::array<char, CURL_ERROR_SIZE> error_text = {};
  std::unique_ptr<CURL, FreeEasy> easy = {};  ///< last: dies first
};

/// What the callbacks of one handle are called with. Both answer like libcurl's own; 0 for bytes ends the transfer.
struct CurlCallbacks {
  std::size_t (*header)(char* text, std::size_t size, std::size_t count, void* owner) = nullptr;
  std::size_t (*body)(char* bytes, std::size_t size, std::size_t count, void* owner) = nullptr;
  void* owner = nullptr;
};

/// Sets everything up. Exhausted without memory; Unsupported, naming the option, if the library lacks something that
/// safety depends on.
Result<std::unique_ptr<CurlRequest>> make_curl_request(const ServerAccess& access, const ServerUrl& url,
                                                       const std::string& user_agent, const HttpRequest& request,
                                                       const RequestCredentials& credentials,
                                                       const CurlCallbacks& callbacks);
/// Why a transfer failed, for people; holds no secrets.
Error explain_failure(const ServerAccess& access, CURLcode code, const CurlRequest& request);
/// "HTTP/2"; empty if unknown.
std::string http_version_of(CURL* easy);

}  // namespace tierwall::daemon
