#include "nft/names.h"

#include <gtest/gtest.h>

namespace tierwall::nft {
namespace {

TEST(Fingerprint, IsTheFirstEightyBitsOfSha256InBase32) {
  // SHA-256("") = e3b0c442 98fc1c14 9afb..., SHA-256("abc") = ba7816bf 8f01cfea 4141... (FIPS 180-4)
  EXPECT_EQ(fingerprint(""), "4oymiquy7qobjgx3");
  EXPECT_EQ(fingerprint("abc"), "xj4bnp4pahh6uqkb");
}

TEST(Fingerprint, CoversContentOfEveryLengthAroundABlock) {
  std::string content;
  std::string former;
  for (int length = 0; length < 130; ++length) {
    const std::string print = fingerprint(content);
    EXPECT_EQ(print.size(), 16U);
    EXPECT_NE(print, former);
    former = print;
    content += 'x';
  }
}

TEST(Comment, HasNothingNftWouldRefuse) {
  EXPECT_EQ(to_comment("role == \"db\"\n"), "role == 'db' ");
  EXPECT_EQ(to_comment(std::string(127, 'a')), std::string(127, 'a'));
  const std::string cut = to_comment(std::string(200, 'a') + "the end");
  EXPECT_LE(cut.size(), 127U);
  EXPECT_NE(cut.find("..."), std::string::npos);
  EXPECT_EQ(cut.substr(cut.size() - 7), "the end");
}

}  // namespace
}  // namespace tierwall::nft
