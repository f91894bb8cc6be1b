#include "daemon/sources/kubernetes/base64.h"

#include <gtest/gtest.h>

namespace tierwall::daemon {
namespace {

TEST(Base64, EveryLengthComesBack) {
  const struct {
    const char* bytes;
    const char* text;
  } cases[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"\xff\xfe?", "//4/"}};
  for (const auto& one : cases) {
    EXPECT_EQ(encode_base64(one.bytes), one.text);
    EXPECT_EQ(decode_base64(one.text), one.bytes);
  }
}

TEST(Base64, LineBreaksAreSkipped) {
  EXPECT_EQ(decode_base64("Zm9v\r\nYmFy\n"), "foobar");
}

TEST(Base64, AnythingElseIsRefused) {
  for (const char* text : {"Zg", "Zg=", "Z", "Z===", "====", "Zg==Zg==", "Zm9v!", "Zm 9", "Z=g=", "-_-_"})
    EXPECT_EQ(decode_base64(text), std::nullopt) << text;
}

}  // namespace
}  // namespace tierwall::daemon
