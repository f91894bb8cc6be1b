#include "daemon/sources/decode_place.h"

#include <string>

#include <gtest/gtest.h>

namespace tierwall::daemon {
namespace {

Field named(const std::string& key) {
  Field field;
  field.key = key;
  return field;
}

TEST(Places, PrintTheWayFromTheRoot) {
  const Field spec = named("spec");
  const Field ingress = named("ingress");
  const Field port = named("port");
  Places places;
  EXPECT_EQ(places.print(Places::kRoot), "");
  EXPECT_EQ(places.print(places.item(Places::kRoot, 3)), "[3]");
  const Places::Id rules = places.field(places.field(Places::kRoot, spec), ingress);
  const Places::Id second = places.item(rules, 1);
  const Places::Id first = places.item(rules, 0);
  EXPECT_EQ(places.print(places.field(first, port)), "spec.ingress[0].port");
  EXPECT_EQ(places.print(places.field(second, port)), "spec.ingress[1].port");
  EXPECT_EQ(places.print(rules), "spec.ingress") << "whatever came below it";
}

struct KeyRow {
  std::string key;
  std::string path;
};

TEST(Places, StayOnOneReadableLine) {
  const KeyRow rows[] = {
      {"app", "labels.app"},
      {"", "labels."},
      {"example.com/app", R"(labels["example.com/app"])"},
      {"two words", R"(labels["two words"])"},
      {"a\nb", R"(labels["a b"])"},
      {"[0]", R"(labels["[0]"])"},
      {std::string(64, 'k'), "labels." + std::string(64, 'k')},
      {std::string(100, 'k'), "labels[\"" + std::string(80, 'k') + "...\"]"},
  };
  const Field labels = named("labels");
  for (const KeyRow& row : rows) {
    const Field field = named(row.key);
    Places places;
    EXPECT_EQ(places.print(places.field(places.field(Places::kRoot, labels), field)), row.path);
  }
}

TEST(Places, GoAsDeepAsDocumentsDo) {
  const Field inner = named("a");
  Places places;
  Places::Id place = Places::kRoot;
  std::string expected;
  for (int depth = 0; depth < 500; ++depth) {
    place = places.item(places.field(place, inner), 0);
    expected += depth == 0 ? "a[0]" : ".a[0]";
  }
  EXPECT_EQ(places.print(place), expected);
}

}  // namespace
}  // namespace tierwall::daemon
