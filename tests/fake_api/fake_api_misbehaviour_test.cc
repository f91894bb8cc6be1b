// The fake API server when it is told to go wrong: failures, cuts, slowness, certificates, GOAWAY. Each accident must
// look to a client as it does on a real wire, and must end when the test says so.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/fake_api/fake_api_fixture.h"

namespace tierwall::fake_api {
namespace {

using testing::IsEmpty;
using testing::StartsWith;

using FakeApiMisbehaving = FakeApi;
INSTANTIATE_TEST_SUITE_P(Versions, FakeApiMisbehaving, testing::Values(HttpVersion::Http1, HttpVersion::Http2),
                         version_name);

TEST_P(FakeApiMisbehaving, FailsAsOftenAsItIsTold) {
  server.script().fail_next(1, {.status = 429, .retry_after_seconds = 7});
  server.script().fail_next(1, {.status = 500, .path_prefix = "/apis"});
  const auto busy = client.get(kNamespaces);
  EXPECT_EQ(busy->status, 429);
  EXPECT_EQ(busy->headers["retry-after"], "7");
  EXPECT_EQ(client.get(kNamespaces)->status, 200);
  EXPECT_EQ(client.get("/apis")->json()["reason"], "InternalError");
}

TEST_P(FakeApiMisbehaving, CutsInsideAnObject) {
  const auto stream = watch(kNamespaces, "&resourceVersion=" + std::to_string(server.store().version()));
  server.script().cut_inside_next_event(Cut::Fin);
  server.store().put(namespace_named("a"));
  ASSERT_TRUE(ends(*stream));
  EXPECT_NE(stream->outcome, CURLE_OK);
  EXPECT_THAT(stream->body, StartsWith(R"({"type":"ADDED")"));
  EXPECT_THAT(stream->events(), IsEmpty());
  EXPECT_EQ(client.get(kNamespaces)->status, 200) << "the server lives on";
}

TEST_P(FakeApiMisbehaving, CutsAListAfterSoManyBytes) {
  server.store().put_giant(namespace_named("a"), 100'000);
  server.script().cut_next_answer_after(50'000, Cut::Fin, kNamespaces);
  const auto list = client.get(kNamespaces);
  EXPECT_NE(list->outcome, CURLE_OK);
  EXPECT_LE(list->body.size(), 50'000U);
  EXPECT_GT(client.get(kNamespaces)->body.size(), 100'000U);
}

TEST_P(FakeApiMisbehaving, EndsAListInItsMiddleAsIfItWereWhole) {
  server.store().put_giant(namespace_named("a"), 100'000);
  server.script().cut_next_answer_after(50'000, Cut::LooksWhole, kNamespaces);
  const auto list = client.get(kNamespaces);
  EXPECT_EQ(list->outcome, CURLE_OK);
  EXPECT_EQ(list->body.size(), 50'000U);
}

TEST_P(FakeApiMisbehaving, CutsAllConnections) {
  for (const Cut how : {Cut::Reset, Cut::Fin}) {
    const auto stream = watch(kNamespaces, "&resourceVersion=" + std::to_string(server.store().version()));
    server.cut_connections(how);
    ASSERT_TRUE(ends(*stream));
    EXPECT_NE(stream->outcome, CURLE_OK);
  }
  EXPECT_TRUE(server.script().wait_for([&] { return server.open_connections() == 0; }));
}

TEST_P(FakeApiMisbehaving, GiantObjectsArriveInSmallChunksToo) {
  server.script().behave({.chunk_bytes = 7});
  const auto stream = watch(kNamespaces, "&resourceVersion=" + std::to_string(server.store().version()));
  const std::uint64_t version = server.store().put_giant(namespace_named("a"), 300'000);
  EXPECT_TRUE(reaches(*stream, {at("ADDED a", version)}));
  EXPECT_GT(stream->body.size(), 300'000U);
}

TEST_P(FakeApiMisbehaving, SlowBytesArriveInTheEnd) {
  server.script().behave({.slow_bytes = 500, .slow_tick = std::chrono::milliseconds(1)});
  server.store().put_giant(namespace_named("a"), 20'000);
  const auto begun = Clock::now();
  EXPECT_GT(client.get(kNamespaces)->body.size(), 20'000U);
  EXPECT_GE(Clock::now() - begun, std::chrono::milliseconds(40));
}

TEST_P(FakeApiMisbehaving, AStalledServerSaysNothingAndHangsUpOnNobody) {
  const auto stream = watch(kNamespaces, "&resourceVersion=" + std::to_string(server.store().version()));
  ASSERT_TRUE(client.run_until([&] { return stream->status == 200; }));
  server.script().behave({.stalled = true});
  const std::uint64_t version = server.store().put(namespace_named("a"));
  EXPECT_FALSE(client.run_until([&] { return stream->done || !stream->body.empty(); }, std::chrono::milliseconds(50)));
  server.script().behave({});
  EXPECT_TRUE(reaches(*stream, {at("ADDED a", version)}));
}

TEST_P(FakeApiMisbehaving, RefusesConnectionsAndTakesThemAgainOnTheSamePort) {
  server.refuse_connections(true);
  EXPECT_EQ(client.get(kNamespaces)->outcome, CURLE_COULDNT_CONNECT);
  server.refuse_connections(false);
  EXPECT_EQ(client.get(kNamespaces)->status, 200);
}

TEST_P(FakeApiMisbehaving, ReplacesItsCertificate) {
  const CertificateAuthority foreign("Foreign CA");
  const std::vector<CertifiedKey> refused{foreign.issue_server(), ca.issue_server({}, Validity::expired()),
                                          ca.issue_server({.dns = {"other.example"}, .addresses = {}})};
  for (const CertifiedKey& certificate : refused) {
    server.replace_certificate(certificate);
    EXPECT_EQ(TestClient(client.settings).get(kNamespaces)->outcome, CURLE_PEER_FAILED_VERIFICATION);
  }
  server.replace_certificate(ca.issue_server());
  EXPECT_EQ(TestClient(client.settings).get(kNamespaces)->status, 200);
}

TEST_P(FakeApiMisbehaving, KeepsConnectionsOpen) {
  EXPECT_EQ(client.get(kNamespaces)->http_version(),
            GetParam() == HttpVersion::Http2 ? CURL_HTTP_VERSION_2_0 : CURL_HTTP_VERSION_1_1);
  client.get(kPods);
  client.get("/apis");
  EXPECT_EQ(server.accepted_connections(), 1U);
  EXPECT_EQ(server.script().count_requests("/api/v1/"), 2U);
}

using FakeApiHttp2 = FakeApi;
INSTANTIATE_TEST_SUITE_P(Version, FakeApiHttp2, testing::Values(HttpVersion::Http2));

TEST_P(FakeApiHttp2, WatchesShareAConnectionAndOneMayFailAlone) {
  const std::string from = "&resourceVersion=" + std::to_string(server.store().version());
  const auto namespaces = watch(kNamespaces, from);
  const auto pods = watch(kPods, from);
  EXPECT_EQ(server.accepted_connections(), 1U);
  server.script().cut_inside_next_event(Cut::StreamError, kPods);
  server.store().put(pod_on("node-1", "web"));
  ASSERT_TRUE(ends(*pods));
  EXPECT_EQ(pods->outcome, CURLE_HTTP2_STREAM);
  const std::uint64_t version = server.store().put(namespace_named("a"));
  EXPECT_TRUE(reaches(*namespaces, {at("ADDED a", version)}));
}

/// Why readers must know by themselves what a whole answer is.
TEST_P(FakeApiHttp2, AQuietResetIsNoFailureToLibcurl) {
  server.store().put_giant(namespace_named("a"), 100'000);
  server.script().cut_next_answer_after(50'000, Cut::QuietReset, kNamespaces);
  const auto list = client.get(kNamespaces);
  EXPECT_EQ(list->outcome, CURLE_OK);
  EXPECT_LE(list->body.size(), 50'000U);
}

TEST_P(FakeApiHttp2, GoingAwayLetsWatchesGoOn) {
  const auto stream = watch(kNamespaces, "&resourceVersion=" + std::to_string(server.store().version()));
  server.go_away();
  ASSERT_TRUE(client.run_until([&] {
    client.get("/version");
    return server.accepted_connections() == 2;
  }));
  const std::uint64_t version = server.store().put(namespace_named("a"));
  EXPECT_TRUE(reaches(*stream, {at("ADDED a", version)}));
}

TEST_P(FakeApiHttp2, IsNotOfferedWhenSwitchedOff) {
  server.script().behave({.http2 = false});
  EXPECT_EQ(client.get(kNamespaces)->http_version(), CURL_HTTP_VERSION_1_1);
}

}  // namespace
}  // namespace tierwall::fake_api
