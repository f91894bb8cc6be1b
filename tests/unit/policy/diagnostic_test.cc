#include "policy/diagnostic.h"

#include <gtest/gtest.h>

namespace tierwall::policy {
namespace {

TEST(Diagnostic, NamesFileLineSeverityObjectFieldAndReason) {
  const Diagnostic diagnostic{.where = {.file = "web.yaml", .line = 12, .column = 7},
                              .severity = Severity::Error,
                              .object = "NetworkPolicy shop/web",
                              .field = "spec.ingress[0].ports[1].port",
                              .message = "port '70000' is not a number from 1 to 65535"};
  EXPECT_EQ(print_diagnostic(diagnostic),
            "web.yaml:12: error: NetworkPolicy shop/web: spec.ingress[0].ports[1].port: "
            "port '70000' is not a number from 1 to 65535");
}

TEST(Diagnostic, LeavesOutWhatIsUnknown) {
  Diagnostic diagnostic{.where = {.file = "web.yaml", .line = 0, .column = 0},
                        .severity = Severity::Warning,
                        .object = "",
                        .field = "",
                        .message = "empty"};
  EXPECT_EQ(print_diagnostic(diagnostic), "web.yaml: warning: empty");
  diagnostic.where.file = "";
  diagnostic.object = "Tier security";
  EXPECT_EQ(print_diagnostic(diagnostic), "warning: Tier security: empty");
  diagnostic.where.line = 3;
  EXPECT_EQ(print_diagnostic(diagnostic), "warning: Tier security: empty");
}

TEST(Diagnostic, OnlyErrorsAreErrors) {
  const Diagnostic warning{.severity = Severity::Warning, .message = "odd"};
  const Diagnostic error{.severity = Severity::Error, .message = "wrong"};
  EXPECT_FALSE(has_errors({}));
  EXPECT_FALSE(has_errors({warning}));
  EXPECT_TRUE(has_errors({warning, error}));
}

TEST(Diagnostic, SortsByPlaceFirst) {
  const Diagnostic early{.where = {"a.yaml", 9, 1}, .severity = Severity::Warning, .object = "z", .message = "z"};
  const Diagnostic late{.where = {"a.yaml", 10, 1}, .severity = Severity::Error, .object = "a", .message = "a"};
  EXPECT_LT(early, late);
}

}  // namespace
}  // namespace tierwall::policy
