#include "policy/label.h"

#include <gtest/gtest.h>

namespace tierwall::policy {
namespace {

using Found = std::optional<std::string_view>;

TEST(Labels, AreSortedAndHoldEachKeyOnce) {
  Labels labels = {{"tier", "web"}, {"app", "one"}, {"app", "two"}};
  labels.set("app", "three");
  labels.set("zone", "");
  EXPECT_EQ(labels.entries(), (std::vector<Labels::Entry>{{"app", "three"}, {"tier", "web"}, {"zone", ""}}));
  EXPECT_EQ(labels.find("zone"), Found(""));
  EXPECT_EQ(labels.find("zon"), std::nullopt);
  EXPECT_EQ(labels.find("zones"), std::nullopt);
  EXPECT_EQ(labels, (Labels{{"zone", ""}, {"tier", "web"}, {"app", "three"}}));
}

TEST(Labels, CopiesShareTheirEntriesUntilOneIsChanged) {
  const Labels written = {{"app", "web"}, {"tier", "front"}};
  Labels copy = written;
  EXPECT_EQ(&copy.entries(), &written.entries());
  EXPECT_TRUE(written.is_shared());
  copy.set("app", "shop");
  EXPECT_EQ(copy, (Labels{{"app", "shop"}, {"tier", "front"}}));
  EXPECT_EQ(written, (Labels{{"app", "web"}, {"tier", "front"}}));
  EXPECT_FALSE(written.is_shared());
}

TEST(Labels, AreComparedByWhatTheySay) {
  const Labels web = {{"app", "web"}};
  const Labels also_web = {{"app", "web"}};
  EXPECT_NE(&web.entries(), &also_web.entries());
  EXPECT_EQ(web, also_web);
  EXPECT_EQ(web.hash(), also_web.hash());
  EXPECT_LT(Labels{}, web);
  EXPECT_LT(web, (Labels{{"app", "web"}, {"tier", "front"}}));
  EXPECT_NE((Labels{{"a", "bc"}}).hash(), (Labels{{"ab", "c"}}).hash());
  EXPECT_TRUE(Labels{}.empty());
}

TEST(LabelScope, OfAPodAnswersEverythingItsPlaceGivesIt) {
  const Labels own = {{"app", "web"}};
  const Labels ns_labels = {{"team", "blue"}};
  const Labels account_labels = {{"role", "robot"}};
  const LabelScope pod{.own = &own,
                       .namespace_name = "shop",
                       .namespace_labels = &ns_labels,
                       .workload = true,
                       .service_account = "builder",
                       .service_account_labels = &account_labels};
  EXPECT_EQ(pod.find("app"), Found("web"));
  EXPECT_EQ(pod.find("team"), std::nullopt);
  EXPECT_EQ(pod.find("projectcalico.org/namespace"), Found("shop"));
  EXPECT_EQ(pod.find("projectcalico.org/orchestrator"), Found("k8s"));
  EXPECT_EQ(pod.find("projectcalico.org/serviceaccount"), Found("builder"));
  EXPECT_EQ(pod.find("pcns.team"), Found("blue"));
  EXPECT_EQ(pod.find("pcns.app"), std::nullopt);
  EXPECT_EQ(pod.find("pcns.projectcalico.org/name"), Found("shop"));
  EXPECT_EQ(pod.find("pcsa.role"), Found("robot"));
  EXPECT_EQ(pod.find("pcsa.projectcalico.org/name"), Found("builder"));
}

TEST(LabelScope, ReservedKeysCannotBeForgedByOwnLabels) {
  const Labels forged = {{"projectcalico.org/namespace", "kube-system"},
                         {"projectcalico.org/orchestrator", "k8s"},
                         {"projectcalico.org/serviceaccount", "admin"},
                         {"pcns.team", "red"},
                         {"pcsa.role", "admin"}};
  const Labels ns_labels = {{"projectcalico.org/name", "kube-system"}};
  const LabelScope pod{.own = &forged, .namespace_name = "shop", .namespace_labels = &ns_labels, .workload = true};
  EXPECT_EQ(pod.find("projectcalico.org/namespace"), Found("shop"));
  EXPECT_EQ(pod.find("projectcalico.org/serviceaccount"), std::nullopt);
  EXPECT_EQ(pod.find("pcns.team"), std::nullopt);
  EXPECT_EQ(pod.find("pcns.projectcalico.org/name"), Found("shop"));
  EXPECT_EQ(pod.find("pcsa.role"), std::nullopt);
  const LabelScope cluster_scoped{.own = &forged};
  for (const Labels::Entry& entry : forged.entries()) EXPECT_EQ(cluster_scoped.find(entry.first), std::nullopt);
}

TEST(LabelScope, OfANetworkSetHasANamespaceButNoOrchestrator) {
  const Labels own = {{"site", "office"}};
  const Labels ns_labels = {{"team", "blue"}};
  const LabelScope set{.own = &own, .namespace_name = "shop", .namespace_labels = &ns_labels};
  EXPECT_EQ(set.find("site"), Found("office"));
  EXPECT_EQ(set.find("projectcalico.org/namespace"), Found("shop"));
  EXPECT_EQ(set.find("pcns.team"), Found("blue"));
  EXPECT_EQ(set.find("projectcalico.org/orchestrator"), std::nullopt);
  EXPECT_EQ(set.find("pcsa.projectcalico.org/name"), std::nullopt);
}

TEST(LabelScope, OfAClusterScopedObjectHasNoNamespaceAtAll) {
  const Labels own = {{"site", "office"}};
  const LabelScope set{.own = &own};
  EXPECT_EQ(set.find("site"), Found("office"));
  EXPECT_EQ(set.find("projectcalico.org/namespace"), std::nullopt);
  EXPECT_EQ(set.find("pcns.projectcalico.org/name"), std::nullopt);
  EXPECT_EQ(LabelScope{}.find("site"), std::nullopt);
}

TEST(LabelScope, LongServiceAccountNamesHaveNoLabel) {
  const std::string longest(62, 'a');
  const std::string too_long(63, 'a');
  EXPECT_EQ(LabelScope{.service_account = longest}.find(kServiceAccountLabel), Found(longest));
  EXPECT_EQ(LabelScope{.service_account = too_long}.find(kServiceAccountLabel), std::nullopt);
  EXPECT_EQ(LabelScope{.service_account = too_long}.find("pcsa.projectcalico.org/name"), Found(too_long));
}

TEST(LabelScope, OwnLabelsWinOverThoseOfTheProfile) {
  const Labels own = {{"app", "web"}};
  const Labels profile = {{"app", "other"}, {"zone", "a"}};
  const LabelScope pod{.own = &own, .profile_labels = &profile};
  EXPECT_EQ(pod.find("app"), Found("web"));
  EXPECT_EQ(pod.find("zone"), Found("a"));
}

}  // namespace
}  // namespace tierwall::policy
