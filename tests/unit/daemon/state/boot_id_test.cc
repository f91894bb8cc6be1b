#include "daemon/state/boot_id.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/daemon/sources/scratch_directory.h"
#include "tests/unit/daemon/state/sample_state.h"

namespace tierwall::daemon {
namespace {

TEST(BootId, TheKernelHasOneAndItStays) {
  const auto first = read_boot_id();
  if (!first) GTEST_SKIP() << first.error().message;
  EXPECT_EQ(first->size(), 36U);
  EXPECT_EQ(message_of(read_boot_id()), "");
  EXPECT_EQ(*read_boot_id(), *first);
}

TEST(BootId, TheLineEndIsNoPartOfIt) {
  const ScratchDirectory scratch;
  scratch.write("boot_id", std::string(kThisBoot) + "\n");
  EXPECT_EQ(value_of(read_boot_id(scratch.file("boot_id"))), kThisBoot);
}

TEST(BootId, WhatCannotBeOneIsRefused) {
  const ScratchDirectory scratch;
  const char* cases[] = {"",
                         "\n",
                         "62b09ea3",
                         "62B09EA3-de7a-4626-839f-503181e1b6b1",
                         "0b9c7e52-5d0e-4c39-9b0e-3f6b3c1d2a40x",
                         "62b09ea3ade7aa4626a839fa503181e1b6b1"};
  for (const char* text : cases) {
    scratch.write("boot_id", text);
    const auto id = read_boot_id(scratch.file("boot_id"));
    ASSERT_FALSE(id) << text;
    EXPECT_EQ(id.error().kind, ErrorKind::Malformed) << text;
  }
}

TEST(BootId, AMissingFileIsNotFound) {
  const auto id = read_boot_id("/nowhere/boot_id");
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().kind, ErrorKind::NotFound);
  EXPECT_EQ(id.error().message, "/nowhere/boot_id: No such file or directory");
}

}  // namespace
}  // namespace tierwall::daemon
