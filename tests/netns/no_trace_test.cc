// The firewall is the lab node's and nobody else's: the machine that runs these tests keeps its tables and links, and a
// test that is killed takes all of its network along.

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>

#include "tests/netns/firewall.h"

namespace tierwall::lab {
namespace {

struct Story : FirewallTest {
  void TestBody() override {}
};

std::string tables_and_links_of_this_machine() {
  return require_command({.argv = {"ip", "-o", "link", "show"}}) + require_command({.argv = {"nft", "list", "tables"}});
}

/// Is any process in the namespace of this name ("net:[4026531840]")?
bool is_inhabited(const std::string& network) {
  std::error_code gone;
  for (const auto& process : std::filesystem::directory_iterator("/proc"))
    if (std::filesystem::read_symlink(process.path() / "ns/net", gone).string() == network) return true;
  return false;
}

TEST(NoTrace, TheMachinesOwnNetworkNeverSeesAnyOfIt) {
  const std::string before = tables_and_links_of_this_machine();
  {
    Story story;
    story.daemon.write_manifest("deny.yaml", network_policy("deny", kDenyAll));
    story.daemon.start();
    story.expect_dropped(story.probe("app/api", "app/web"));
    EXPECT_EQ(tables_and_links_of_this_machine(), before);
  }
  EXPECT_EQ(tables_and_links_of_this_machine(), before);
}

TEST(NoTrace, AKilledTestTakesItsNetworkAndItsDaemonAlong) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t test = ::fork();
  if (test == 0) {
    Story story;
    story.daemon.start();
    const std::string network =
        story.lab.node().network.run([] { return std::filesystem::read_symlink("/proc/thread-self/ns/net").string(); });
    if (::write(ends[1], network.data(), network.size()) < 0) ::_exit(1);
    for (;;) ::pause();
  }
  std::array<char, 64> name{};
  const ssize_t length = ::read(ends[0], name.data(), name.size());
  ASSERT_GT(length, 0);
  const std::string network(name.data(), static_cast<std::size_t>(length));
  EXPECT_TRUE(is_inhabited(network)) << "by the daemon";
  ::kill(test, SIGKILL);
  for (int i = 0; i < 500 && is_inhabited(network); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_FALSE(is_inhabited(network));
}

}  // namespace
}  // namespace tierwall::lab
