// Files of the policy directory: all of a change, or none of it.

#include "daemon/changes/policy_files.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/unit/daemon/sources/scratch_directory.h"

namespace tierwall::daemon {
namespace {

using ::testing::HasSubstr;

class Files : public testing::Test {
 protected:
  FileContents read() {
    const auto files = files_.read();
    return files ? *files : FileContents{{"error", files.error().message}};
  }
  /// Also those nobody takes for manifests.
  [[nodiscard]] std::ptrdiff_t entries() const {
    return std::distance(std::filesystem::directory_iterator(scratch_.path()), {});
  }

  ScratchDirectory scratch_;
  DirectoryFiles files_{scratch_.path().string()};
};

TEST_F(Files, AChangeWritesAndRemoves) {
  scratch_.write("old.yaml", "old");
  scratch_.write("notes.txt", "no manifest");
  ASSERT_TRUE(files_.replace({{"old.yaml", std::nullopt}, {"new.yaml", "new"}, {"gone.yaml", std::nullopt}}));
  EXPECT_EQ(read(), (FileContents{{"new.yaml", "new"}}));
  EXPECT_EQ(entries(), 2) << "nothing is left beside the files";
}

TEST_F(Files, AFileKeepsItsRights) {
  scratch_.write("a.yaml", "a");
  ASSERT_EQ(chmod(scratch_.file("a.yaml").c_str(), 0640), 0);
  ASSERT_TRUE(files_.replace({{"a.yaml", "b"}, {"new.yaml", "n"}}));
  struct stat status {};
  ASSERT_EQ(stat(scratch_.file("a.yaml").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640U);
  ASSERT_EQ(stat(scratch_.file("new.yaml").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0644U);
}

TEST_F(Files, WhatIsNoFileIsNotReplacedAndNothingElseIsEither) {
  scratch_.write("a.yaml", "a");
  std::filesystem::create_symlink("a.yaml", scratch_.path() / "link.yaml");
  const auto refused = files_.replace({{"a.yaml", "changed"}, {"link.yaml", "changed"}});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("link.yaml: is a link"));
  EXPECT_EQ(read(), (FileContents{{"a.yaml", "a"}, {"link.yaml", "a"}}));
  EXPECT_EQ(entries(), 2);
}

TEST(FileNames, AreThoseOfManifests) {
  for (const char* good : {"a.yaml", "10-hosts.yml", "x.json", "mit Leerzeichen.yaml"})
    EXPECT_TRUE(check_file_name(good));
  for (const char* bad : {"", ".hidden.yaml", "a.txt", "../a.yaml", "a/b.yaml", "a\n.yaml"})
    EXPECT_FALSE(check_file_name(bad)) << bad;
}

}  // namespace
}  // namespace tierwall::daemon
