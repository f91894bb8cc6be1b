#pragma once
// A client of the fake API server for its own tests: libcurl, driven from the test's thread, several downloads at once
// on shared connections.

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <curl/curl.h>
#include <nlohmann/json.hpp>

#include "tests/fake_api/test_pki.h"

namespace tierwall::fake_api {

enum class HttpVersion { Http1, Http2 };

struct ClientSettings {
  std::string url{};  ///< of the server
  std::string ca{};   ///< PEM
  std::string token{};
  CertifiedKey certificate{};
  HttpVersion version = HttpVersion::Http1;
  std::vector<std::string> headers{};
};

class TestClient;

/// One request and what has come back so far.
class Download {
 public:
  Download(const Download&) = delete;
  Download& operator=(const Download&) = delete;
  ~Download();

  bool done = false;
  CURLcode outcome = CURLE_OK;  ///< once done
  long status = 0;
  std::map<std::string, std::string> headers{};  ///< names in lower case
  std::string body{};

  [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(body); }
  /// "ADDED web@1003" for each whole line of a watch; an error is "ERROR 410 Expired", a bookmark "BOOKMARK @1003" with
  /// "(initial end)" behind it where it is one.
  [[nodiscard]] std::vector<std::string> events() const;
  [[nodiscard]] long http_version() const;  ///< CURL_HTTP_VERSION_*

 private:
  friend class TestClient;
  Download(TestClient& client, const std::string& target);

  TestClient& client_;
  std::unique_ptr<CURL, void (*)(CURL*)> easy_;
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> header_list_;
};

class TestClient {
 public:
  explicit TestClient(ClientSettings settings);

  std::unique_ptr<Download> begin(const std::string& target);
  /// Begins and waits for the end.
  std::unique_ptr<Download> get(const std::string& target);
  /// Moves all downloads on until the condition holds. False: the time is over.
  bool run_until(const std::function<bool()>& condition, std::chrono::milliseconds timeout = std::chrono::seconds(10));

  ClientSettings settings;  ///< of the next download

 private:
  friend class Download;
  std::unique_ptr<CURLM, CURLMcode (*)(CURLM*)> multi_;
  std::map<CURL*, Download*> running_;
};

}  // namespace tierwall::fake_api
