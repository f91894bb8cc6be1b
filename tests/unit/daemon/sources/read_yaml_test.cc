#include "daemon/sources/read_yaml.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tierwall::daemon {
namespace {

/// A tree on one line: {key@LINE: text@LINE}.
std::string show(const Node& node) {
  std::string text;
  switch (node.kind) {
    case Node::Kind::Null:
      return "null@" + std::to_string(node.line);
    case Node::Kind::Scalar:
      return (node.quoted ? "'" + node.text + "'" : node.text) + "@" + std::to_string(node.line);
    case Node::Kind::Sequence:
      for (const Node& item : node.items) text += (text.empty() ? "" : " ") + show(item);
      return "[" + text + "]";
    case Node::Kind::Map:
      break;
  }
  for (const Field& field : node.fields) {
    text += text.empty() ? "" : " ";
    text += field.key + "@" + std::to_string(field.line) + (field.repeated ? "(again)" : "") + ":" + show(field.value);
  }
  return "{" + text + "}";
}

std::string show_stream(const std::string& text) {
  const DocumentStream stream = read_yaml(text, "f");
  std::string shown;
  for (const Node& document : stream.documents) shown += show(document) + "\n";
  for (const policy::Diagnostic& problem : stream.problems) shown += policy::print_diagnostic(problem) + "\n";
  return shown;
}

struct Row {
  const char* name;
  std::string text;
  std::string shown;
};

class ReadYaml : public testing::TestWithParam<Row> {};

TEST_P(ReadYaml, GivesTreesAndPlaces) {
  EXPECT_EQ(show_stream(GetParam().text), GetParam().shown) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    Texts, ReadYaml,
    testing::Values(
        Row{"Block", "a: 1\nb:\n- x\n- 'y'\n", "{a@1:1@1 b@2:[x@3 'y'@4]}\n"},
        Row{"LinesOfLaterDocuments", "a: 1\n---\n# note\nb: 2\n--- \nc: 3\n", "{a@1:1@1}\n{b@4:2@4}\n{c@6:3@6}\n"},
        Row{"EmptyDocuments", "---\n---\n# only a comment\n---\n...\n---\na: 1\n", "{a@7:1@7}\n"},
        Row{"EndMarkerAndDirective", "%YAML 1.1\n---\na: 1\n...\nb: 2\n", "{a@3:1@3}\n{b@5:2@5}\n"},
        Row{"MarkerInsideIndentedText", "a: |\n  ---\nb: 1\n", "{a@1:'---\n'@1 b@3:1@3}\n"},
        Row{"WindowsLineEndsAndMark",
            "\xEF\xBB\xBF"
            "a: 1\r\n---\r\nb: 2\r\n",
            "{a@1:1@1}\n{b@3:2@3}\n"},
        Row{"JsonWithTabs", "{\n\t\"a\": [\n\t\t1,\n\t\t\"b\\u00e9\\/\"\n\t]\n}\n", "{a@2:[1@3 'b\u00e9/'@4]}\n"},
        Row{"JsonAfterJson", "{\"a\":1}\n{\"b\":2}\n", "{a@1:1@1}\n{b@2:2@2}\n"},
        Row{"RepeatedKey", "a: 1\na: 2\n", "{a@1:1@1 a@2(again):2@2}\n"},
        Row{"AliasAndMerge", "x: &x {k: 1, m: 2}\ny: *x\nz: {<<: *x, m: 3}\n",
            "{x@1:{k@1:1@1 m@1:2@1} y@2:{k@1:1@1 m@1:2@1} z@3:{m@3:3@3 k@1:1@1}}\n"},
        Row{"TagsMakeText", "a: !!str 1\nb: ! 2\nc: !!int 3\n", "{a@1:'1'@1 b@2:'2'@2 c@3:3@3}\n"},
        Row{"OneBadDocumentHidesNoOther", "a: 1\n---\nb: [1\n---\nc: 3\n---\n  d: 1\n e: 2\n",
            "{a@1:1@1}\n{c@5:3@5}\n"
            "f:4: error: malformed document: end of sequence flow not found\n"
            "f:8: error: malformed document: text after its end; is the indentation right?\n"},
        Row{"TextAfterTheEnd", "- a\nb: 1\n",
            "f:2: error: malformed document: text after its end; is the indentation right?\n"},
        Row{"AliasInsideItself", "a: &a [*a]\n",
            "f:1: error: malformed document: an alias stands inside what it refers to\n"},
        Row{"UnknownTag", "a: !secret b\n", "f:1: error: malformed document: the tag !secret is unknown\n"},
        Row{"ControlCharacter", "a: 1\n---\nb: 1\nc: \x04\n---\nd: 1\n",
            "{a@1:1@1}\n{d@6:1@6}\nf:4: error: malformed document: a character that is not UTF-8 text\n"},
        Row{"NotUtf8", "a: \xC3(\n", "f:1: error: malformed document: a character that is not UTF-8 text\n"},
        Row{"Utf16",
            "\xFF\xFE"
            "a",
            "f:1: error: malformed document: UTF-16; manifests are UTF-8\n"}),
    [](const testing::TestParamInfo<Row>& row) { return std::string(row.param.name); });

struct ScalarRow {
  const char* text;
  ScalarType type;
  double number;  // numbers and booleans
};

TEST(Scalars, AreReadAsKubectlReadsThem) {
  const ScalarRow rows[] = {
      {"yes", ScalarType::Bool, 1},
      {"Off", ScalarType::Bool, 0},
      {"true", ScalarType::Bool, 1},
      {"y", ScalarType::String, 0},
      {"tRUE", ScalarType::String, 0},
      {"80", ScalarType::Integer, 80},
      {"-5", ScalarType::Integer, -5},
      {"0x1F", ScalarType::Integer, 31},
      {"0o17", ScalarType::Integer, 15},
      {"017", ScalarType::Integer, 15},
      {"1_000", ScalarType::Integer, 1000},
      {"0", ScalarType::Integer, 0},
      {"08", ScalarType::Float, 8},
      {"1.5", ScalarType::Float, 1.5},
      {"-.5", ScalarType::Float, -0.5},
      {"1e3", ScalarType::Float, 1000},
      {"1.2.3", ScalarType::String, 0},
      {"e3", ScalarType::String, 0},
      {"-", ScalarType::String, 0},
      {"2020-01-01", ScalarType::String, 0},
      {"10.0.0.0/8", ScalarType::String, 0},
      {"0x", ScalarType::String, 0},
      {"99999999999999999999", ScalarType::Float, 1e20},
  };
  for (const ScalarRow& row : rows) {
    Node node;
    node.kind = Node::Kind::Scalar;
    node.text = row.text;
    EXPECT_EQ(scalar_type(node), row.type) << row.text;
    if (row.type == ScalarType::Bool) {
      EXPECT_EQ(to_bool(node), row.number != 0) << row.text;
    }
    if (row.type == ScalarType::Integer) {
      EXPECT_EQ(to_integer(node), static_cast<std::int64_t>(row.number)) << row.text;
    }
    if (row.type == ScalarType::Float) {
      EXPECT_EQ(to_number(node), row.number) << row.text;
    }
    node.quoted = true;
    EXPECT_EQ(scalar_type(node), ScalarType::String) << row.text;
  }
}

TEST(Bounds, HoldAgainstHostileTexts) {
  std::string doubling = "a: &a [x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c < 'l'; ++c) {
    const std::string alias = std::string("*") + static_cast<char>(c - 1);
    doubling += std::string(1, c) + ": &" + c + " [" + alias;
    for (int i = 0; i < 7; ++i) doubling += "," + alias;
    doubling += "]\n";
  }
  std::string repeating = "a: &a " + std::string(1u << 20, 'x') + "\nb: [*a";
  for (int i = 0; i < 100; ++i) repeating += ",*a";
  const std::pair<std::string, std::string> rows[] = {
      {std::string(10'000, '['), "nested too deep"},
      {std::string(10'000, '{'), "nested too deep"},
      {doubling, "too many values"},
      {repeating + "]\n", "too much text"},
  };
  for (const auto& row : rows) {
    const DocumentStream stream = read_yaml(row.first, "f");
    ASSERT_EQ(stream.problems.size(), 1u) << row.second;
    EXPECT_NE(stream.problems[0].message.find(row.second), std::string::npos) << stream.problems[0].message;
    EXPECT_TRUE(stream.documents.empty());
  }
}

TEST(Bounds, LetDeepButSaneTextsThrough) {
  const std::string deep = std::string(kMaxDocumentDepth, '[') + std::string(kMaxDocumentDepth, ']');
  EXPECT_TRUE(read_yaml(deep, "f").problems.empty());
  EXPECT_FALSE(read_yaml("[" + deep + "]", "f").problems.empty());
}

}  // namespace
}  // namespace tierwall::daemon
