// The fake API server itself, asked through libcurl over real TLS. What a client of Kubernetes relies on must hold
// here, or tests of the client prove nothing.

#include "tests/fake_api/fake_api_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/fake_api/fake_api_fixture.h"

namespace tierwall::fake_api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

INSTANTIATE_TEST_SUITE_P(Versions, FakeApi, testing::Values(HttpVersion::Http1, HttpVersion::Http2), version_name);

TEST_P(FakeApi, ListsObjectsAsTheServerCompletesThem) {
  const std::uint64_t version = server.store().put_manifest(R"(
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  egress: [{ports: [{port: 53}]}]
)");
  const auto list = client.get("/apis/networking.k8s.io/v1/networkpolicies");
  EXPECT_EQ(list->status, 200);
  EXPECT_EQ(list->headers["content-type"], "application/json");
  EXPECT_THAT(list->body, StartsWith(R"({"kind":"NetworkPolicyList","apiVersion":"networking.k8s.io/v1","metadata":)"));
  const json item = list->json()["items"][0];
  EXPECT_EQ(item["metadata"]["resourceVersion"], std::to_string(version));
  EXPECT_TRUE(item["metadata"].contains("uid") && item["metadata"].contains("managedFields"));
  EXPECT_FALSE(item.contains("kind"));
  EXPECT_EQ(item["spec"]["policyTypes"], json({"Ingress", "Egress"}));
  EXPECT_EQ(item["spec"]["egress"][0]["ports"][0]["protocol"], "TCP");
}

TEST_P(FakeApi, ListsOfCustomResourcesHaveTheirItemsFirst) {
  server.store().serve(kTiers);
  server.store().put({{"apiVersion", "crd.projectcalico.org/v1"}, {"kind", "Tier"}, {"metadata", {{"name", "a"}}}});
  const auto list = client.get(kTiers);
  EXPECT_THAT(list->body, StartsWith(R"({"apiVersion":"crd.projectcalico.org/v1","items":[{"apiVersion":)"));
  EXPECT_EQ(names_in(list->json()), std::vector<std::string>{"a"});
}

TEST_P(FakeApi, PagesShowOneMoment) {
  for (const char* name : {"a", "b", "c", "d", "e"}) server.store().put(namespace_named(name));
  const json first = client.get("/api/v1/namespaces?limit=2")->json();
  EXPECT_THAT(names_in(first), ElementsAre("a", "b"));
  EXPECT_EQ(first["metadata"]["remainingItemCount"], 3);
  server.store().remove("Namespace/c");
  const std::string token = first["metadata"]["continue"];
  const json second = client.get("/api/v1/namespaces?limit=2&continue=" + token)->json();
  EXPECT_THAT(names_in(second), ElementsAre("c", "d"));
  EXPECT_EQ(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
  const std::string last = second["metadata"]["continue"];
  EXPECT_THAT(names_in(client.get("/api/v1/namespaces?limit=2&continue=" + last)->json()), ElementsAre("e"));
}

TEST_P(FakeApi, AnExpiredPageComesWithATokenForTheInconsistentRest) {
  for (const char* name : {"a", "b", "c"}) server.store().put(namespace_named(name));
  const std::string token = client.get("/api/v1/namespaces?limit=1")->json()["metadata"]["continue"];
  server.store().remove("Namespace/b");
  server.store().compact();
  const auto expired = client.get("/api/v1/namespaces?limit=1&continue=" + token);
  EXPECT_EQ(expired->status, 410);
  EXPECT_EQ(expired->json()["reason"], "Expired");
  const std::string fresh = expired->json()["metadata"]["continue"];
  EXPECT_THAT(names_in(client.get("/api/v1/namespaces?limit=5&continue=" + fresh)->json()), ElementsAre("c"));
}

TEST_P(FakeApi, ResourceVersionsOfAListMeanWhatTheTableSays) {
  const std::string first = std::to_string(server.store().put(namespace_named("a")));
  const std::string second = std::to_string(server.store().put(namespace_named("b")));
  server.script().behave({.too_large_wait = std::chrono::milliseconds(0)});
  struct Row {
    std::string query;
    long status;
    std::string says;
  };
  const std::vector<Row> rows{
      {"", 200, "\"b\""},
      {"?resourceVersion=0", 200, "\"b\""},
      {"?resourceVersion=" + first, 200, "\"b\""},
      {"?resourceVersionMatch=Exact&resourceVersion=" + first, 200, R"("metadata":{"resourceVersion":")" + first},
      {"?limit=10&resourceVersion=" + first, 200, R"("metadata":{"resourceVersion":")" + first},
      {"?limit=1&resourceVersion=0", 200, "\"b\""},
      {"?resourceVersion=99999", 504, "ResourceVersionTooLarge"},
      {"?resourceVersionMatch=Exact", 422, "forbidden unless resourceVersion is provided"},
      {"?resourceVersionMatch=Exact&resourceVersion=0", 422, "forbidden for resourceVersion"},
      {"?resourceVersionMatch=Other&resourceVersion=1", 422, "supported values"},
      {"?sendInitialEvents=true", 422, "forbidden for list"},
      {"?resourceVersion=abc", 400, "ParseUint"},
      {"?continue=xyz", 400, "invalid continue token"},
      {"?fieldSelector=spec.nodeName=a", 400, "field label not supported: spec.nodeName"},
  };
  for (const Row& row : rows) {
    const auto list = client.get(kNamespaces + row.query);
    EXPECT_EQ(list->status, row.status) << row.query << list->body;
    EXPECT_THAT(list->body, HasSubstr(row.says)) << row.query;
  }
  server.store().compact();
  EXPECT_EQ(client.get("/api/v1/namespaces?resourceVersionMatch=Exact&resourceVersion=" + first)->status, 410);
  EXPECT_EQ(client.get("/api/v1/namespaces?resourceVersionMatch=Exact&resourceVersion=" + second)->status, 200);
}

TEST_P(FakeApi, AListOfTheFutureWaitsForIt) {
  const std::uint64_t next = server.store().version() + 1;
  const auto list = client.begin("/api/v1/namespaces?resourceVersion=" + std::to_string(next));
  ASSERT_TRUE(client.run_until([&] { return server.script().count_requests("/") == 1; }));
  server.store().put(namespace_named("late"));
  ASSERT_TRUE(ends(*list));
  EXPECT_THAT(names_in(list->json()), ElementsAre("late"));
}

TEST_P(FakeApi, WatchesFromAVersion) {
  const std::uint64_t start = server.store().put(namespace_named("old"));
  const auto stream = watch(kNamespaces, "&resourceVersion=" + std::to_string(start));
  const std::uint64_t added = server.store().put(namespace_named("new"));
  EXPECT_EQ(server.store().put(namespace_named("new")), added) << "nothing changed: no event";
  const std::uint64_t modified = server.store().put(namespace_named("new", "y"));
  server.store().remove("Namespace/old");
  EXPECT_TRUE(
      reaches(*stream, {at("ADDED new", added), at("MODIFIED new", modified), at("DELETED old", modified + 1)}));
  EXPECT_FALSE(stream->done);
}

TEST_P(FakeApi, ASelectorMakesLeavingADeletionWithTheFormerBody) {
  const auto stream =
      watch("/api/v1/namespaces/shop/pods", "&resourceVersion=" + std::to_string(server.store().version()) +
                                                "&fieldSelector=spec.nodeName%3Dnode-1%2Cstatus.phase%21%3DSucceeded");
  server.store().put(pod_on("node-2", "elsewhere"));
  const std::uint64_t added = server.store().put(pod_on("node-1", "web"));
  const std::uint64_t finished = server.store().put(pod_on("node-1", "web", "Succeeded"));
  server.store().remove("Pod/shop/web");
  ASSERT_TRUE(reaches(*stream, {at("ADDED web", added), at("DELETED web", finished)}));
  const json deleted = json::parse(stream->body.substr(stream->body.find('\n') + 1));
  EXPECT_EQ(deleted["object"]["status"]["phase"], "Running");
}

TEST_P(FakeApi, LabelSelectorsChooseToo) {
  server.store().put(namespace_named("a", "yes"));
  server.store().put(namespace_named("b", "no"));
  EXPECT_THAT(names_in(client.get("/api/v1/namespaces?labelSelector=mark%3Dyes")->json()), ElementsAre("a"));
  EXPECT_THAT(names_in(client.get("/api/v1/namespaces?labelSelector=mark%21%3Dyes,mark")->json()), ElementsAre("b"));
  EXPECT_THAT(names_in(client.get("/api/v1/namespaces?labelSelector=%21mark")->json()), IsEmpty());
}

TEST_P(FakeApi, StreamsAList) {
  const std::uint64_t a = server.store().put(namespace_named("a"));
  server.store().put(namespace_named("z"));
  const std::uint64_t z = server.store().put(namespace_named("z", "y"));
  const std::string query = "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
  const auto stream = watch(kNamespaces, query);
  const std::string end = "BOOKMARK @" + std::to_string(z) + " (initial end)";
  ASSERT_TRUE(reaches(*stream, {at("ADDED a", a), at("ADDED z", z), end}));
  server.store().remove("Namespace/a");
  EXPECT_TRUE(reaches(*stream, {at("ADDED a", a), at("ADDED z", z), end, at("DELETED a", z + 1)}));

  server.script().behave({.watch_list = false});
  const auto refused = client.get(std::string(kNamespaces) + "?watch=1" + query);
  EXPECT_EQ(refused->status, 422);
  EXPECT_EQ(refused->json()["reason"], "Invalid");
}

TEST_P(FakeApi, ACompactedWatchIsGoneInEitherForm) {
  const std::uint64_t old = server.store().put(namespace_named("a"));
  server.store().put(namespace_named("b"));
  server.store().compact();
  const std::string target = "/api/v1/namespaces?watch=1&resourceVersion=" + std::to_string(old);
  const auto event = client.get(target);
  EXPECT_EQ(event->status, 200);
  EXPECT_THAT(event->events(), ElementsAre("ERROR 410 Expired"));
  server.script().behave({.expired_watch_as_event = false});
  EXPECT_EQ(client.get(target)->status, 410);
}

TEST_P(FakeApi, AWatchEndsInTimeWithABookmark) {
  const std::uint64_t now = server.store().put(namespace_named("a"));
  const auto stream =
      watch(kNamespaces, "&timeoutSeconds=1&allowWatchBookmarks=true&resourceVersion=" + std::to_string(now));
  ASSERT_TRUE(ends(*stream));
  EXPECT_EQ(stream->outcome, CURLE_OK);
  EXPECT_THAT(stream->events(), ElementsAre(at("BOOKMARK ", now)));
}

TEST_P(FakeApi, ObeysOrdersToRunningWatches) {
  server.store().put(namespace_named("a"));
  const auto stream =
      watch(kNamespaces, "&allowWatchBookmarks=true&resourceVersion=" + std::to_string(server.store().version()));
  const std::uint64_t b = server.store().put(namespace_named("b"));
  std::vector<std::string> expected{at("ADDED b", b)};
  ASSERT_TRUE(reaches(*stream, expected));
  server.script().repeat_events(1);
  expected.push_back(at("ADDED b", b));
  ASSERT_TRUE(reaches(*stream, expected));
  const std::uint64_t later = server.store().advance(10);
  server.script().send_bookmarks();
  expected.push_back(at("BOOKMARK ", later));
  ASSERT_TRUE(reaches(*stream, expected));
  server.script().behave({.duplicate_events = true});
  const std::uint64_t c = server.store().put(namespace_named("c"));
  expected.insert(expected.end(), 2, at("ADDED c", c));
  ASSERT_TRUE(reaches(*stream, expected));
  server.script().behave({.only_bookmarks = true});
  server.store().put(namespace_named("held back"));
  server.script().send_bookmarks();
  expected.push_back(at("BOOKMARK ", c));
  ASSERT_TRUE(reaches(*stream, expected));
  server.script().send_error(too_old_version(1, 2));
  ASSERT_TRUE(ends(*stream));
  expected.push_back("ERROR 410 Expired");
  EXPECT_EQ(stream->events(), expected);
  EXPECT_EQ(stream->outcome, CURLE_OK);
}

TEST_P(FakeApi, EndsWatchesCleanly) {
  const auto stream = watch(kNamespaces, "&resourceVersion=" + std::to_string(server.store().version()));
  server.script().end_watches();
  ASSERT_TRUE(ends(*stream));
  EXPECT_EQ(stream->outcome, CURLE_OK);
  EXPECT_TRUE(server.script().wait_for([&] { return server.script().open_watches() == 0; }));
}

TEST_P(FakeApi, KnowsWhoAsks) {
  EXPECT_EQ(client.get(kPods)->status, 200);
  server.script().forbid(kPods);
  EXPECT_THAT(client.get("/api/v1/namespaces/shop/pods")->json()["message"].get<std::string>(),
              HasSubstr(R"(cannot list resource "pods" in API group "" in the namespace "shop")"));
  server.script().permit(kPods);
  server.script().revoke_token(kToken);
  EXPECT_EQ(client.get(kPods)->status, 401);
  client.settings.token.clear();
  EXPECT_EQ(client.get(kPods)->status, 403) << "anonymous";
  EXPECT_EQ(client.get("/version")->status, 200) << "public";
}

TEST_P(FakeApi, KnowsClientCertificates) {
  struct Row {
    const char* name;
    CertifiedKey certificate;
    long status;
  };
  const std::vector<Row> rows{
      {"valid", client_ca.issue_client("tierwall", {"firewalls"}), 200},
      {"expired", client_ca.issue_client("tierwall", {}, Validity::expired()), 401},
      {"of a foreign CA", ca.issue_client("tierwall"), 401},
  };
  for (const Row& row : rows) {
    TestClient other(
        {.url = server.url(), .ca = ca.certificate(), .certificate = row.certificate, .version = GetParam()});
    EXPECT_EQ(other.get(kPods)->status, row.status) << row.name;
  }
  EXPECT_EQ(server.script().requests().front().user, "tierwall");
}

TEST_P(FakeApi, SaysWhatItServes) {
  EXPECT_EQ(client.get("/api")->json()["versions"], json::array({"v1"}));
  EXPECT_EQ(client.get("/apis/policy.networking.k8s.io")->status, 404);
  server.store().serve("/apis/policy.networking.k8s.io/v1alpha2");
  const json group = client.get("/apis/policy.networking.k8s.io")->json();
  EXPECT_EQ(group["kind"], "APIGroup");
  EXPECT_EQ(group["preferredVersion"]["version"], "v1alpha2");
  const json resources = client.get("/apis/policy.networking.k8s.io/v1alpha2")->json();
  EXPECT_EQ(resources["kind"], "APIResourceList");
  EXPECT_EQ(resources["resources"][0]["name"], "clusternetworkpolicies");
  const auto absent = client.get("/apis/policy.networking.k8s.io/v1alpha1/adminnetworkpolicies");
  EXPECT_EQ(absent->status, 404);
  EXPECT_EQ(absent->headers["content-type"], "text/plain; charset=utf-8");
  EXPECT_EQ(absent->body, "404 page not found\n");
  EXPECT_EQ(client.get("/api/v1/namespaces/none")->json()["reason"], "NotFound");
}

TEST_P(FakeApi, AResourceThatVanishesEndsItsStreams) {
  server.store().serve(kTiers);
  server.store().put({{"apiVersion", "crd.projectcalico.org/v1"}, {"kind", "Tier"}, {"metadata", {{"name", "a"}}}});
  const std::uint64_t version = server.store().version();
  const auto stream = watch(kTiers, "&resourceVersion=" + std::to_string(version));
  server.store().stop_serving(kTiers, Vanish::DeletesObjects);
  ASSERT_TRUE(ends(*stream));
  EXPECT_THAT(stream->events(), ElementsAre(at("DELETED a", version + 1)));
  EXPECT_EQ(client.get(kTiers)->status, 404);
}

TEST_P(FakeApi, AResourceThatIsHiddenKeepsItsObjects) {
  const std::string v3 = "/apis/projectcalico.org/v3";
  server.store().serve(v3);
  const json tier{{"apiVersion", "projectcalico.org/v3"}, {"kind", "Tier"}, {"metadata", {{"name", "a"}}}};
  const std::uint64_t version = server.store().put(tier);
  const auto stream = watch(v3 + "/tiers", "&resourceVersion=" + std::to_string(version));
  server.store().stop_serving(v3, Vanish::HidesObjects);
  ASSERT_TRUE(ends(*stream));
  EXPECT_THAT(stream->events(), IsEmpty());
  EXPECT_EQ(client.get(v3)->status, 404);
  server.store().serve(v3);
  EXPECT_THAT(names_in(client.get(v3 + "/tiers")->json()), ElementsAre("a"));
  EXPECT_TRUE(server.store().remove_object(tier));
  EXPECT_FALSE(server.store().remove_object(tier));
}

TEST_P(FakeApi, CompressesOnlyWhenAsked) {
  server.store().put_giant(namespace_named("a"), 200'000);
  const std::string target =
      "/api/v1/namespaces?watch=1&timeoutSeconds=1&sendInitialEvents=true&allowWatchBookmarks=true&"
      "resourceVersionMatch=NotOlderThan";
  const auto plain = client.begin(target);
  client.settings.headers = {"Accept-Encoding: gzip"};
  const auto packed = client.begin(target);
  EXPECT_EQ(client.get(kNamespaces)->headers["content-encoding"], "gzip");
  ASSERT_TRUE(ends(*plain) && ends(*packed));
  EXPECT_FALSE(plain->headers.contains("content-encoding"));
  EXPECT_THAT(packed->body, StartsWith("\x1f\x8b"));
  const std::vector<SeenRequest> seen = server.script().requests();
  EXPECT_EQ(std::count_if(seen.begin(), seen.end(),
                          [](const SeenRequest& one) { return one.request.header("accept-encoding").empty(); }),
            1);
}

}  // namespace
}  // namespace tierwall::fake_api
