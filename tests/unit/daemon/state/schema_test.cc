#include "daemon/state/schema.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/daemon/sources/scratch_directory.h"
#include "tests/unit/daemon/state/sample_state.h"

namespace tierwall::daemon {
namespace {

const Migrations kOld{"CREATE TABLE pods (name TEXT NOT NULL)"};
const Migrations kNew{kOld[0], "ALTER TABLE pods ADD COLUMN node TEXT NOT NULL DEFAULT 'unknown'",
                      "CREATE TABLE nodes (name TEXT)"};

class Migrating : public testing::Test {
 protected:
  Migrating() {
    scratch_.write("some.db", "");
    auto opened = Database::connect(scratch_.file("some.db"), Access::Write, std::chrono::milliseconds(0));
    TIERWALL_CHECK(opened);
    database_.emplace(*std::move(opened));
  }

  std::int64_t version() { return value_of(database_->number("PRAGMA user_version")); }

  ScratchDirectory scratch_;
  std::optional<Database> database_;
};

TEST_F(Migrating, AnOlderFileIsBroughtUpToDateWithWhatItHolds) {
  ASSERT_EQ(message_of(migrate(*database_, kOld)), "");
  ASSERT_EQ(message_of(database_->execute("INSERT INTO pods VALUES ('web')")), "");
  EXPECT_EQ(version(), 1);
  ASSERT_EQ(message_of(migrate(*database_, kNew)), "");
  EXPECT_EQ(version(), 3);
  EXPECT_EQ(value_of(database_->text("SELECT name || ' on ' || node FROM pods")), "web on unknown");
}

TEST_F(Migrating, ANewFileTakesEveryStep) {
  ASSERT_EQ(message_of(migrate(*database_, kNew)), "");
  EXPECT_EQ(version(), 3);
  EXPECT_EQ(value_of(database_->number("PRAGMA application_id")), kApplicationId);
}

TEST_F(Migrating, NothingIsDoneTwice) {
  ASSERT_EQ(message_of(migrate(*database_, kNew)), "");
  ASSERT_EQ(message_of(migrate(*database_, kNew)), "");
  EXPECT_EQ(version(), 3);
}

TEST_F(Migrating, AStepThatFailsLeavesTheVersionBeforeIt) {
  const Migrations broken{kOld[0], "CREATE TABLE half (name TEXT); CREATE TABLE pods (name TEXT)"};
  EXPECT_EQ(message_of(migrate(*database_, broken)),
            "from schema 1 to 2: " + scratch_.file("some.db") + ": table pods already exists");
  EXPECT_EQ(version(), 1);
  EXPECT_EQ(value_of(database_->number("SELECT count(*) FROM sqlite_schema WHERE name = 'half'")), 0);
}

TEST_F(Migrating, AFileIsBlankUntilTheFirstStep) {
  EXPECT_TRUE(value_of(is_blank(*database_)));
  ASSERT_EQ(message_of(migrate(*database_, kOld)), "");
  EXPECT_FALSE(value_of(is_blank(*database_)));
}

}  // namespace
}  // namespace tierwall::daemon
