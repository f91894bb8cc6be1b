// The real source against a cluster of your own, named by TIERWALL_TEST_KUBECONFIG: everything that may be read is read
// and followed; if a namespace may be made, a policy and labels in it come and go as they should, and it is removed
// again. Nothing else in the cluster is touched.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/sources/kubernetes/cluster_connection.h"
#include "policy/inventory.h"
#include "tests/cluster/cluster_writer.h"
#include "tests/unit/daemon/kubernetes/loop_runner.h"

namespace tierwall::cluster {
namespace {

using testing::IsEmpty;

constexpr const char* kVariable = "TIERWALL_TEST_KUBECONFIG";
/// A real cluster takes its time, above all to remove a namespace.
constexpr std::chrono::seconds kPatience{90};

std::string kubeconfig_path() {
  const char* path = std::getenv(kVariable);
  return path == nullptr ? "" : path;
}

class ClusterSourceTest : public testing::Test {
 protected:
  ClusterSourceTest() {
    connection_.need({.service_accounts = true, .services = true, .nodes = true, .pods = daemon::Needs::Pods::All});
    connection_.start();
  }
  ~ClusterSourceTest() override {
    if (!made_.empty()) static_cast<void>(writer_.remove("/api/v1/namespaces/" + made_));
  }

  bool wait_for(const std::function<bool()>& condition) { return test::turn_until(loop_, condition, kPatience); }

  [[nodiscard]] bool has_state(const std::vector<std::string>& states) const {
    const auto rows = connection_.status();
    return std::any_of(rows.begin(), rows.end(), [&states](const daemon::KindStatus& row) {
      return std::find(states.begin(), states.end(), row.state) != states.end();
    });
  }
  /// Everything was read, or as much as we may.
  [[nodiscard]] bool is_read() const {
    return connection_.in_sync() || (has_state({"refused"}) && !has_state({"waiting", "reading", "retrying"}));
  }
  /// What a first answer leads to is asked for a moment later.
  bool wait_until_read() {
    const auto read = [this] { return is_read(); };
    if (!wait_for(read)) return false;
    test::turn_until_idle(loop_);
    return wait_for(read);
  }
  [[nodiscard]] bool is_followed(std::string_view path) const {
    const auto rows = connection_.status();
    return std::any_of(rows.begin(), rows.end(),
                       [path](const daemon::KindStatus& row) { return row.path == path && row.state == "following"; });
  }
  void print_status() const {
    for (const daemon::KindStatus& row : connection_.status()) {
      std::printf("%-36s %-11s %6zu  %s\n", row.kind.c_str(), row.state.c_str(), row.objects, row.path.c_str());
    }
  }

  /// False: we may not.
  bool make_namespace() {
    const std::string name = "tierwall-test-" + std::to_string(::getpid()) + "-" +
                             std::to_string(std::chrono::system_clock::now().time_since_epoch().count() % 1'000'000);
    const auto reply = writer_.create("/api/v1/namespaces", R"({"metadata":{"name":")" + name + "\"}}");
    EXPECT_TRUE(reply) << reply.error().message;
    if (!reply || reply->status == 403) return false;
    EXPECT_EQ(reply->status, 201) << reply->body;
    made_ = name;
    return reply->status == 201;
  }
  static void expect_done(const Result<Reply>& reply) {
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_THAT(reply->status, testing::AllOf(testing::Ge(200), testing::Lt(300))) << reply->body;
  }
  [[nodiscard]] std::string namespace_path() const { return "/api/v1/namespaces/" + made_; }
  [[nodiscard]] std::string policies_path() const {
    return "/apis/networking.k8s.io/v1/namespaces/" + made_ + "/networkpolicies";
  }

  Result<daemon::ServerAccess> access_ = daemon::read_kubeconfig(kubeconfig_path());
  systemd::EventLoop loop_;
  daemon::SystemClock clock_;
  policy::Inventory inventory_;
  ClusterWriter writer_{loop_, clock_, access_ ? *access_ : daemon::ServerAccess{}};
  std::string made_;  // a namespace
  daemon::ClusterConnection connection_{loop_, clock_,
                                        daemon::ClusterConnection::Settings{.node = {},
                                                                            .user_agent = "tierwall-test",
                                                                            .read_access = [this] { return access_; },
                                                                            .first_request_spread = {}},
                                        [this](const std::vector<policy::ResourceEvent>& events) {
                                          for (const policy::ResourceEvent& event : events) inventory_.apply(event);
                                        },
                                        [] {}};
};

TEST_F(ClusterSourceTest, FollowsTheClusterAndSeesWhatChanges) {
  ASSERT_TRUE(access_) << access_.error().message;
  ASSERT_TRUE(wait_until_read()) << testing::PrintToString(connection_.lost());
  print_status();
  EXPECT_FALSE(connection_.failure());
  EXPECT_THAT(connection_.problems(), IsEmpty()) << "objects that cannot be read at all";
  ASSERT_TRUE(is_followed("/api/v1/namespaces")) << testing::PrintToString(connection_.lost());
  EXPECT_FALSE(inventory_.snapshot().namespaces.empty());
  if (has_state({"refused"})) std::puts("not everything may be read");
  if (!is_followed("/apis/networking.k8s.io/v1/networkpolicies") || !make_namespace()) {
    std::puts("read only: we may not make a namespace here, or not follow network policies");
    return;
  }

  const auto& namespaces = inventory_.snapshot().namespaces;
  ASSERT_TRUE(wait_for([&] { return namespaces.count(made_) > 0; }));
  expect_done(writer_.merge(namespace_path(), R"({"metadata":{"labels":{"tierwall.test/step":"two"}}})"));
  EXPECT_TRUE(wait_for([&] { return namespaces.at(made_).labels.find("tierwall.test/step").has_value(); }));

  const policy::ResourceKey key{policy::Kind::KubernetesNetworkPolicy, made_, "deny"};
  expect_done(writer_.create(policies_path(), R"({"metadata":{"name":"deny"},"spec":{"podSelector":{}}})"));
  ASSERT_TRUE(wait_for([&] { return connection_.knows(key); }));
  EXPECT_EQ(inventory_.snapshot().policies.count(key), 1U);
  expect_done(writer_.remove(policies_path() + "/deny"));
  EXPECT_TRUE(wait_for([&] { return !connection_.knows(key); }));
  EXPECT_EQ(inventory_.snapshot().policies.count(key), 0U);

  expect_done(writer_.remove(namespace_path()));
  EXPECT_TRUE(wait_for([&] { return namespaces.count(made_) == 0; }));
  made_.clear();
}

}  // namespace
}  // namespace tierwall::cluster

int main(int argc, char** argv) {
  if (tierwall::cluster::kubeconfig_path().empty()) {
    std::printf("skipped: %s names no kubeconfig of a cluster to try this with\n", tierwall::cluster::kVariable);
    return 77;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
