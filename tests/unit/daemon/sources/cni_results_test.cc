#include "daemon/sources/cni_results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <systemd/sd-event.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "policy/inventory.h"
#include "tests/unit/daemon/sources/scratch_directory.h"

namespace tierwall::daemon {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// As libcni 1.x writes it; `config` is the plugin configuration in base64.
std::string cache_file(const std::string& pod, const std::string& addresses) {
  return R"({"kind":"cniCacheV1","containerId":"1f","config":"eyJ9","ifName":"eth0","networkName":"cbr0",)"
         R"("cniArgs":[["IgnoreUnknown","1"],["K8S_POD_NAMESPACE","shop"],["K8S_POD_NAME",")" +
         pod + R"("]],"capabilityArgs":{"dns":{}},"result":{"cniVersion":"1.0.0","dns":{},"ips":)" + addresses +
         R"(,"interfaces":[{"name":"veth1"}]}})";
}

TEST(CniResult, TellsWhichPodHasWhichAddress) {
  const auto sandbox =
      parse_cni_result(cache_file("web", R"([{"address":"10.244.0.5/24","gateway":"10.244.0.1","interface":2},)"
                                         R"({"address":"fd00::5/64"}])"),
                       "cbr0-1f-eth0");
  ASSERT_TRUE(sandbox);
  ASSERT_TRUE(*sandbox);
  EXPECT_EQ((*sandbox)->ns, "shop");
  EXPECT_EQ((*sandbox)->pod, "web");
  EXPECT_EQ((*sandbox)->name, "cbr0-1f-eth0");
  EXPECT_THAT((*sandbox)->addresses,
              ElementsAre(*policy::parse_address("10.244.0.5"), *policy::parse_address("fd00::5")));
}

TEST(CniResult, OfNoPodOrNoResult) {
  const auto of_podman = parse_cni_result(R"({"kind":"cniCacheV1","result":{"ips":[{"address":"10.0.0.2/24"}]}})", "x");
  ASSERT_TRUE(of_podman);
  EXPECT_FALSE(*of_podman);
  for (const std::string text : {"", "[]", "{\"a\": ", "plain text", "{\"a\": 1}\n---\n{}"}) {
    EXPECT_FALSE(parse_cni_result(text, "x")) << text;
  }
  const auto no_address = parse_cni_result(cache_file("web", R"([{"address":"nonsense/24"}])"), "x");
  ASSERT_FALSE(no_address);
  EXPECT_THAT(no_address.error().message, HasSubstr("result.ips"));
}

class CniResultsTest : public testing::Test {
 protected:
  CniResultsTest()
      : folder_(scratch_.path() / "results"),
        results_(loop_, folder_.string(), [this](const std::vector<policy::ResourceEvent>& events) {
          for (const policy::ResourceEvent& event : events) inventory_.apply(event);
        }) {}

  void write(const std::string& name, const std::string& text) { std::ofstream(folder_ / name) << text; }

  bool wait_until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 3s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      sd_event_run(loop_.raw(), 10'000);
    }
    return true;
  }

  [[nodiscard]] std::vector<std::string> pods() const {
    std::vector<std::string> names;
    for (const auto& [key, sandbox] : inventory_.snapshot().sandboxes) names.push_back(sandbox.pod);
    return names;
  }

  ScratchDirectory scratch_;
  fs::path folder_;
  systemd::EventLoop loop_;
  policy::Inventory inventory_;
  CniResults results_;
};

TEST_F(CniResultsTest, FollowsTheFolder) {
  fs::create_directory(folder_);
  write("cbr0-1f-eth0", cache_file("web", R"([{"address":"10.244.0.5/24"}])"));
  results_.start();
  EXPECT_THAT(pods(), ElementsAre("web"));

  write("cbr0-2e-eth0", cache_file("db", R"([{"address":"10.244.0.6/24"}])"));
  EXPECT_TRUE(wait_until([&] { return pods().size() == 2; }));
  fs::remove(folder_ / "cbr0-1f-eth0");
  EXPECT_TRUE(wait_until([&] { return pods() == std::vector<std::string>{"db"}; }));
}

TEST_F(CniResultsTest, AFileThatBreaksKeepsWhatItSaid) {
  fs::create_directory(folder_);
  write("cbr0-1f-eth0", cache_file("web", R"([{"address":"10.244.0.5/24"}])"));
  results_.start();
  write("cbr0-1f-eth0", "{\"cniArgs\": [[");
  EXPECT_TRUE(wait_until([&] { return results_.problems().count("cbr0-1f-eth0") == 1; }));
  EXPECT_THAT(pods(), ElementsAre("web"));
}

TEST_F(CniResultsTest, AFolderThatComesLater) {
  results_.start();
  EXPECT_FALSE(results_.watching());
  EXPECT_THAT(pods(), IsEmpty());
  fs::create_directory(folder_);
  write("cbr0-1f-eth0", cache_file("web", R"([{"address":"10.244.0.5/24"}])"));
  EXPECT_TRUE(wait_until([&] { return results_.watching(); }));
  EXPECT_THAT(pods(), ElementsAre("web"));
}

}  // namespace
}  // namespace tierwall::daemon
