#include "daemon/table_lock.h"

#include <cstddef>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sched.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace tierwall::daemon {
namespace {

struct TableLockTest : testing::Test {
  void SetUp() override {
    // The lock is of the network namespace, so that this one meets nobody else's.
    if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "needs root";
  }
};

TEST_F(TableLockTest, TheSecondIsToldWhoHasIt) {
  const Result<TableLock> first = TableLock::take();
  ASSERT_TRUE(first) << first.error().message;
  for (int i = 0; i < 3; ++i) {
    const Result<TableLock> second = TableLock::take();
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind, ErrorKind::Conflict);
    EXPECT_EQ(second.error().message, "another tierwalld (pid " + std::to_string(getpid()) +
                                          ") keeps the table of this network namespace; two would fight over it");
  }
}

TEST_F(TableLockTest, ItIsFreeWhenItsHolderIsGone) {
  EXPECT_TRUE(TableLock::take());
  EXPECT_TRUE(TableLock::take());
}

TEST_F(TableLockTest, AnotherNamespaceHasAnotherTable) {
  const Result<TableLock> here = TableLock::take();
  ASSERT_EQ(unshare(CLONE_NEWNET), 0);
  EXPECT_TRUE(TableLock::take());
}

TEST_F(TableLockTest, AUserWhoCouldNotRunItIsNoReasonToStop) {
  constexpr uid_t kNobody = 65534;
  const systemd::UniqueFd squatter(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name("\0tierwall/table/inet/tierwall", 29);
  name.copy(address.sun_path, sizeof address.sun_path);
  ASSERT_EQ(seteuid(kNobody), 0);
  const int bound = bind(squatter.raw(), reinterpret_cast<const sockaddr*>(&address),
                         static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size()));
  const int listens = listen(squatter.raw(), 1);
  ASSERT_EQ(seteuid(0), 0);
  ASSERT_EQ(bound + listens, 0);
  const Result<TableLock> lock = TableLock::take();
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().kind, ErrorKind::Denied);
  EXPECT_THAT(lock.error().message, testing::HasSubstr("user 65534"));
}

}  // namespace
}  // namespace tierwall::daemon
