#include "daemon/sources/print_json.h"

#include <gtest/gtest.h>

#include "daemon/sources/read_yaml.h"

namespace tierwall::daemon {
namespace {

std::string json_of(const std::string& yaml) {
  return print_json(read_yaml(yaml, "test").documents.at(0));
}

TEST(PrintJson, SaysWhatTheDocumentMeans) {
  const struct {
    const char* yaml;
    const char* json;
  } kRows[] = {
      {"{a: 1, b: [x, 'y', ~], c: {}}", R"({"a":1,"b":["x","y",null],"c":{}})"},
      {"{port: '80', on: yes, off: 'no'}", R"({"port":"80","on":true,"off":"no"})"},
      {"{hex: 0x1F, thousand: 1_000, half: 0.5, big: 1e3}", R"({"hex":31,"thousand":1000,"half":0.5,"big":1000})"},
      {"{endless: .inf}", R"({"endless":".inf"})"},
      {R"({t: "a\"b\\c\nd\u0001é"})", "{\"t\":\"a\\\"b\\\\c\\u000ad\\u0001é\"}"},
      {"[]", "[]"},
  };
  for (const auto& row : kRows) EXPECT_EQ(json_of(row.yaml), row.json);
}

TEST(PrintJson, ReadAgainItSaysTheSame) {
  const std::string once =
      json_of("{apiVersion: v1, metadata: {name: '1e5', labels: {a: 'true', b: \"\"}}, list: [[1], {}]}");
  EXPECT_EQ(json_of(once), once);
}

}  // namespace
}  // namespace tierwall::daemon
