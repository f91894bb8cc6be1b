#include "daemon/sources/kubernetes/read_json.h"

#include <string>

#include <gtest/gtest.h>

#include "daemon/sources/kubernetes/kubernetes_kinds.h"
#include "daemon/sources/read_yaml.h"

namespace tierwall::daemon {
namespace {

/// A tree on one line: texts in quotes, numbers and words without.
std::string show(const Node& node) {
  std::string text;
  switch (node.kind) {
    case Node::Kind::Null:
      return "null";
    case Node::Kind::Scalar:
      return node.quoted ? "'" + node.text + "'" : node.text;
    case Node::Kind::Sequence:
      for (const Node& item : node.items) text += (text.empty() ? "" : " ") + show(item);
      return "[" + text + "]";
    case Node::Kind::Map:
      break;
  }
  for (const Field& field : node.fields) {
    text += (text.empty() ? "" : " ") + field.key + (field.repeated ? "(again)" : "") + ":" + show(field.value);
  }
  return "{" + text + "}";
}

std::string read(std::string_view text, const Projection& projection = Projection::whole()) {
  JsonReader reader;
  const auto node = reader.read(text, projection);
  if (!node) return "error";
  EXPECT_EQ(node->line, 0);
  return show(*node);
}

struct Row {
  const char* name;
  std::string text;
  std::string shown;
};

class ReadJson : public testing::TestWithParam<Row> {};

TEST_P(ReadJson, GivesTheTree) {
  EXPECT_EQ(read(GetParam().text), GetParam().shown) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    Texts, ReadJson,
    testing::Values(Row{"Kinds", " {\"a\": [1, \"1\", true, false, null, {}, []] } ",
                        "{a:[1 '1' true false null {} []]}"},
                    Row{"Escapes", R"({"a":"q\"b\\s\/t\tn\nu\u00e9"})", "{a:'q\"b\\s/t\tn\nu\u00e9'}"},
                    Row{"SurrogatePair", R"({"a":"\ud83d\ude00"})", "{a:'\xF0\x9F\x98\x80'}"},
                    Row{"LoneSurrogate", R"({"a":"\ud83d"})", "error"},
                    Row{"EscapedKey", R"({"\u0061\"":1})", "{a\":1}"},
                    Row{"NumbersKeepTheirText", R"([0,-0,1.50,1e3,18446744073709551616,0.1E-7 ])",
                        "[0 -0 1.50 1e3 18446744073709551616 0.1E-7]"},
                    Row{"NumberWithLeadingZero", "[01]", "error"}, Row{"NumberWithoutEnd", "[1.]", "error"},
                    Row{"NumberWithLetters", "[1x]", "error"}, Row{"WrongWord", "[tru]", "error"},
                    Row{"RepeatedKey", R"({"a":1,"b":2,"a":3})", "{a:1 b:2 a(again):3}"},
                    Row{"RepeatedThroughEscape", R"({"a":1,"\u0061":3})", "{a:1 a(again):3}"},
                    Row{"NotUtf8", "{\"a\":\"\xC3(\"}", "error"}, Row{"ControlCharacter", "{\"a\":\"\x01\"}", "error"},
                    Row{"PlainValue", "12", "error"}, Row{"Empty", "", "error"}, Row{"Cut", "{\"a\":[1", "error"},
                    Row{"WrongBracket", "{\"a\":[1}}", "error"}, Row{"TextBehind", "{\"a\":1} {\"b\":2}", "error"}),
    [](const testing::TestParamInfo<Row>& row) { return std::string(row.param.name); });

TEST(ReadJsonBounds, ManyFieldsFindTheirRepetition) {
  std::string text = "{";
  for (int number = 0; number < 100; ++number) text += "\"k" + std::to_string(number) + "\":1,";
  JsonReader reader;
  const auto node = reader.read(text + "\"k3\":2,\"k70\":3,\"new\":4}", Projection::whole());
  ASSERT_TRUE(node);
  ASSERT_EQ(node->fields.size(), 103u);
  EXPECT_FALSE(node->fields[99].repeated);
  EXPECT_TRUE(node->fields[100].repeated);
  EXPECT_TRUE(node->fields[101].repeated);
  EXPECT_FALSE(node->fields[102].repeated);
}

TEST(ReadJsonBounds, DepthIsLimitedWhereItIsKept) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_NE(read(nested(kMaxDocumentDepth)), "error");
  EXPECT_EQ(read(nested(kMaxDocumentDepth + 1)), "error");
  EXPECT_EQ(read("{\"deep\":" + nested(200) + ",\"a\":1}", Projection::only({"a"})), "{a:1}");
  EXPECT_EQ(read(nested(100'000)), "error");
}

TEST(ReadJsonBounds, OneReaderReadsTextsOfEverySize) {
  JsonReader reader;
  for (const std::size_t size : {1u, 10u, 100'000u, 3u, 1'000'000u, 2u}) {
    const auto node = reader.read("{\"a\":\"" + std::string(size, 'x') + "\"}", Projection::whole());
    ASSERT_TRUE(node) << size;
    EXPECT_EQ(node->fields[0].value.text.size(), size);
  }
}

TEST(Projections, KeepOnlyWhatIsListed) {
  const Projection some = Projection::only({"metadata.name", "spec.containers[].ports", "status"});
  EXPECT_EQ(read(R"({"kind":"Pod","metadata":{"uid":"u","name":"n"},
                     "spec":{"containers":[{"image":"i","ports":[{"p":1}]},{"image":"j"}],"volumes":[{"name":"v"}]},
                     "status":{"podIP":"10.0.0.1","x":{"y":1}}})",
                 some),
            "{metadata:{name:'n'} spec:{containers:[{ports:[{p:1}]} {}]} status:{podIP:'10.0.0.1' x:{y:1}}}");
  EXPECT_EQ(read(R"({"metadata":"wrong","spec":{"containers":7}})", some), "{metadata:'wrong' spec:{containers:7}}")
      << "what is no object must be seen, or nobody could complain";
}

TEST(Projections, KeepEverythingButWhatIsDropped) {
  const Projection most = Projection::whole({"metadata.managedFields", "x.y"});
  EXPECT_EQ(
      read(R"({"metadata":{"name":"n","managedFields":[{"f":{}}],"z":1},"x":{"y":2,"w":3},"managedFields":4})", most),
      "{metadata:{name:'n' z:1} x:{w:3} managedFields:4}");
}

TEST(Projections, OfPodsKeepWhatPolicyNeeds) {
  EXPECT_EQ(
      read(R"({"metadata":{"name":"web","namespace":"shop","uid":"u","labels":{"app":"web"},"resourceVersion":"5",
                         "creationTimestamp":"2024-01-01T00:00:00Z","managedFields":[{"manager":"k"}],"annotations":{"a":"b"}},
             "spec":{"nodeName":"node-1","hostNetwork":false,"serviceAccountName":"web","volumes":[],
                     "containers":[{"name":"c","ports":[{"containerPort":80}],"env":[]}],
                     "initContainers":[{"name":"i","ports":[{"containerPort":81}]}]},
             "status":{"phase":"Running","podIP":"10.0.0.1","podIPs":[{"ip":"10.0.0.1"}],"hostIP":"192.0.2.1",
                       "containerStatuses":[{"ready":true}]}})",
           projection_of(Kept::Pod)),
      "{metadata:{name:'web' namespace:'shop' labels:{app:'web'} resourceVersion:'5' "
      "creationTimestamp:'2024-01-01T00:00:00Z'} "
      "spec:{nodeName:'node-1' hostNetwork:false serviceAccountName:'web' containers:[{ports:[{containerPort:80}]}] "
      "initContainers:[{ports:[{containerPort:81}]}]} "
      "status:{phase:'Running' podIP:'10.0.0.1' podIPs:[{ip:'10.0.0.1'}] hostIP:'192.0.2.1'}}");
}

std::string read_frame(std::string_view text) {
  JsonReader reader;
  const auto frame = reader.read_frame(text, Projection::only({"a"}));
  return frame ? frame->type + " " + show(frame->object) : "error: " + frame.error().message;
}

TEST(WatchFrames, ProjectObjectsAndKeepBookmarksAndErrorsWhole) {
  EXPECT_EQ(read_frame(R"({"type":"ADDED","object":{"a":1,"b":2}})"), "ADDED {a:1}");
  EXPECT_EQ(read_frame(R"({"object":{"a":1,"b":2},"type":"DELETED"})"), "DELETED {a:1}") << "in any order";
  EXPECT_EQ(read_frame(R"({"type":"BOOKMARK","object":{"a":1,"b":2}})"), "BOOKMARK {a:1 b:2}");
  EXPECT_EQ(read_frame(R"({"type":"ERROR","object":{"code":410}})"), "ERROR {code:410}");
  EXPECT_EQ(read_frame(R"({"object":{"a":1}})"), "error: a watch frame without type");
  EXPECT_EQ(read_frame(R"({"type":"ADDED"})"), "error: a watch frame without object");
  EXPECT_EQ(read_frame(R"([1])"), "error: a watch frame must be an object");
  EXPECT_TRUE(read_frame(R"({"type":"ADDED","object":{"a":tru}})").starts_with("error: malformed JSON"));
}

}  // namespace
}  // namespace tierwall::daemon
