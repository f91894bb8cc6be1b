#pragma once
// What the tests of the fake API server share: a server, a client that trusts it, and a few objects. Every test runs
// over HTTP/1.1 and over HTTP/2.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/fake_api/fake_api_server.h"
#include "tests/fake_api/test_client.h"

namespace tierwall::fake_api {

using nlohmann::json;

inline constexpr const char* kToken = "a-token";
inline constexpr const char* kNamespaces = "/api/v1/namespaces";
inline constexpr const char* kPods = "/api/v1/pods";
inline constexpr const char* kTiers = "/apis/crd.projectcalico.org/v1/tiers";

inline json namespace_named(const std::string& name, const std::string& mark = "x") {
  return {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}, {"labels", {{"mark", mark}}}}}};
}

inline json pod_on(const std::string& node, const std::string& name, const std::string& phase = "Running") {
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata", {{"name", name}, {"namespace", "shop"}}},
          {"spec", {{"nodeName", node}}},
          {"status", {{"phase", phase}}}};
}

inline std::vector<std::string> names_in(const json& list) {
  std::vector<std::string> names;
  for (const json& item : list.at("items")) names.push_back(item.at("metadata").at("name"));
  return names;
}

class FakeApi : public testing::TestWithParam<HttpVersion> {
 protected:
  FakeApi() {
    server.script().accept_token(kToken);
    client.settings.version = GetParam();
  }

  /// Starts a watch and waits until the server runs it, so that nothing later is part of its beginning.
  std::unique_ptr<Download> watch(const std::string& path, const std::string& query) {
    const std::size_t before = server.script().requests().size();
    auto download = client.begin(path + "?watch=1" + query);
    EXPECT_TRUE(client.run_until([&] {
      const std::vector<SeenRequest> seen = server.script().requests();
      return (seen.size() > before && seen.back().status != 0) || download->done;
    }));
    return download;
  }

  testing::AssertionResult reaches(const Download& download, const std::vector<std::string>& events) {
    if (client.run_until([&] { return download.events().size() >= events.size() || download.done; }) &&
        download.events() == events) {
      return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << testing::PrintToString(download.events()) << " instead of "
                                       << testing::PrintToString(events);
  }

  bool ends(const Download& download) {
    return client.run_until([&] { return download.done; });
  }

  static std::string at(const std::string& event, std::uint64_t version) {
    return event + "@" + std::to_string(version);
  }

  CertificateAuthority ca;
  CertificateAuthority client_ca{"Client CA"};
  FakeApiServer server{FakeApiServer::listen_on("127.0.0.1"),
                       {.server = ca.issue_server(), .client_ca = client_ca.certificate()}};
  TestClient client{{.url = server.url(), .ca = ca.certificate(), .token = kToken}};
};

inline std::string version_name(const testing::TestParamInfo<HttpVersion>& parameter) {
  return parameter.param == HttpVersion::Http1 ? "Http1" : "Http2";
}

}  // namespace tierwall::fake_api
