// main of the tests that need namespaces of their own: without the privilege they are skipped, not failed.

#include <unistd.h>

#include <cstdio>

#include <gtest/gtest.h>

#include "tests/lab/daemon_process.h"

int main(int argc, char** argv) {
  if (::geteuid() != 0) {
    std::puts("skipped: network namespaces need root");
    return 77;
  }
  tierwall::lab::enter_private_run();
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
