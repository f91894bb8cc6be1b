#include "daemon/sources/kubernetes/api_group.h"

#include <gtest/gtest.h>

#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_http_transport.h"

namespace tierwall::daemon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ApiGroupTest : public testing::Test {
 protected:
  /// Time passes until the group asks; the answer is then open.
  test::FakeAnswer& ask_after(std::chrono::microseconds time) {
    clock.advance(time - std::chrono::microseconds(1));
    group.step();
    EXPECT_EQ(transport.last(), nullptr) << "asked too early";
    clock.advance(std::chrono::microseconds(1));
    group.step();
    EXPECT_NE(transport.last(), nullptr) << "did not ask";
    return *transport.last();
  }

  test::FakeClock clock;
  test::FakeHttpTransport transport;
  JsonReader reader;
  int answers = 0;
  ApiGroup group{"/apis/policy.networking.k8s.io/v1alpha2",
                 transport,
                 clock,
                 [] { return 0.0; },
                 reader,
                 [this] { ++answers; },
                 seconds(1)};
};

constexpr std::string_view kServed =
    R"({"kind":"APIResourceList","resources":[{"name":"clusternetworkpolicies"},{"name":"clusternetworkpolicies/status"}]})";

TEST_F(ApiGroupTest, KnowsWhatIsServed) {
  test::FakeAnswer& answer = ask_after(seconds(1));
  EXPECT_EQ(answer.request().target, "/apis/policy.networking.k8s.io/v1alpha2");
  EXPECT_FALSE(group.answered());
  answer.answer(200, kServed);
  EXPECT_TRUE(group.answered());
  EXPECT_TRUE(group.serves("clusternetworkpolicies"));
  EXPECT_FALSE(group.serves("adminnetworkpolicies"));
  EXPECT_EQ(answers, 1);
}

TEST_F(ApiGroupTest, LooksForWhatIsMissingUntilItIsThere) {
  ask_after(seconds(1)).answer(404, "404 page not found\n");
  EXPECT_TRUE(group.answered());
  EXPECT_FALSE(group.serves("clusternetworkpolicies"));
  ask_after(seconds(30)).answer(200, kServed);
  EXPECT_TRUE(group.serves("clusternetworkpolicies"));
  group.keep_looking(false);
  EXPECT_FALSE(group.due());
  group.keep_looking(true);
  ASSERT_TRUE(group.due());
  EXPECT_EQ(*group.due(), clock.monotonic());
}

TEST_F(ApiGroupTest, AFailureIsNoAnswer) {
  ask_after(seconds(1)).answer(503, R"({"kind":"Status","message":"etcd is away","code":503})");
  EXPECT_FALSE(group.answered());
  EXPECT_EQ(group.failure(), "503: etcd is away");
  ask_after(milliseconds(800)).fail("connection refused");
  EXPECT_FALSE(group.answered());
  EXPECT_EQ(group.failure(), "connection refused");
  ask_after(milliseconds(1600)).answer(200, R"({"kind":"Status"})");
  EXPECT_FALSE(group.answered()) << "that was no list of resources";
  ask_after(milliseconds(3200)).answer(200, kServed);
  EXPECT_TRUE(group.answered());
  EXPECT_FALSE(group.failure());
}

TEST_F(ApiGroupTest, AFailureLeavesWhatWasKnown) {
  ask_after(seconds(1)).answer(200, kServed);
  ask_after(seconds(30)).fail("connection refused");
  EXPECT_TRUE(group.serves("clusternetworkpolicies"));
}

TEST_F(ApiGroupTest, WhatIsHiddenMayBeServed) {
  ask_after(seconds(1)).answer(403, "");
  EXPECT_TRUE(group.answered());
  EXPECT_TRUE(group.serves("clusternetworkpolicies"));
}

}  // namespace
}  // namespace tierwall::daemon
