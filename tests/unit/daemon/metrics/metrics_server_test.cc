// Metrics over HTTP, asked through a real socket: what a scraper gets, and what rude clients get.

#include "daemon/metrics/metrics_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "systemd/unique_fd.h"
#include "tests/fakes/fake_clock.h"

namespace tierwall::daemon {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

struct MetricsServerTest : ::testing::Test {
  void SetUp() override {
    server.serve(anywhere());
    running = std::thread([this] { loop.run(); });
  }
  void TearDown() override {
    eventfd_write(end.raw(), 1);
    running.join();
  }

  static MetricsPlace anywhere() { return {*policy::parse_address("127.0.0.1"), 0}; }
  systemd::UniqueFd connect_to(std::uint16_t port) const {
    systemd::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd.raw(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    setsockopt(fd.raw(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
  }
  /// Says that, and listens until the server closes.
  std::string exchange(const std::string& request) const {
    const systemd::UniqueFd fd = connect_to(server.port());
    std::string answer;
    if (send(fd.raw(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return answer;
    std::vector<char> room(64 * 1024);
    for (;;) {
      const ssize_t received = recv(fd.raw(), room.data(), room.size(), 0);
      if (received <= 0) return answer;
      answer.append(room.data(), static_cast<std::size_t>(received));
    }
  }
  [[nodiscard]] std::string ask(const std::string& request) const { return exchange(request); }
  std::string ask_for(const std::string& path) { return ask("GET " + path + " HTTP/1.1\r\nHost: node-1\r\n\r\n"); }

  systemd::UniqueFd end{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  systemd::EventLoop loop;
  systemd::IoWatch at_end{loop, end.raw(), EPOLLIN, systemd::Priority::Signals,
                          [this](std::uint32_t) { loop.stop(0); }};
  std::atomic<int> made = 0;
  test::FakeClock clock;
  MetricsServer server{loop, clock, [this] { return "tierwall_in_sync " + std::to_string(++made) + "\n"; }, [] {}};
  std::thread running;  // the loop, and so the server
};

TEST_F(MetricsServerTest, GivesTheMetricsInTheirFormatAndCloses) {
  EXPECT_THAT(
      ask_for("/metrics"),
      AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
            HasSubstr("Connection: close\r\n"), HasSubstr("\r\n\r\ntierwall_in_sync 1\n")));
  EXPECT_THAT(ask("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 200 "), Not(HasSubstr("tierwall_in_sync"))));
  EXPECT_THAT(ask("GET /metrics HTTP/1.0\r\n\r\n"), HasSubstr("tierwall_in_sync"));
}

TEST_F(MetricsServerTest, HasNothingElse) {
  EXPECT_THAT(ask_for("/"), AllOf(StartsWith("HTTP/1.1 404 "), HasSubstr("/metrics")));
  EXPECT_THAT(ask("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"), StartsWith("HTTP/1.1 405 "));
  EXPECT_EQ(made, 0);
}

TEST_F(MetricsServerTest, WhoAsksAllTheTimeGetsTheSameTextForASecond) {
  for (int i = 0; i < 20; ++i) EXPECT_THAT(ask_for("/metrics"), HasSubstr("tierwall_in_sync 1\n"));
  EXPECT_EQ(made, 1);
  clock.advance(MetricsServer::kFresh);  // the loop looks at it only when it is asked
  EXPECT_THAT(ask_for("/metrics"), HasSubstr("tierwall_in_sync 2\n"));
}

TEST_F(MetricsServerTest, NonsenseIsRefusedAndCostsNothing) {
  EXPECT_THAT(ask("\x16\x03\x01 TLS\r\n\r\n"),
              AnyOf(StartsWith("HTTP/1.1 400 "), StartsWith("HTTP/1.0 400 "), IsEmpty()));
  EXPECT_THAT(ask("GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n"),
              Not(HasSubstr("tierwall_in_sync")));
  EXPECT_THAT(ask("GET /" + std::string(100'000, 'x') + " HTTP/1.1\r\nHost: x\r\n\r\n"),
              Not(HasSubstr("tierwall_in_sync")));
  EXPECT_EQ(made, 0);
  EXPECT_THAT(ask_for("/metrics"), HasSubstr("tierwall_in_sync 1\n")) << "others are served as before";
}

TEST_F(MetricsServerTest, ManySilentClientsNeverMakeTheLoopWait) {
  std::vector<systemd::UniqueFd> silent;
  for (unsigned i = 0; i < MetricsServer::kMaxClients + 8; ++i) silent.push_back(connect_to(server.port()));
  silent.clear();
  EXPECT_THAT(ask_for("/metrics"), HasSubstr("tierwall_in_sync 1\n")) << "as soon as they are gone";
}

TEST_F(MetricsServerTest, APlaceThatIsTakenIsToldAndAnotherOneServed) {
  systemd::EventLoop other_loop;
  MetricsServer other(
      other_loop, clock, [] { return std::string(); }, [] {});
  MetricsPlace taken = anywhere();
  taken.port = server.port();
  other.serve(taken);
  ASSERT_TRUE(other.failure());
  EXPECT_EQ(*other.failure(), "metrics.listen 127.0.0.1:" + std::to_string(taken.port) + ": Address already in use");
  other.serve(anywhere());
  EXPECT_FALSE(other.failure());
  EXPECT_NE(other.port(), 0);
  other.serve(std::nullopt);
  EXPECT_EQ(other.port(), 0);
}

TEST(MetricsServer, ServesIpv6Places) {
  systemd::EventLoop loop;
  const test::FakeClock clock;
  MetricsServer server(
      loop, clock, [] { return std::string(); }, [] {});
  server.serve(MetricsPlace{*policy::parse_address("::1"), 0});
  if (server.failure()) GTEST_SKIP() << *server.failure();
  EXPECT_NE(server.port(), 0);
}

}  // namespace
}  // namespace tierwall::daemon
