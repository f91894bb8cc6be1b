// An archive for an error report: what is in it, who may read it, and what is left out.

#include "daemon/ctl/bundle_command.h"

#include <sys/stat.h>

#include <cstdlib>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/ctl/archive.h"
#include "tests/unit/daemon/sources/scratch_directory.h"

namespace tierwall::daemon::ctl {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct BundleTest : ::testing::Test {
  /// Unpacked by the system's own tar.
  std::string unpack(const std::string& archive, const std::string& name) const {
    const std::string to = directory.file("unpacked");
    std::filesystem::create_directories(to);
    EXPECT_EQ(std::system(("tar --strip-components=1 -C " + to + " -xzf " + archive).c_str()), 0);
    std::ifstream file(to + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  int bundle(const std::string& path) {
    const Environment environment{"node-1"};
    return bundle_command({.doors = {.socket = directory.file("missing.sock"),
                                     .config = directory.file("tierwall.toml"),
                                     .state = directory.file("missing.db")},
                           .path = path},
                          {in, out, err, environment});
  }

  ScratchDirectory directory;
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
};

TEST_F(BundleTest, TellsWhatItHasAndWhatItHasNotWithoutADaemon) {
  directory.write("tierwall.toml", "[node]\nname = \"node-1\"\n");
  const std::string path = directory.file("report.tar.gz");
  EXPECT_EQ(bundle(path), 0) << err.str();
  EXPECT_EQ(unpack(path, "tierwall.toml"), "[node]\nname = \"node-1\"\n");
  EXPECT_THAT(unpack(path, "version.txt"), HasSubstr("tierwall 0."));
  EXPECT_THAT(unpack(path, "missing.txt"), AllOf(HasSubstr("status.json: "), HasSubstr("missing.sock")));
  EXPECT_THAT(out.str(), AllOf(HasSubstr("version.txt"), HasSubstr("look at it before you send it")));
  struct stat facts {};
  ASSERT_EQ(stat(path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777U, 0600U);
}

TEST_F(BundleTest, NeverTakesThePlaceOfAFile) {
  directory.write("report.tar.gz", "mine");
  EXPECT_EQ(bundle(directory.file("report.tar.gz")), exit_code::kRefused);
  EXPECT_THAT(err.str(), HasSubstr("report.tar.gz: File exists"));
  EXPECT_EQ(bundle(directory.file("nowhere/report.tar.gz")), exit_code::kRefused);
}

TEST_F(BundleTest, ALinkIsNotFollowed) {
  if (std::filesystem::exists("/dev/full")) {
    std::filesystem::create_symlink("/dev/full", directory.file("full"));
    EXPECT_FALSE(write_archive(directory.file("full"), "folder", {{"a", "b"}})) << "a link is not followed";
  }
  EXPECT_TRUE(write_archive(directory.file("two.tar.gz"), "folder", {{"a", "b"}, {"empty", ""}}));
  EXPECT_EQ(unpack(directory.file("two.tar.gz"), "a"), "b");
}

}  // namespace
}  // namespace tierwall::daemon::ctl
