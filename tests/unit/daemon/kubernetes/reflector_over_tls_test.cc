// The reflector on the real transport: what HTTP/2 and libcurl make of accidents in the middle of answers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "daemon/sources/kubernetes/curl_transport.h"
#include "daemon/sources/kubernetes/reflector.h"
#include "tests/fake_api/fake_api_server.h"
#include "tests/fakes/fake_clock.h"
#include "tests/unit/daemon/kubernetes/loop_runner.h"

namespace tierwall::daemon {
namespace {

using fake_api::Cut;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kToken = "a-token";
constexpr const char* kPods = "/api/v1/pods";
constexpr const char* kPolicies = "/apis/networking.k8s.io/v1/networkpolicies";

json policy_named(const std::string& name) {
  return {{"apiVersion", "networking.k8s.io/v1"},
          {"kind", "NetworkPolicy"},
          {"metadata", {{"name", name}, {"namespace", "shop"}}},
          {"spec", {{"podSelector", json::object()}}}};
}

json pod_named(const std::string& name) {
  return {{"apiVersion", "v1"}, {"kind", "Pod"}, {"metadata", {{"name", name}, {"namespace", "shop"}}}};
}

/// One collection that is followed, and what was told of it.
class Followed final : public ReflectorSink {
 public:
  Followed(const char* path, HttpTransport& transport, const Clock& clock)
      : reflector({.path = path}, projection_, transport, clock, [] { return 0.0; }, reader_, *this, {}) {}

  void on_upsert(const ObjectName& /*name*/, const std::string& /*version*/, Node /*object*/) override {}
  void on_gone(const ObjectName& name) override { gone.push_back(name.name); }
  void on_unreadable(std::string what) override { unreadable.push_back(std::move(what)); }
  void on_full_read() override {}
  void on_synced() override {}
  void on_pause() override {
    if (reflector.failure()) failures.push_back(*reflector.failure());
  }

  std::vector<std::string> gone;
  std::vector<std::string> unreadable;
  std::vector<std::string> failures;

 private:
  Projection projection_ = Projection::only({"metadata"});
  JsonReader reader_;

 public:
  Reflector reflector;  // last: it uses all of the above
};

class ReflectorOverTls : public testing::Test {
 protected:
  ReflectorOverTls() { server.script().accept_token(kToken); }

  /// Everybody who waits for a time gets it at once.
  bool wait_for(const std::function<bool()>& condition) {
    return test::turn_until(loop, [&] {
      for (Followed* one : followed) {
        const auto due = one->reflector.due();
        if (due && *due > clock.monotonic()) clock.advance(*due - clock.monotonic());
        one->reflector.step();
      }
      return condition();
    });
  }
  bool follow(std::vector<Followed*> all) {
    followed = std::move(all);
    return wait_for([this] {
      return std::all_of(followed.begin(), followed.end(), [this](const Followed* one) {
        return one->reflector.synced() && server.script().open_watches(one->reflector.collection().path) == 1;
      });
    });
  }
  [[nodiscard]] std::string last_request_of(const char* path) {
    const auto requests = server.script().requests();
    const auto last = std::find_if(requests.rbegin(), requests.rend(),
                                   [path](const auto& seen) { return seen.request.path == path; });
    return last == requests.rend() ? std::string() : last->request.target;
  }

  test::FakeClock clock;
  systemd::EventLoop loop;
  fake_api::CertificateAuthority authority;
  fake_api::FakeApiServer server{fake_api::FakeApiServer::listen_on("127.0.0.1"), {.server = authority.issue_server()}};
  CurlTransport transport{
      loop,
      clock,
      {.origin = "kubeconfig", .server = server.url(), .ca_data = authority.certificate(), .token = Secret(kToken)},
      "tierwalld/test"};
  Followed pods{kPods, transport, clock};
  Followed policies{kPolicies, transport, clock};
  std::vector<Followed*> followed;
};

/// RST_STREAM of one watch, while another on the same connection is in the middle of a transfer.
TEST_F(ReflectorOverTls, AStreamThatIsResetResumesAndItsNeighbourNoticesNothing) {
  server.store().put(policy_named("first"));
  ASSERT_TRUE(follow({&pods, &policies}));
  const std::string seen = policies.reflector.resource_version();
  constexpr std::size_t kBusy = 60;
  server.script().behave({.slow_bytes = 8192, .slow_tick = std::chrono::milliseconds(1)});
  server.script().cut_inside_next_event(Cut::StreamError, kPolicies);
  for (std::size_t i = 0; i < kBusy; ++i) {
    server.store().put_giant(pod_named("pod-" + std::to_string(i)), 20'000);
    if (i == 5) server.store().put(policy_named("second"));
  }
  ASSERT_TRUE(wait_for([&] { return !policies.failures.empty(); }));
  EXPECT_LT(pods.reflector.size(), kBusy) << "in the middle of the transfer";
  ASSERT_TRUE(wait_for([&] { return policies.reflector.size() == 2 && pods.reflector.size() == kBusy; }));

  EXPECT_THAT(last_request_of(kPolicies), HasSubstr("watch=1&resourceVersion=" + seen + "&"));
  EXPECT_EQ(server.script().count_requests(kPods), 1U);
  EXPECT_EQ(server.accepted_connections(), 1U);
  EXPECT_EQ(transport.last_http_version(), "HTTP/2");
  EXPECT_THAT(pods.failures, IsEmpty());
  EXPECT_THAT(policies.gone, IsEmpty());
}

struct Truncation {
  const char* what;
  bool http2;
  bool streamed_list;
  std::size_t bytes;
  Cut how;
};

/// For libcurl 7.88 an answer that ends by RST_STREAM with NO_ERROR is complete, and one that a proxy finished in its
/// name always is. Whoever believed that would take what is missing for deleted.
TEST_F(ReflectorOverTls, AListThatMerelyLooksWholeDeletesNothing) {
  const Truncation rows[] = {
      {"pages, HTTP/1.1, nothing of it", false, false, 0, Cut::LooksWhole},
      {"pages, HTTP/1.1, up to the first item", false, false, 400, Cut::LooksWhole},
      {"pages, HTTP/2, up to the first item", true, false, 400, Cut::LooksWhole},
      {"pages, HTTP/2, within the last item", true, false, 30'000, Cut::LooksWhole},
      {"pages, HTTP/2, a quiet reset", true, false, 400, Cut::QuietReset},
      {"pages, HTTP/2, a quiet reset later", true, false, 20'000, Cut::QuietReset},
      {"stream, HTTP/1.1", false, true, 400, Cut::LooksWhole},
      {"stream, HTTP/2", true, true, 20'000, Cut::LooksWhole},
      {"stream, HTTP/2, a quiet reset", true, true, 400, Cut::QuietReset},
  };
  for (const char* name : {"a", "b", "c", "d"}) server.store().put_giant(policy_named(name), 10'000);
  for (const Truncation& row : rows) {
    SCOPED_TRACE(row.what);
    server.script().behave({.http2 = row.http2, .watch_list = row.streamed_list});
    server.cut_connections(Cut::Reset);
    ASSERT_TRUE(server.script().wait_for([this] { return server.script().open_watches() == 0; }));
    Followed list(kPolicies, transport, clock);
    ASSERT_TRUE(follow({&list}));
    ASSERT_EQ(list.reflector.size(), 4U);
    // One is deleted and the watch does not tell; then everything is to be read again.
    server.script().behave({.http2 = row.http2, .watch_list = row.streamed_list, .only_bookmarks = true});
    server.store().remove("NetworkPolicy/shop/b");
    server.script().cut_next_answer_after(row.bytes, row.how, kPolicies);
    const std::size_t before = server.script().requests().size();
    server.script().send_error(fake_api::expired_list());
    ASSERT_TRUE(wait_for([&] { return list.gone.size() == 1 || list.reflector.size() < 4; }));
    EXPECT_THAT(list.gone, ElementsAre("b"));
    EXPECT_THAT(list.failures, Not(IsEmpty()));
    EXPECT_GT(server.script().requests().size(), before + 1) << "it was asked for again";
    EXPECT_EQ(list.reflector.size(), 3U);
    followed.clear();
    server.store().put_giant(policy_named("b"), 10'000);
  }
}

}  // namespace
}  // namespace tierwall::daemon
