#include "daemon/sources/kubernetes/json_block.h"

#include <random>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace tierwall::daemon {
namespace {

std::uint64_t bits_of(std::string_view text, std::string_view wanted) {
  std::uint64_t bits = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (wanted.find(text[at]) != std::string_view::npos) bits |= std::uint64_t{1} << at;
  }
  return bits;
}

/// One byte after the other: slow, and easy to believe.
JsonBlock look_plainly(std::string_view text) {
  return {bits_of(text, "\""), bits_of(text, "\\"), bits_of(text, "{["), bits_of(text, "}]")};
}

std::string random_text(std::mt19937& random, std::string_view alphabet, std::size_t size) {
  std::uniform_int_distribution<std::size_t> pick(0, alphabet.size() - 1);
  std::string text;
  while (text.size() < size) text += alphabet[pick(random)];
  return text;
}

std::string all_bytes() {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  return bytes;
}

TEST(JsonBlock, EveryWayOfLookingSeesTheSame) {
  std::mt19937 random(1);
  for (const std::string& alphabet : {std::string("\"\\{}[]"), std::string("a\"\\{}[]:, "), all_bytes()}) {
    for (int round = 0; round < 500; ++round) {
      const std::string text = random_text(random, alphabet, kJsonBlock);
      ASSERT_EQ(look_at(text.data()), look_plainly(text)) << text;
      ASSERT_EQ(look_at_words(text.data()), look_plainly(text)) << text;
    }
  }
}

TEST(JsonBlock, KnowsEveryByteInEveryPlace) {
  for (const char byte : all_bytes()) {
    for (std::size_t at = 0; at < kJsonBlock; ++at) {
      std::string text(kJsonBlock, 'x');
      text[at] = byte;
      ASSERT_EQ(look_at(text.data()), look_plainly(text)) << static_cast<int>(byte) << " at " << at;
      ASSERT_EQ(look_at_words(text.data()), look_plainly(text)) << static_cast<int>(byte) << " at " << at;
    }
  }
}

TEST(JsonBlock, EscapesGoOnFromBlockToBlock) {
  std::mt19937 random(2);
  bool first = false;
  bool escaped = false;  // by the byte before, found plainly
  for (int round = 0; round < 2'000; ++round) {
    // Also long rows of backslashes, which cross the end of a block.
    const std::string text =
        random_text(random, round % 2 == 0 ? "\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\x" : "\\xxx", kJsonBlock);
    std::uint64_t expected = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (escaped) expected |= std::uint64_t{1} << at;
      escaped = !escaped && text[at] == '\\';
    }
    ASSERT_EQ(escaped_bytes(bits_of(text, "\\"), first), expected) << text;
    ASSERT_EQ(first, escaped) << text;
  }
}

TEST(JsonBlock, TextsGoFromQuoteToQuote) {
  std::mt19937 random(3);
  for (int round = 0; round < 500; ++round) {
    const std::string text = random_text(random, "\"xxx", kJsonBlock);
    std::uint64_t expected = 0;
    bool inside = false;
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (text[at] == '"') inside = !inside;
      if (inside) expected |= std::uint64_t{1} << at;
    }
    ASSERT_EQ(inside_quotes(bits_of(text, "\"")), expected) << text;
  }
}

TEST(JsonBlock, CountsBits) {
  std::mt19937_64 random(4);
  EXPECT_EQ(count_bits(0), 0u);
  EXPECT_EQ(count_bits(~std::uint64_t{0}), 64u);
  for (int round = 0; round < 1'000; ++round) {
    const std::uint64_t bits = random() & random();
    ASSERT_EQ(count_bits(bits), static_cast<std::size_t>(std::popcount(bits)));
  }
}

}  // namespace
}  // namespace tierwall::daemon
