// The real door, in a network namespace of the test's own.

#include "daemon/sources/netlink_interfaces.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>

#include <sched.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/sources/network_interfaces.h"

namespace tierwall::daemon {
namespace {

using ::testing::ElementsAre;

bool ip(const std::string& words) {
  return std::system(("ip " + words + " >/dev/null 2>&1").c_str()) == 0;
}

/// Runs on a thread of its own, so that the namespace goes with it.
void in_fresh_namespace(const std::function<void()>& story) {
  std::thread([&] {
    if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0 || !ip("link set lo up")) {
      GTEST_SKIP() << "needs root and the ip program";
    }
    story();
  }).join();
}

/// What is known, one line per interface: "eth0 10.0.0.1".
struct Follower {
  Follower(systemd::EventLoop& loop, KernelInterfaces& kernel)
      : interfaces(loop, kernel, [this](const std::vector<policy::ResourceEvent>& events) { told += events.size(); }) {}

  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> lines;
    for (const auto& [name, interface] : interfaces.interfaces()) {
      std::string line = name;
      for (const policy::Address& address : interface.addresses) line += " " + policy::print_address(address);
      lines.push_back(line);
    }
    return lines;
  }

  std::size_t told = 0;
  NetworkInterfaces interfaces;
};

TEST(NetlinkInterfaces, FollowTheKernel) {
  in_fresh_namespace([] {
    ASSERT_TRUE(ip("link add eth0 type bridge"));
    ASSERT_TRUE(ip("addr add 192.0.2.1/24 dev eth0"));
    auto kernel = NetlinkInterfaces::open();
    ASSERT_TRUE(kernel) << kernel.error().message;
    systemd::EventLoop loop;
    Follower follower(loop, **kernel);
    follower.interfaces.start();
    EXPECT_THAT(follower.lines(), ElementsAre("eth0 192.0.2.1", "lo 127.0.0.1 ::1"));

    const struct {
      const char* command;
      std::vector<std::string> lines;
    } kStory[] = {
        {"addr add 2001:db8::1/64 dev eth0 nodad", {"eth0 192.0.2.1 2001:db8::1", "lo 127.0.0.1 ::1"}},
        {"addr del 192.0.2.1/24 dev eth0", {"eth0 2001:db8::1", "lo 127.0.0.1 ::1"}},
        {"link set eth0 name lan0", {"lan0 2001:db8::1", "lo 127.0.0.1 ::1"}},
        {"link add lan1 type bridge", {"lan0 2001:db8::1", "lan1", "lo 127.0.0.1 ::1"}},
        {"link add pod0 type veth peer name pod1", {"lan0 2001:db8::1", "lan1", "lo 127.0.0.1 ::1"}},
        {"addr add 10.1.0.1 peer 10.1.0.2 dev pod0", {"lan0 2001:db8::1", "lan1", "lo 127.0.0.1 ::1", "pod0 10.1.0.1"}},
        {"link del pod0", {"lan0 2001:db8::1", "lan1", "lo 127.0.0.1 ::1"}},
        {"link del lan0", {"lan1", "lo 127.0.0.1 ::1"}},
    };
    for (const auto& step : kStory) {
      ASSERT_TRUE(ip(step.command)) << step.command;
      while (sd_event_run(loop.raw(), 0) > 0) {
      }
      // The kernel tells of IPv6 addresses from a work queue of its own.
      const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(2);
      while (follower.lines() != step.lines && std::chrono::steady_clock::now() < patience) {
        sd_event_run(loop.raw(), 10'000);
      }
      EXPECT_EQ(follower.lines(), step.lines) << step.command;
    }
  });
}

TEST(NetlinkInterfaces, APortThatLeavesItsBridgeStays) {
  in_fresh_namespace([] {
    ASSERT_TRUE(ip("link add cni0 type bridge") && ip("addr add 10.1.0.1/24 dev cni0"));
    ASSERT_TRUE(ip("link add port type veth peer name pod") && ip("addr add 10.9.0.1/32 dev port"));
    ASSERT_TRUE(ip("link set port master cni0"));
    auto kernel = NetlinkInterfaces::open();
    ASSERT_TRUE(kernel) << kernel.error().message;
    systemd::EventLoop loop;
    Follower follower(loop, **kernel);
    follower.interfaces.start();
    ASSERT_TRUE(ip("link set port nomaster"));
    while (sd_event_run(loop.raw(), 0) > 0) {
    }
    EXPECT_THAT(follower.lines(), ElementsAre("cni0 10.1.0.1", "lo 127.0.0.1 ::1", "port 10.9.0.1"));
    EXPECT_THAT(follower.interfaces.bridges(),
                ElementsAre(policy::NetworkInterface{"cni0", {*policy::parse_address("10.1.0.1")}}));
  });
}

TEST(NetlinkInterfaces, MoreNoticesThanTheDoorHoldsCostNothingButAnotherList) {
  in_fresh_namespace([] {
    auto kernel = NetlinkInterfaces::open();
    ASSERT_TRUE(kernel) << kernel.error().message;
    const int small = 2048;
    ASSERT_EQ(setsockopt((*kernel)->fd(), SOL_SOCKET, SO_RCVBUFFORCE, &small, sizeof small), 0);
    ASSERT_TRUE(ip("link add eth0 type bridge"));
    ASSERT_EQ(std::system("for i in $(seq 1 60); do echo addr add 192.0.2.$i/32 dev eth0; done | ip -batch -"), 0);
    const auto lost = (*kernel)->read();
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().kind, ErrorKind::Exhausted);
    const auto after = (*kernel)->read();
    ASSERT_TRUE(after);
    EXPECT_TRUE(after->empty()) << "what was older than the loss is not given any more";
    const auto all = (*kernel)->list();
    ASSERT_TRUE(all);
    EXPECT_EQ(
        std::count_if(all->begin(), all->end(),
                      [](const InterfaceNotice& notice) { return std::holds_alternative<AddressNotice>(notice); }),
        62);
  });
}

}  // namespace
}  // namespace tierwall::daemon
