// `tierwalld flush`: the table goes, and what stands in the way is said.

#include <cerrno>

#include <gmock/gmock.h>

#include "daemon/flush.h"
#include "tests/fakes/fake_kernel_tables.h"

namespace tierwall::daemon {
namespace {

using ::testing::HasSubstr;

struct FlushTest : ::testing::Test {
  FlushTest() { tables.commit({.operations = {nft::AddTable{}}}); }

  test::FakeKernelTables tables;
};

TEST_F(FlushTest, DeletesTheTableInOneTransaction) {
  const Result<bool> deleted = flush(tables);
  ASSERT_TRUE(deleted);
  EXPECT_TRUE(*deleted);
}

TEST_F(FlushTest, NoTableIsNoError) {
  tables.refuse(0, ENOENT);
  const Result<bool> deleted = flush(tables);
  ASSERT_TRUE(deleted);
  EXPECT_FALSE(*deleted);
}

TEST_F(FlushTest, ATableOfAProcessThatRunsIsLeftAlone) {
  tables.refuse(0, EPERM);
  const Result<bool> deleted = flush(tables);
  ASSERT_FALSE(deleted);
  EXPECT_EQ(deleted.error().kind, ErrorKind::Denied);
  EXPECT_THAT(deleted.error().message, HasSubstr("stop it first"));
}

TEST_F(FlushTest, ALostAnswerIsAskedForAgain) {
  tables.lose_answer(0);
  const Result<bool> deleted = flush(tables);
  ASSERT_TRUE(deleted);
  EXPECT_TRUE(*deleted);
}

}  // namespace
}  // namespace tierwall::daemon
