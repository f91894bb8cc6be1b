// Whether the kernel shows traffic of pods that hang on one bridge, by a /proc that a test writes.

#include "daemon/bridge_filtering.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/daemon/sources/scratch_directory.h"

namespace tierwall::daemon {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Optional;

struct BridgeFilteringTest : testing::Test {
  void write(const std::string& setting, const std::string& value) const {
    const fs::path folder = fs::path(scratch.path()) / "sys/net/bridge";
    fs::create_directories(folder);
    std::ofstream(folder / setting) << value << "\n";
  }
  [[nodiscard]] std::optional<std::string> find(const char* name, const char* address) const {
    const policy::NetworkInterface bridge{.name = name, .addresses = {*policy::parse_address(address)}};
    return find_unseen_bridge({bridge}, {*policy::parse_prefix("10.1.0.0/24"), *policy::parse_prefix("fd00:1::/64")},
                              fs::path(scratch.path()).string());
  }

  ScratchDirectory scratch;
};

TEST_F(BridgeFilteringTest, WithoutTheModuleNothingIsSeen) {
  EXPECT_THAT(find("cni0", "10.1.0.1"),
              Optional(AllOf(HasSubstr("pods are on bridge 'cni0' (10.1.0.1)"), HasSubstr("br_netfilter is not loaded"),
                             HasSubstr("is not judged"))));
}

TEST_F(BridgeFilteringTest, TheSettingOfTheFamilyCounts) {
  write("bridge-nf-call-iptables", "1");
  write("bridge-nf-call-ip6tables", "0");
  EXPECT_EQ(find("cni0", "10.1.0.1"), std::nullopt);
  EXPECT_THAT(find("cni0", "fd00:1::1"), Optional(HasSubstr("bridge-nf-call-ip6tables is 0")));
  write("bridge-nf-call-iptables", "0");
  EXPECT_THAT(find("cni0", "10.1.0.1"), Optional(HasSubstr("bridge-nf-call-iptables is 0")));
}

TEST_F(BridgeFilteringTest, BridgesOfOthersDoNotMatter) {
  EXPECT_EQ(find("docker0", "172.17.0.1"), std::nullopt);
  EXPECT_EQ(find_unseen_bridge({}, {*policy::parse_prefix("10.1.0.0/24")}, "/nonexistent"), std::nullopt);
}

}  // namespace
}  // namespace tierwall::daemon
