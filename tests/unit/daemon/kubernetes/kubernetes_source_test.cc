#include "daemon/sources/kubernetes/kubernetes_source.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_http_transport.h"
#include "tests/unit/daemon/kubernetes/api_texts.h"

namespace tierwall::daemon {
namespace {

using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using test::added;
using test::deleted;
using test::frame;
using test::initial_end;
using test::metadata;
using test::modified;
using test::object;
using test::status;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

constexpr std::string_view kStored = "/apis/crd.projectcalico.org/v1";
constexpr std::string_view kCalico = "/apis/projectcalico.org/v3";
constexpr std::string_view kAlpha1 = "/apis/policy.networking.k8s.io/v1alpha1";
constexpr std::string_view kAlpha2 = "/apis/policy.networking.k8s.io/v1alpha2";

std::string resources(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + fmt::format(R"({{"name":"{}"}})", name);
  return fmt::format(R"({{"kind":"APIResourceList","resources":[{}]}})", text);
}

std::string pod(std::string_view name, int version, std::string_view address) {
  return object(name, version,
                fmt::format(R"("spec":{{"nodeName":"node-1"}},"status":{{"phase":"Running","podIP":"{}"}})", address));
}

class KubernetesSourceTest : public testing::Test {
 protected:
  /// Every event changes the inventory; its last words are kept.
  void take(std::vector<policy::ResourceEvent> events) {
    EXPECT_FALSE(events.empty());
    for (const policy::ResourceEvent& event : events) {
      EXPECT_EQ(event.source, "kubernetes");
      const bool gone = event.change == policy::ResourceEvent::Change::Gone;
      lines.push_back((gone ? "- " : "+ ") + policy::print_key(event.key));
      inventory.apply(event);
      last = event;
    }
  }
  std::vector<std::string> told() { return std::exchange(lines, {}); }

  /// Lets the wait pass until there is nothing to do at once.
  void run(microseconds time = microseconds(0)) {
    clock.advance(time);
    for (int round = 0; round < 20 && source.due() && *source.due() <= clock.monotonic(); ++round) source.step();
  }
  /// The open answer at this path. `narrowed`: of a request with a field selector.
  test::FakeAnswer& at(std::string_view path, bool narrowed = false) {
    run();
    for (const std::string& target : transport.open_targets()) {
      const bool has_selector = target.find("fieldSelector") != std::string::npos;
      if (target.substr(0, target.find('?')) == path && has_selector == narrowed) return *transport.find(target);
    }
    ADD_FAILURE() << "nobody asks for " << path;
    static test::FakeHttpTransport nowhere;
    static std::vector<std::unique_ptr<HttpExchange>> given_up;
    class Deaf final : public HttpSink {
      void on_head(const HttpHead&) override {}
      void on_body(std::string_view) override {}
      void on_end(const Result<void>&) override {}
    };
    static Deaf deaf;
    given_up.push_back(nowhere.get({}, deaf));
    return *nowhere.last();
  }
  /// The paths that are asked for, selectors in words.
  std::vector<std::string> asked() {
    run();
    std::vector<std::string> paths;
    for (const std::string& target : transport.open_targets()) {
      const bool narrowed = target.find("fieldSelector") != std::string::npos;
      paths.push_back(target.substr(0, target.find('?')) + (narrowed ? " of node" : ""));
    }
    return paths;
  }
  /// Everything the collection has, as a stream that stays open.
  void fill(test::FakeAnswer& answer, const std::vector<std::string>& objects, int version = 10) {
    answer.head(200);
    for (const std::string& text : objects) answer.body(frame("ADDED", text));
    answer.body(initial_end(version));
    run();
  }
  void refuse_groups(const std::vector<std::string_view>& paths) {
    for (const std::string_view path : paths) at(path).answer(404, "404 page not found\n");
  }
  /// A cluster without anything optional, read completely.
  void fill_plain() {
    run(seconds(2));
    refuse_groups({kStored, kCalico, kAlpha1, kAlpha2});
    fill(at("/api/v1/namespaces"), {object("shop", 1)});
    fill(at("/api/v1/pods", true), {pod("shop/web", 5, "10.0.0.1")});
    fill(at("/api/v1/nodes", true), {});
    fill(at("/apis/networking.k8s.io/v1/networkpolicies"), {});
    EXPECT_TRUE(source.in_sync());
    static_cast<void>(told());
  }
  [[nodiscard]] bool has_pod(const std::string& ns, const std::string& name) const {
    return inventory.snapshot().pods.count({ns, name}) > 0;
  }

  test::FakeClock clock;
  test::FakeHttpTransport transport;
  policy::Inventory inventory;
  std::vector<std::string> lines;
  policy::ResourceEvent last;
  KubernetesSource source{transport,
                          clock,
                          [] { return 0.0; },
                          {.node = "node-1"},
                          [this](std::vector<policy::ResourceEvent> events) { take(std::move(events)); }};
};

TEST_F(KubernetesSourceTest, AsksForWhatIsAlwaysNeeded) {
  EXPECT_THAT(asked(), UnorderedElementsAre("/api/v1/namespaces", "/api/v1/pods of node", "/api/v1/nodes of node",
                                            "/apis/networking.k8s.io/v1/networkpolicies", std::string(kStored),
                                            std::string(kCalico), std::string(kAlpha1), std::string(kAlpha2)));
  EXPECT_THAT(at("/api/v1/pods", true).request().target, HasSubstr("fieldSelector=spec.nodeName%3Dnode-1"));
  EXPECT_THAT(at("/api/v1/nodes", true).request().target, HasSubstr("fieldSelector=metadata.name%3Dnode-1"));
}

TEST_F(KubernetesSourceTest, FirstRequestsAreSpread) {
  KubernetesSource other(
      transport, clock, [] { return 0.5; }, {.node = "node-1"}, [](const auto&) {});
  other.step();
  EXPECT_EQ(transport.requests(), 0u);
  ASSERT_TRUE(other.due());
  EXPECT_EQ(*other.due() - clock.monotonic(), seconds(1));
}

TEST_F(KubernetesSourceTest, IsInSyncWhenEverythingThatIsServedWasRead) {
  run();
  EXPECT_FALSE(source.in_sync());
  fill(at("/api/v1/namespaces"), {object("shop", 1)});
  fill(at("/api/v1/pods", true), {pod("shop/web", 5, "10.0.0.1"), pod("shop/db", 6, "10.0.0.2")});
  fill(at("/api/v1/nodes", true), {});
  fill(at("/apis/networking.k8s.io/v1/networkpolicies"), {});
  EXPECT_THAT(told(), ElementsAre("+ Namespace shop", "+ Pod shop/web", "+ Pod shop/db"));
  refuse_groups({kStored, kCalico, kAlpha1});
  EXPECT_FALSE(source.in_sync()) << "nobody knows what v1alpha2 has";
  at(kAlpha2).answer(200, resources({"clusternetworkpolicies"}));
  EXPECT_FALSE(source.in_sync());
  fill(at("/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies"), {});
  EXPECT_TRUE(source.in_sync());
  EXPECT_THAT(source.lost(), IsEmpty());
  EXPECT_EQ(inventory.snapshot().pods.size(), 2u);
}

TEST_F(KubernetesSourceTest, EventsOfOnePieceComeTogetherAndInOrder) {
  fill_plain();
  int calls = 0;
  source.watch_progress([&calls] { ++calls; });
  at("/api/v1/pods", true)
      .body(frame("ADDED", pod("shop/new", 20, "10.0.0.3")) + frame("MODIFIED", pod("shop/new", 21, "10.0.0.4")) +
            deleted("shop/web", 22));
  EXPECT_EQ(calls, 1);
  EXPECT_THAT(told(), ElementsAre("+ Pod shop/new", "+ Pod shop/new", "- Pod shop/web"));
  EXPECT_EQ(policy::print_address(inventory.snapshot().pods.at({"shop", "new"}).addresses.at(0)), "10.0.0.4");
}

TEST_F(KubernetesSourceTest, ProblemsOfAnObjectSayWhereItIs) {
  fill_plain();
  at("/apis/networking.k8s.io/v1/networkpolicies")
      .body(frame("ADDED", object("shop/bad", 30, R"("spec":{"podSelector":{},"nonsense":1})")));
  EXPECT_EQ(policy::print_key(last.key), "KubernetesNetworkPolicy shop/bad");
  EXPECT_EQ(last.where.file, "kubernetes:/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/bad");
  ASSERT_EQ(last.problems.size(), 1u);
  EXPECT_EQ(policy::print_diagnostic(last.problems[0]),
            "kubernetes:/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/bad: error: NetworkPolicy shop/bad: "
            "spec.nonsense: unknown field");
}

TEST_F(KubernetesSourceTest, AnObjectThatIsNotWhatItShouldBeIsReported) {
  fill_plain();
  at("/api/v1/pods", true)
      .body(frame("MODIFIED", R"({"apiVersion":"v1","kind":"ServiceAccount",)" + metadata("shop/web", 30) + "}"));
  EXPECT_EQ(policy::print_key(last.key), "Pod shop/web");
  EXPECT_FALSE(last.resource);
  ASSERT_EQ(last.problems.size(), 1u);
  EXPECT_THAT(last.problems[0].message, HasSubstr("sent ServiceAccount shop/web in its place"));
  EXPECT_TRUE(has_pod("shop", "web")) << "the last good version stays";
}

TEST_F(KubernetesSourceTest, ServiceAccountsAndServicesAreFollowedWhileTheyAreNeeded) {
  fill_plain();
  source.need({.service_accounts = true, .services = true});
  EXPECT_FALSE(source.in_sync());
  EXPECT_THAT(asked(), Contains("/api/v1/services"));
  EXPECT_THAT(asked(), Contains("/apis/discovery.k8s.io/v1/endpointslices"));
  fill(at("/api/v1/serviceaccounts"), {object("shop/web", 5)});
  EXPECT_THAT(told(), ElementsAre("+ ServiceAccount shop/web"));
  source.need({});
  EXPECT_THAT(asked(), Not(Contains("/api/v1/serviceaccounts")));
  EXPECT_THAT(told(), ElementsAre("- ServiceAccount shop/web"));
  EXPECT_TRUE(source.in_sync());
}

TEST_F(KubernetesSourceTest, NoPodVanishesWhileTheWholeClusterTakesTheNodesPlace) {
  fill_plain();
  source.need({.pods = Needs::Pods::All});
  EXPECT_THAT(asked(), Contains("/api/v1/pods"));
  EXPECT_THAT(asked(), Contains("/api/v1/pods of node"));
  EXPECT_FALSE(source.in_sync());
  test::FakeAnswer& wide = at("/api/v1/pods");
  wide.head(200);
  wide.body(frame("ADDED", pod("shop/web", 5, "10.0.0.1")) + frame("ADDED", pod("shop/far", 6, "10.0.9.1")));
  EXPECT_THAT(told(), ElementsAre("+ Pod shop/far")) << "web is known in this version";
  EXPECT_THAT(asked(), Contains("/api/v1/pods of node"));
  wide.body(initial_end(10));
  EXPECT_THAT(asked(), Not(Contains("/api/v1/pods of node")));
  EXPECT_TRUE(source.in_sync());
  EXPECT_THAT(told(), IsEmpty());
  // And back.
  source.need({});
  EXPECT_THAT(asked(), Contains("/api/v1/pods"));
  EXPECT_TRUE(has_pod("shop", "far"));
  fill(at("/api/v1/pods", true), {pod("shop/web", 5, "10.0.0.1")});
  EXPECT_THAT(asked(), Not(Contains("/api/v1/pods")));
  EXPECT_THAT(told(), ElementsAre("- Pod shop/far"));
}

TEST_F(KubernetesSourceTest, OfTwoFeedsTheNewerVersionCountsAndTheLastToForget) {
  fill_plain();
  source.need({.pods = Needs::Pods::Namespaces, .pod_namespaces = {"shop"}});
  test::FakeAnswer& own = at("/api/v1/pods", true);
  test::FakeAnswer& shop = at("/api/v1/namespaces/shop/pods");
  fill(shop, {pod("shop/web", 5, "10.0.0.1")});
  own.body(frame("MODIFIED", pod("shop/web", 20, "10.0.0.7")));
  shop.body(frame("MODIFIED", pod("shop/web", 15, "10.0.0.6")) + frame("MODIFIED", pod("shop/web", 20, "10.0.0.7")));
  EXPECT_THAT(told(), ElementsAre("+ Pod shop/web"));
  EXPECT_EQ(policy::print_address(inventory.snapshot().pods.at({"shop", "web"}).addresses.at(0)), "10.0.0.7");
  shop.body(deleted("shop/web", 30));
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_TRUE(has_pod("shop", "web"));
  own.body(deleted("shop/web", 30));
  EXPECT_THAT(told(), ElementsAre("- Pod shop/web"));
}

TEST_F(KubernetesSourceTest, ManyNamespacesAreFollowedAsTheWholeCluster) {
  fill_plain();
  Needs needs{.pods = Needs::Pods::Namespaces};
  for (std::size_t number = 0; number < KubernetesSource::kMaxNamespaces; ++number) {
    needs.pod_namespaces.insert(fmt::format("ns-{}", number));
  }
  source.need(needs);
  const auto is_pods_of_namespace = [](const std::string& path) { return path.starts_with("/api/v1/namespaces/ns-"); };
  auto paths = asked();
  EXPECT_EQ(std::count_if(paths.begin(), paths.end(), is_pods_of_namespace), 16);
  fill(at("/api/v1/namespaces/ns-3/pods"), {pod("ns-3/far", 5, "10.0.9.1")});
  needs.pod_namespaces.insert("one-more");
  source.need(needs);
  paths = asked();
  EXPECT_THAT(paths, Contains("/api/v1/pods"));
  EXPECT_EQ(std::count_if(paths.begin(), paths.end(), is_pods_of_namespace), 16) << "until the wide one knows more";
  EXPECT_TRUE(has_pod("ns-3", "far"));
  fill(at("/api/v1/pods"), {pod("shop/web", 5, "10.0.0.1"), pod("ns-3/far", 5, "10.0.9.1")});
  paths = asked();
  EXPECT_EQ(std::count_if(paths.begin(), paths.end(), is_pods_of_namespace), 0);
  EXPECT_THAT(told(), ElementsAre("+ Pod ns-3/far"));
}

TEST_F(KubernetesSourceTest, ANamespaceThatIsNotNeededAnyMoreGoesWhenTheNextIsKnown) {
  fill_plain();
  source.need({.pods = Needs::Pods::Namespaces, .pod_namespaces = {"a"}});
  fill(at("/api/v1/namespaces/a/pods"), {pod("a/x", 5, "10.0.9.1")});
  source.need({.pods = Needs::Pods::Namespaces, .pod_namespaces = {"b"}});
  static_cast<void>(told());
  at("/api/v1/namespaces/b/pods").answer(403, status(403, "Forbidden"));
  run();
  EXPECT_THAT(told(), IsEmpty());
  fill((run(seconds(60)), at("/api/v1/namespaces/b/pods")), {});
  EXPECT_THAT(told(), ElementsAre("- Pod a/x"));
}

TEST_F(KubernetesSourceTest, AllNodesAreFollowedOnlyWhileTheyAreNeeded) {
  fill_plain();
  source.need({.nodes = true});
  EXPECT_THAT(asked(), Contains("/api/v1/nodes"));
  EXPECT_THAT(asked(), Contains("/api/v1/nodes of node"));
  fill(at("/api/v1/nodes"), {});
  EXPECT_THAT(asked(), Not(Contains("/api/v1/nodes of node")));
  source.need({});
  fill(at("/api/v1/nodes", true), {});
  EXPECT_THAT(asked(), Not(Contains("/api/v1/nodes")));
}

TEST_F(KubernetesSourceTest, StoredCalicoCountsWhereBothAreServed) {
  run();
  at(kCalico).answer(200, resources({"tiers", "globalnetworkpolicies"}));
  run();
  EXPECT_THAT(asked(), Not(Contains("/apis/projectcalico.org/v3/tiers"))) << "nobody knows what v1 has";
  at(kStored).answer(200, resources({"tiers", "globalnetworkpolicies", "networkpolicies"}));
  EXPECT_THAT(asked(), Contains("/apis/crd.projectcalico.org/v1/tiers"));
  EXPECT_THAT(asked(), Not(Contains("/apis/projectcalico.org/v3/tiers")));
}

TEST_F(KubernetesSourceTest, CalicosOwnApiIsReadWhereNothingIsStored) {
  run();
  at(kStored).answer(404, "404 page not found\n");
  at(kCalico).answer(200, resources({"tiers", "profiles"}));
  EXPECT_THAT(asked(), Contains("/apis/projectcalico.org/v3/tiers"));
  EXPECT_THAT(asked(), Contains("/apis/projectcalico.org/v3/profiles"));
  EXPECT_THAT(asked(), Not(Contains("/apis/projectcalico.org/v3/globalnetworkpolicies")));
}

/// The same tier by two APIs, whose versions and stored names need not agree.
TEST_F(KubernetesSourceTest, WhatIsStoredTakesOverWithoutAGap) {
  fill_plain();
  run(seconds(30));
  at(kCalico).answer(200, resources({"tiers"}));
  fill(at("/apis/projectcalico.org/v3/tiers"),
       {object("security", 5, R"("spec":{"order":1})"), object("old", 6, R"("spec":{"order":2})")});
  EXPECT_THAT(told(), ElementsAre("+ Tier security", "+ Tier old"));
  at(kStored).answer(200, resources({"tiers"}));
  test::FakeAnswer& stored = at("/apis/crd.projectcalico.org/v1/tiers");
  stored.head(200);
  stored.body(frame("ADDED", object("security", 3, R"("spec":{"order":1})")));
  EXPECT_EQ(inventory.snapshot().tiers.size(), 2u);
  EXPECT_THAT(told(), Not(Contains("- Tier old")));
  stored.body(initial_end(9));
  run();
  EXPECT_THAT(told(), ElementsAre("- Tier old"));
  EXPECT_THAT(asked(), Not(Contains("/apis/projectcalico.org/v3/tiers")));
}

TEST_F(KubernetesSourceTest, StoredPoliciesAreKnownByTheirOwnNames) {
  fill_plain();
  run(seconds(30));
  at(kStored).answer(200, resources({"globalnetworkpolicies"}));
  test::FakeAnswer& stored = at("/apis/crd.projectcalico.org/v1/globalnetworkpolicies");
  fill(stored, {object("default.web", 5, R"--("spec":{"selector":"all()"})--")});
  EXPECT_THAT(told(), ElementsAre("+ GlobalNetworkPolicy web"));
  stored.body(modified("default.web", 11));
  at(kCalico).answer(404, "404 page not found\n");
  stored.body(deleted("default.web", 12));
  run();
  EXPECT_THAT(told(), ElementsAre("+ GlobalNetworkPolicy web", "- GlobalNetworkPolicy web"));
  EXPECT_THAT(inventory.snapshot().policies, IsEmpty());
}

/// From crd.projectcalico.org/v1 to projectcalico.org/v3: copied first, then the old resources are deleted, and with
/// them their objects, one event each.
class CalicoMigrationTest : public KubernetesSourceTest {
 protected:
  CalicoMigrationTest() {
    fill_plain();
    run(seconds(60));
    at(kCalico).answer(404, "404 page not found\n");
    at(kStored).answer(200, resources({"tiers"}));
    fill(at(kStoredTiers), {object("security", 5, R"("spec":{"order":1})"), object("old", 6, R"("spec":{"order":2})")});
    static_cast<void>(told());
    run(minutes(5));
  }
  [[nodiscard]] std::size_t tiers() const { return inventory.snapshot().tiers.size(); }

  static constexpr std::string_view kStoredTiers = "/apis/crd.projectcalico.org/v1/tiers";
  static constexpr std::string_view kNewTiers = "/apis/projectcalico.org/v3/tiers";
};

TEST_F(CalicoMigrationTest, DeletionsOfTheOldVersionRemoveNothingThatTheNewOneHas) {
  at(kStoredTiers).body(deleted("security", 20) + deleted("old", 21));
  EXPECT_THAT(told(), IsEmpty()) << "the other version is asked first, and at once";
  at(kCalico).answer(200, resources({"tiers"}));
  test::FakeAnswer& moved = at(kNewTiers);
  moved.head(200);
  moved.body(frame("ADDED", object("security", 15, R"("spec":{"order":1})")));
  EXPECT_EQ(tiers(), 2u) << "not everything was read yet";
  EXPECT_TRUE(source.in_sync());
  moved.body(initial_end(22));
  run();
  EXPECT_THAT(told(), ElementsAre("+ Tier security", "- Tier old"));
  EXPECT_EQ(tiers(), 1u);
  // The old version is empty for a while, then it vanishes.
  run(minutes(10));
  EXPECT_THAT(asked(), Contains(std::string(kNewTiers)));
  at(kStoredTiers).end();
  at(kStoredTiers).answer(404, "404 page not found\n");
  at(kStored).answer(404, "404 page not found\n");
  at(kCalico).answer(200, resources({"tiers"}));
  run();
  EXPECT_EQ(tiers(), 1u);
  EXPECT_THAT(asked(), Contains(std::string(kNewTiers)));
  EXPECT_THAT(asked(), Not(Contains(std::string(kStoredTiers))));
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_TRUE(source.in_sync());
}

TEST_F(CalicoMigrationTest, WithoutAnotherVersionADeletionIsADeletion) {
  at(kStoredTiers).body(deleted("old", 20));
  at(kCalico).answer(404, "404 page not found\n");
  run();
  EXPECT_THAT(told(), ElementsAre("- Tier old"));
  at(kStoredTiers).body(deleted("security", 21));
  run();
  EXPECT_THAT(told(), ElementsAre("- Tier security")) << "the answer is fresh";
  EXPECT_EQ(transport.find(std::string(kCalico)), nullptr);
}

TEST_F(CalicoMigrationTest, WhoMayNotAskTheOtherVersionBelievesADeletion) {
  at(kStoredTiers).body(deleted("old", 20));
  at(kCalico).answer(200, resources({"tiers"}));
  EXPECT_THAT(told(), IsEmpty());
  at(kNewTiers).answer(403, status(403, "Forbidden"));
  run();
  EXPECT_THAT(told(), ElementsAre("- Tier old"));
  run(seconds(59));
  EXPECT_THAT(source.lost(), IsEmpty()) << "nobody needs it";
  run(minutes(1));
  EXPECT_THAT(asked(), Not(Contains(std::string(kNewTiers))));
}

TEST_F(CalicoMigrationTest, AnotherVersionThatDoesNotAnswerDelaysADeletionOnly) {
  at(kStoredTiers).body(deleted("old", 20));
  at(kCalico).fail("connection reset");
  EXPECT_THAT(told(), IsEmpty());
  run(seconds(1));
  at(kCalico).fail("connection reset");
  run();
  EXPECT_THAT(told(), ElementsAre("- Tier old"));
}

TEST_F(CalicoMigrationTest, WhatIsMadeAnewMeanwhileStays) {
  at(kStoredTiers).body(deleted("old", 20));
  at(kStoredTiers).body(frame("ADDED", object("old", 21, R"("spec":{"order":3})")));
  at(kCalico).answer(404, "404 page not found\n");
  run();
  EXPECT_THAT(told(), ElementsAre("+ Tier old"));
  EXPECT_EQ(tiers(), 2u);
}

TEST_F(CalicoMigrationTest, AVersionThatVanishesIsMissedAtOnceAndReplacedWithoutAGap) {
  at(kStoredTiers).end();
  at(kStoredTiers).answer(404, "404 page not found\n");
  at(kStored).answer(404, "404 page not found\n");
  at(kCalico).answer(200, resources({"tiers"}));
  fill(at(kNewTiers), {object("security", 15, R"("spec":{"order":1})")});
  run();
  EXPECT_THAT(told(), ElementsAre("+ Tier security", "- Tier old"));
  EXPECT_EQ(tiers(), 1u);
}

TEST_F(KubernetesSourceTest, AKindThatAppearsLaterIsFollowed) {
  fill_plain();
  EXPECT_THAT(asked(), Not(Contains(std::string(kAlpha2))));
  run(seconds(30));
  at(kAlpha2).answer(200, resources({"clusternetworkpolicies"}));
  EXPECT_FALSE(source.in_sync());
  fill(at("/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies"), {});
  EXPECT_TRUE(source.in_sync());
  run(minutes(2));
  EXPECT_THAT(asked(), Not(Contains(std::string(kAlpha2)))) << "all of it is there";
}

TEST_F(KubernetesSourceTest, AKindThatVanishesKeepsItsObjects) {
  fill_plain();
  run(seconds(30));
  at(kStored).answer(200, resources({"tiers"}));
  fill(at("/apis/crd.projectcalico.org/v1/tiers"), {object("security", 5, R"("spec":{"order":1})")});
  at(kCalico).answer(404, "404 page not found\n");
  clock.advance(seconds(5));
  at("/apis/crd.projectcalico.org/v1/tiers").end();
  at("/apis/crd.projectcalico.org/v1/tiers").answer(404, "404 page not found\n");
  EXPECT_THAT(asked(), Contains(std::string(kStored))) << "at once";
  at(kStored).answer(404, "404 page not found\n");
  at(kCalico).answer(404, "404 page not found\n");
  run();
  EXPECT_EQ(inventory.snapshot().tiers.size(), 1u);
  EXPECT_TRUE(source.in_sync()) << "it was read completely once";
  EXPECT_THAT(source.lost(), IsEmpty()) << "for now one failed try";
  run(FailureStreak::kLostAge);
  EXPECT_THAT(source.lost(), ElementsAre("/apis/crd.projectcalico.org/v1/tiers: 404: 404 page not found; what was "
                                         "known stays in force"));
}

TEST_F(KubernetesSourceTest, WithoutRightsNothingIsTakenForEmpty) {
  run();
  refuse_groups({kStored, kCalico, kAlpha1, kAlpha2});
  fill(at("/api/v1/namespaces"), {});
  fill(at("/api/v1/pods", true), {});
  fill(at("/api/v1/nodes", true), {});
  at("/apis/networking.k8s.io/v1/networkpolicies").answer(403, status(403, "Forbidden"));
  EXPECT_FALSE(source.in_sync());
  run(FailureStreak::kLostAge);
  EXPECT_THAT(source.lost(), ElementsAre("/apis/networking.k8s.io/v1/networkpolicies: 403 Forbidden: no; nothing is "
                                         "known of it yet"));
  // A built-in resource cannot be missing: whoever says so is no API server.
  run(seconds(30));
  at("/apis/networking.k8s.io/v1/networkpolicies").answer(404, "");
  EXPECT_FALSE(source.in_sync());
}

TEST_F(KubernetesSourceTest, StatusTellsHowEveryCollectionIsGettingOn) {
  fill_plain();
  at("/api/v1/pods", true).fail("connection reset");
  const auto rows = source.status();
  const auto row_at = [&rows](std::string_view path) {
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const KindStatus& r) { return r.path == path; });
    return row == rows.end() ? KindStatus{} : *row;
  };
  const std::int64_t now = clock.unix_time().count();
  EXPECT_EQ(row_at("/api/v1/namespaces"), (KindStatus{.kind = "Namespace",
                                                      .path = "/api/v1/namespaces",
                                                      .state = "following",
                                                      .objects = 1,
                                                      .resource_version = "10",
                                                      .last_contact_ms = now}));
  EXPECT_EQ(row_at("/api/v1/pods (spec.nodeName=node-1)").state, "retrying");
  EXPECT_EQ(row_at("/api/v1/pods (spec.nodeName=node-1)").failure, "connection reset");
  EXPECT_EQ(row_at("/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies").state, "not served");
}

/// One failed try is an accident that the next one mends; status shows it, and that is all.
TEST_F(KubernetesSourceTest, ACollectionIsLostAfterItsSecondFailureInARow) {
  fill_plain();
  at("/api/v1/pods", true).fail("connection reset");
  EXPECT_THAT(source.lost(), IsEmpty());
  run(seconds(1));
  at("/api/v1/pods", true).fail("connection refused");
  EXPECT_THAT(source.lost(),
              ElementsAre("/api/v1/pods (spec.nodeName=node-1): connection refused; what was known stays in force"));
  run(seconds(2));
  at("/api/v1/pods", true).head(200);
  EXPECT_THAT(source.lost(), IsEmpty());
  // It works for a while, so the next failure is a first one again.
  run(minutes(1));
  at("/api/v1/pods", true).fail("connection reset");
  EXPECT_THAT(source.lost(), IsEmpty());
}

TEST_F(KubernetesSourceTest, WatchesThatBeginAndFailAtOnceAreFailuresInARow) {
  fill_plain();
  for (const bool is_lost : {false, true, true}) {
    at("/api/v1/pods", true).fail("connection reset");
    EXPECT_EQ(source.lost().size(), is_lost ? 1u : 0u);
    run(seconds(10));
    at("/api/v1/pods", true).head(200);
  }
}

TEST_F(KubernetesSourceTest, ACollectionIsLostWhenItsOnlyFailureIsOld) {
  fill_plain();
  at("/api/v1/pods", true).answer(403, status(403, "Forbidden"));
  run();
  EXPECT_THAT(source.lost(), IsEmpty());
  ASSERT_TRUE(source.due());
  EXPECT_LE(*source.due() - clock.monotonic(), FailureStreak::kLostAge) << "somebody has to be told then";
  run(FailureStreak::kLostAge);
  EXPECT_THAT(source.lost(), ElementsAre(HasSubstr("403 Forbidden")));
  EXPECT_TRUE(source.due().value_or(clock.monotonic()) > clock.monotonic()) << "and only once";
}

TEST_F(KubernetesSourceTest, UnreadableObjectsOfUnknownNameAreProblems) {
  fill_plain();
  at("/api/v1/namespaces").body(frame("ADDED", R"({"metadata":{}})"));
  ASSERT_EQ(source.problems().size(), 1u);
  EXPECT_THAT(policy::print_diagnostic(source.problems()[0]),
              HasSubstr("kubernetes:/api/v1/namespaces: error: value 3 of the answer"));
}

/// The callbacks may say what is needed: it takes effect afterwards.
TEST_F(KubernetesSourceTest, NeedsMayChangeInsideACallback) {
  fill_plain();
  source.watch_progress([this] { source.need({.pods = Needs::Pods::All}); });
  at("/api/v1/namespaces").body(added("other", 20));
  EXPECT_THAT(asked(), Contains("/api/v1/pods"));
}

}  // namespace
}  // namespace tierwall::daemon
