// The recipes of packaging/examples: every folder with a tests.yaml is without errors and does what it says.

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "daemon/ctl/command_line.h"

namespace tierwall::daemon::ctl {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> find_recipes() {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(TIERWALL_SOURCE_DIR "/packaging/examples")) {
    if (fs::exists(entry.path() / "tests.yaml")) names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

class RecipeTest : public ::testing::TestWithParam<std::string> {
 protected:
  static std::string path(const char* file) {
    return TIERWALL_SOURCE_DIR "/packaging/examples/" + GetParam() + "/" + file;
  }
  static void expect_success(const std::vector<std::string>& args) {
    std::istringstream in;
    std::ostringstream out, err;
    EXPECT_EQ(run(args, in, out, err, {"laptop", false, true}), 0) << out.str() << err.str();
    EXPECT_EQ(err.str().find("error: "), std::string::npos) << err.str();
  }
};

TEST_P(RecipeTest, IsValidAndDoesWhatItsTestsSay) {
  expect_success({"check", "-f", path("manifests")});
  expect_success({"test", "-f", path("manifests"), path("tests.yaml")});
  EXPECT_TRUE(fs::exists(path("README.md")));
}

INSTANTIATE_TEST_SUITE_P(Examples, RecipeTest, ::testing::ValuesIn(find_recipes()), [](const auto& recipe) {
  std::string name = recipe.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

TEST(Recipes, AreFound) {
  EXPECT_GE(find_recipes().size(), 8u);
}

}  // namespace
}  // namespace tierwall::daemon::ctl
