#include "policy/sharing_pool.h"

#include <gtest/gtest.h>

#include "policy/label.h"
#include "policy/shared_text.h"

namespace tierwall::policy {
namespace {

Labels replica_of(const std::string& app) {
  return {{"app", app}, {"pod-template-hash", "5d4f8c7b9"}};
}

TEST(SharedText, IsATextThatCopiesHaveInCommon) {
  const SharedText node = "node-1";
  const SharedText copy = node;
  const SharedText same = std::string("node-1");
  EXPECT_EQ(&copy.text(), &node.text());
  EXPECT_NE(&same.text(), &node.text());
  EXPECT_EQ(same, node);
  EXPECT_EQ(same.hash(), node.hash());
  EXPECT_EQ(node, "node-1");
  EXPECT_NE(node, std::string_view("node-2"));
  EXPECT_NE(node, SharedText());
  EXPECT_TRUE(SharedText("").empty());
  EXPECT_EQ(SharedText(), "");
}

TEST(SharingPool, MakesEqualLabelsOne) {
  SharingPool<Labels> pool;
  const Labels first = pool.share(replica_of("web"));
  const Labels second = pool.share(replica_of("web"));
  const Labels other = pool.share(replica_of("shop"));
  EXPECT_EQ(&first.entries(), &second.entries());
  EXPECT_EQ(first, replica_of("web"));
  EXPECT_EQ(other, replica_of("shop"));
  EXPECT_EQ(pool.size(), 2u);
}

TEST(SharingPool, WhoChangesItsLabelsChangesNobodyElses) {
  SharingPool<Labels> pool;
  const Labels first = pool.share(replica_of("web"));
  Labels second = pool.share(replica_of("web"));
  second.set("app", "shop");
  EXPECT_EQ(first, replica_of("web"));
  EXPECT_EQ(pool.share(replica_of("web")), replica_of("web")) << "what the pool keeps is safe, too";
  EXPECT_EQ(pool.share(replica_of("shop")), replica_of("shop"));
}

TEST(SharingPool, KeepsNothingWhatIsEmpty) {
  SharingPool<SharedText> pool;
  EXPECT_EQ(pool.share(""), "");
  EXPECT_EQ(pool.size(), 0u);
}

TEST(SharingPool, ForgetsWhatNobodyUsesAnyMore) {
  SharingPool<SharedText> pool;
  const SharedText kept = pool.share("kept");
  for (int i = 0; i < 10'000; ++i) {
    const SharedText passing = pool.share("passing-" + std::to_string(i));
    ASSERT_LE(pool.size(), SharingPool<SharedText>::kFirstLook) << "with one in use and one passing";
  }
  EXPECT_EQ(&pool.share("kept").text(), &kept.text());
}

TEST(SharingPool, GrowsWithWhatIsUsed) {
  SharingPool<SharedText> pool;
  std::vector<SharedText> used;
  for (int i = 0; i < 1000; ++i) used.push_back(pool.share("node-" + std::to_string(i)));
  EXPECT_EQ(pool.size(), 1000u);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(&pool.share("node-" + std::to_string(i)).text(), &used[static_cast<std::size_t>(i)].text());
  }
}

}  // namespace
}  // namespace tierwall::policy
