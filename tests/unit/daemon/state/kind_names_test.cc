#include "daemon/state/kind_names.h"

#include <gtest/gtest.h>

namespace tierwall::daemon {
namespace {

using policy::Kind;

TEST(KindNames, EveryKindIsFoundByItsName) {
  for (int i = 0; i <= static_cast<int>(kLastKind); ++i) {
    const auto kind = static_cast<Kind>(i);
    EXPECT_EQ(parse_kind_name(policy::print_kind(kind)), kind) << policy::print_kind(kind);
  }
}

TEST(KindNames, OthersAreUnknown) {
  EXPECT_EQ(parse_kind_name(""), std::nullopt);
  EXPECT_EQ(parse_kind_name("pod"), std::nullopt);
  EXPECT_EQ(parse_kind_name("ServiceEntry"), std::nullopt);
}

}  // namespace
}  // namespace tierwall::daemon
