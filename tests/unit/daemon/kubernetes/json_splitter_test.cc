#include "daemon/sources/kubernetes/json_splitter.h"

#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace tierwall::daemon {
namespace {

/// Keeps what it gets.
class Collector final : public JsonSink {
 public:
  void on_value(std::string_view text, const JsonPlace& place) override {
    EXPECT_EQ(place.size, text.size());
    seen.push_back(std::to_string(place.number) + "@" + std::to_string(place.offset) + " " + std::string(text));
  }
  void on_oversized(const JsonPlace& place) override {
    seen.push_back(std::to_string(place.number) + "@" + std::to_string(place.offset) + " too large, " +
                   std::to_string(place.size));
  }

  std::vector<std::string> seen;
};

using Seen = std::vector<std::string>;

struct Listed {
  Seen seen;
  std::string outcome;  // "KIND VERSION CONTINUE", or what is wrong

  friend bool operator==(const Listed&, const Listed&) = default;
};

std::string outcome_of(const Result<ListMetadata>& list) {
  if (!list) return list.error().message;
  return list->api_version + " " + list->kind + " " + list->resource_version + " " + list->continue_token;
}

Seen split_values(const std::vector<std::string_view>& pieces, std::size_t limit = kMaxJsonValue) {
  Collector collector;
  JsonValueStream stream(collector, limit);
  for (const std::string_view piece : pieces) stream.feed(piece);
  if (const auto finished = stream.finish(); !finished) collector.seen.push_back(finished.error().message);
  return collector.seen;
}

Listed split_list(const std::vector<std::string_view>& pieces, std::size_t limit = kMaxJsonValue) {
  Collector collector;
  JsonListStream stream(collector, limit);
  for (const std::string_view piece : pieces) {
    if (const auto fed = stream.feed(piece); !fed) break;
  }
  const std::string outcome = outcome_of(stream.finish());
  return {collector.seen, outcome};
}

std::vector<std::string_view> in_single_bytes(std::string_view text) {
  std::vector<std::string_view> pieces;
  for (std::size_t at = 0; at < text.size(); ++at) pieces.push_back(text.substr(at, 1));
  return pieces;
}

const std::string kFrames =
    "{\"type\":\"ADDED\",\"object\":{\"a\":[1,{\"b\":\"}]{\\\"\\\\\"}],\"u\":\"\\u00e9\xC3\xA9\"}}\n"
    "{}[] \"a \\\" text\"12.5e3 true\r\n {\"last\":null}";
const Seen kFrameValues = {
    "1@0 {\"type\":\"ADDED\",\"object\":{\"a\":[1,{\"b\":\"}]{\\\"\\\\\"}],\"u\":\"\\u00e9\xC3\xA9\"}}",
    "2@67 {}",
    "3@69 []",
    "4@72 \"a \\\" text\"",
    "5@83 12.5e3",
    "6@90 true",
    "7@97 {\"last\":null}"};

TEST(JsonValueStream, GivesTheSameValuesHoweverTheBodyIsCut) {
  ASSERT_EQ(split_values({kFrames}), kFrameValues);
  const std::string_view text = kFrames;
  for (std::size_t at = 0; at <= text.size(); ++at) {
    EXPECT_EQ(split_values({text.substr(0, at), text.substr(at)}), kFrameValues) << "cut at " << at;
    for (std::size_t width : {1u, 2u, 7u}) {
      if (at + width > text.size()) continue;
      EXPECT_EQ(split_values({text.substr(0, at), text.substr(at, width), text.substr(at + width)}), kFrameValues)
          << "cut at " << at << " and " << at + width;
    }
  }
  EXPECT_EQ(split_values(in_single_bytes(text)), kFrameValues);
}

TEST(JsonValueStream, SaysThatTheBodyEndsInsideAValue) {
  EXPECT_EQ(split_values({"{\"a\":1}{\"b\":"}), (Seen{"1@0 {\"a\":1}", "the body ends inside value 2"}));
  EXPECT_EQ(split_values({"\"abc\\\""}), (Seen{"the body ends inside value 1"}));
  EXPECT_EQ(split_values({" 12", "3"}), (Seen{"1@1 123"})) << "the end of the body ends a number";
  EXPECT_EQ(split_values({" \n"}), Seen{});
}

TEST(JsonValueStream, PassesOverWhatIsTooLargeAndGoesOn) {
  const std::string text = "{\"a\":1}{\"b\":\"" + std::string(100, 'x') + "\"}{\"c\":2}";
  const Seen expected = {"1@0 {\"a\":1}", "2@7 too large, 108", "3@115 {\"c\":2}"};
  EXPECT_EQ(split_values({text}, 20), expected);
  EXPECT_EQ(split_values(in_single_bytes(text), 20), expected);
  EXPECT_EQ(split_values({text}, 108).size(), 3u);
  EXPECT_EQ(split_values({text}, 108)[1].find("too large"), std::string::npos) << "the limit itself is allowed";
}

const std::string kList =
    "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"77\",\"continue\":\"a\\/b\"},"
    "\"items\":[{\"a\":\"]}\"}, {\"items\":[{\"x\":1}]} ,3],\"extra\":[{\"items\":[1]}]}\n";
const Listed kListed = {{"1@99 {\"a\":\"]}\"}", "2@111 {\"items\":[{\"x\":1}]}", "3@132 3"}, "v1 PodList 77 a/b"};

TEST(JsonListStream, GivesTheSameItemsHoweverTheBodyIsCut) {
  ASSERT_EQ(split_list({kList}), kListed);
  const std::string_view text = kList;
  for (std::size_t at = 0; at <= text.size(); ++at) {
    EXPECT_EQ(split_list({text.substr(0, at), text.substr(at)}), kListed) << "cut at " << at;
  }
  EXPECT_EQ(split_list(in_single_bytes(text)), kListed);
}

struct ListRow {
  const char* what;
  std::string text;
  Listed expected;
};

TEST(JsonListStream, IsAListOnlyIfItSaysSoToItsEnd) {
  const std::string head = "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"7\"},";
  const ListRow rows[] = {
      {"empty", head + "\"items\":[]}", {{}, " PodList 7 "}},
      {"null items", head + "\"items\":null}", {{}, " PodList 7 "}},
      {"items first",
       "{\"items\":[1],\"metadata\":{\"resourceVersion\":\"7\"},\"kind\":\"PodList\"}",
       {{"1@10 1"}, " PodList 7 "}},
      {"cut between items", head + "\"items\":[1,", {{"1@62 1"}, "the list ends after 1 items, at byte 64"}},
      {"cut before the last bracket", head + "\"items\":[1]", {{"1@62 1"}, "the list ends after 1 items, at byte 64"}},
      {"no items at all", head + "\"x\":1}", {{}, "the body is no list"}},
      {"a status", "{\"kind\":\"Status\",\"metadata\":{},\"items\":[]}", {{}, "the body is no list but \"Status\""}},
      {"no version", "{\"kind\":\"PodList\",\"metadata\":{},\"items\":[]}", {{}, "the list has no resourceVersion"}},
      {"an empty object", "{}", {{}, "the body is no list"}},
      {"nothing", "", {{}, "the list ends after 0 items, at byte 0"}},
      {"text", "404 page not found", {{}, "the body is no list: unexpected byte at 0"}},
      {"text behind it", head + "\"items\":[]}x", {{}, "the body is no list: unexpected byte at 64"}},
  };
  for (const ListRow& row : rows) {
    const Listed listed = split_list({row.text});
    EXPECT_EQ(listed.seen, row.expected.seen) << row.what;
    EXPECT_EQ(listed.outcome, row.expected.outcome) << row.what;
    EXPECT_EQ(split_list(in_single_bytes(row.text)), listed) << row.what;
  }
}

TEST(JsonListStream, PassesOverAnItemThatIsTooLarge) {
  const std::string text = "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[{\"a\":\"" +
                           std::string(100, 'x') + "\"},{\"b\":2}]}";
  EXPECT_EQ(split_list({text}, 60), (Listed{{"1@62 too large, 108", "2@171 {\"b\":2}"}, " PodList 7 "}));
}

// The splitter looks at blocks of 64 bytes. What follows moves everything that counts across their borders.

TEST(JsonValueStream, FindsWhatCountsWhereverItLiesInABlock) {
  const std::string tricky[] = {R"("}")",      R"("\"}")",        R"("\\")",
                                R"("\\\"]}")", R"("\\\\")",       R"({})",
                                R"([])",       R"([[{"a":{}}]])", R"({"{":"}","[":"]"})",
                                R"("\u007d")", R"([{},{},[]])",   R"("")",
                                R"(["",""])",  R"("{{{{")"};
  for (const std::string& value : tricky) {
    for (std::size_t before = 0; before <= 2 * kJsonBlock; ++before) {
      const std::string wrapped = "{\"" + std::string(before, 'k') + "\":" + value + "}";
      const Seen expected = {"1@0 " + wrapped, "2@" + std::to_string(wrapped.size()) + " {\"next\":1}"};
      const std::string text = wrapped + "{\"next\":1}";
      ASSERT_EQ(split_values({text}), expected) << text;
      const std::size_t cut = before + 5;  // inside the value
      ASSERT_EQ(split_values({std::string_view(text).substr(0, cut), std::string_view(text).substr(cut)}), expected)
          << text << " cut at " << cut;
    }
  }
}

TEST(JsonValueStream, EndsAtTheRightBracketHoweverDeepItIs) {
  for (std::size_t depth = 1; depth <= 3 * kJsonBlock; ++depth) {
    const std::string value = std::string(depth, '[') + std::string(depth, ']');
    ASSERT_EQ(split_values({value + value}).size(), 2u) << depth;
    ASSERT_EQ(split_values({value.substr(1) + "{}"})[0].find("1@0 " + value.substr(1, 2 * depth - 2)), 0u) << depth;
  }
}

/// The bytes of the value a text begins with, byte after byte; 0 if the text ends before it.
std::size_t plain_end(std::string_view text) {
  std::size_t depth = 0;
  bool quoted = false;
  bool escaped = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    const bool counts = !std::exchange(escaped, !escaped && c == '\\');
    if (counts && c == '"') quoted = !quoted;
    if (quoted) continue;
    if (counts && c == '"') continue;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) return at + 1;
  }
  return 0;
}

/// In pieces of random sizes.
Seen split_at_random(std::string_view text, std::mt19937& random) {
  std::vector<std::string_view> pieces;
  std::uniform_int_distribution<std::size_t> size(1, 150);
  while (!text.empty()) {
    pieces.push_back(text.substr(0, size(random)));
    text.remove_prefix(pieces.back().size());
  }
  return split_values(pieces);
}

TEST(JsonValueStream, AgreesWithAPlainLoopOnAnything) {
  std::mt19937 random(20);
  const std::string_view alphabets[] = {"{}[]\"\\x", "{}{}[]xxxxxxxxxxxxxxxxxxx", "{[\"\\xxxx}]\"\\xxxx\":,",
                                        "\\\\\\\"}"};
  int ended = 0;
  for (std::size_t round = 0; round < 2'000; ++round) {
    const std::string_view alphabet = alphabets[round % std::size(alphabets)];
    std::uniform_int_distribution<std::size_t> pick(0, alphabet.size() - 1);
    std::string text(round % 7 * 11 + 1, '[');
    while (text.size() < 400) text += alphabet[pick(random)];
    const std::size_t end = plain_end(text);
    const Seen seen = split_at_random(end == 0 ? text : text.substr(0, end), random);
    ended += end == 0 ? 0 : 1;
    ASSERT_EQ(seen, (Seen{end == 0 ? "the body ends inside value 1" : "1@0 " + text.substr(0, end)})) << text;
    // What follows must not count.
    if (end != 0) {
      ASSERT_EQ(split_values({text})[0], seen[0]) << text;
    }
  }
  EXPECT_GT(ended, 300) << "or nothing was tested";
}

}  // namespace
}  // namespace tierwall::daemon
