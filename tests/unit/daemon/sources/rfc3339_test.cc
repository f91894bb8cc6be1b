#include "daemon/sources/rfc3339.h"

#include <gtest/gtest.h>

namespace tierwall::daemon {
namespace {

using namespace std::chrono_literals;

TEST(Rfc3339, TimesAreReadWithZoneAndFraction) {
  const struct {
    const char* text;
    std::optional<std::chrono::milliseconds> time;
  } cases[] = {
      {"1970-01-01T00:00:00Z", 0ms},
      {"2018-03-05T17:30:20-08:00", 1520299820s},
      {"2018-03-06t01:30:20z", 1520299820s},
      {"2018-03-06T03:00:20.25+01:30", 1520299820250ms},
      {"2018-03-06T01:30:20.123456789Z", 1520299820123ms},
      {"2018-03-06T01:30:20", std::nullopt},
      {"2018-02-30T01:30:20Z", std::nullopt},
      {"2018-03-06T24:30:20Z", std::nullopt},
      {"2018-03-06T01:30:20.Z", std::nullopt},
      {"2018-03-06T01:30:20+1:30", std::nullopt},
      {"2018-03-06T01:30:20Z ", std::nullopt},
      {"-018-03-06T01:30:20Z", std::nullopt},
      {"", std::nullopt},
  };
  for (const auto& one : cases) EXPECT_EQ(parse_rfc3339(one.text), one.time) << one.text;
}

}  // namespace
}  // namespace tierwall::daemon
