#include "daemon/ctl/policy_tests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tierwall::daemon::ctl {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> problems_of(std::string_view text) {
  std::vector<std::string> lines;
  for (const policy::Diagnostic& problem : read_policy_tests(text, "t.yaml").problems) {
    lines.push_back(policy::print_diagnostic(problem));
  }
  return lines;
}

TEST(PolicyTests, ListsOfEndsBecomeEveryCombination) {
  const PolicyTestFile file = read_policy_tests(R"(tests:
- name: all to all
  from: [host, ip:10.0.0.1]
  to: [pod:a/x, pod:a/y]
  dport: 80
  expect: allow
)",
                                                "t.yaml");
  ASSERT_TRUE(file.problems.empty());
  ASSERT_EQ(file.tests.size(), 1u);
  std::vector<std::string> flows;
  for (const FlowWords& flow : file.tests[0].flows) flows.push_back(flow.from + " " + flow.to + " " + *flow.dport);
  EXPECT_THAT(flows,
              ElementsAre("host pod:a/x 80", "host pod:a/y 80", "ip:10.0.0.1 pod:a/x 80", "ip:10.0.0.1 pod:a/y 80"));
  EXPECT_EQ(file.tests[0].expect, policy::Verdict::Allow);
  EXPECT_EQ(file.tests[0].where.line, 2);
}

TEST(PolicyTests, EveryMistakeIsFoundInOneRun) {
  EXPECT_THAT(
      problems_of(R"(tests:
- form: host
  to: host
  expect: perhaps
- from: []
  to: {pod: x}
  expect: deny
  expect: allow
  because: quarantine
- nothing
extra: 1
)"),
      ElementsAre("t.yaml:2: error: from: required", "t.yaml:2: error: unknown key 'form'; did you mean 'from'?",
                  "t.yaml:4: error: expect: 'perhaps' is neither allow nor deny", "t.yaml:5: error: from: required",
                  "t.yaml:6: error: to: must be an endpoint or a list of them, not an object",
                  "t.yaml:8: error: key 'expect' stands twice",
                  "t.yaml:9: error: because: 'quarantine' is not KIND NAMESPACE/NAME, KIND NAME or tier NAME",
                  "t.yaml:10: error: a test is an object, not the text \"nothing\"",
                  "t.yaml:11: error: unknown key 'extra'"));
}

TEST(PolicyTests, NearMissesNameWhatWasProbablyMeant) {
  EXPECT_THAT(problems_of(R"(test:
- name: misspelt
)"),
              ElementsAre("t.yaml:1: error: unknown key 'test'; did you mean 'tests'?"));
  EXPECT_THAT(problems_of(R"(tests:
- from: host
  to: host
  prot: tcp
  expect: alow
  stagd: deny
  staged: dney
  because: GlobalNetworPolicy quarantine
)"),
              ElementsAre("t.yaml:4: error: unknown key 'prot'; did you mean 'proto'?",
                          "t.yaml:5: error: expect: 'alow' is neither allow nor deny; did you mean 'allow'?",
                          "t.yaml:6: error: unknown key 'stagd'; did you mean 'staged'?",
                          "t.yaml:7: error: staged: 'dney' is neither allow nor deny; did you mean 'deny'?",
                          "t.yaml:8: error: because: 'GlobalNetworPolicy' is no kind of policy; did you mean "
                          "'GlobalNetworkPolicy'?"));
}

TEST(PolicyTests, AStagedVerdictMayBeExpected) {
  const PolicyTestFile file =
      read_policy_tests("tests:\n- {from: host, to: host, dport: 1, expect: allow, staged: deny}\n", "t.yaml");
  ASSERT_TRUE(file.problems.empty());
  EXPECT_EQ(file.tests.at(0).expect, policy::Verdict::Allow);
  EXPECT_EQ(file.tests.at(0).staged, policy::Verdict::Deny);
}

TEST(PolicyTests, AFileWithoutTestsIsAMistake) {
  EXPECT_THAT(problems_of(""), ElementsAre("t.yaml:1: error: no 'tests' in this file"));
  EXPECT_THAT(problems_of("tests: []\n"), ElementsAre("t.yaml:1: error: no 'tests' in this file"));
  EXPECT_EQ(problems_of("tests: [\n").size(), 1u);
}

TEST(PolicyTests, TwoLongListsDoNotMakeMoreConnectionsThanThereIsRoomFor) {
  const auto file_with = [](std::size_t ends) {
    std::string list = "[host";
    for (std::size_t i = 1; i < ends; ++i) list += ",host";
    list += "]";
    return "tests:\n- {dport: 1, expect: deny, from: " + list + ", to: " + list + "}\n";
  };
  EXPECT_EQ(read_policy_tests(file_with(10), "t.yaml").tests.at(0).flows.size(), 100u);
  EXPECT_THAT(problems_of(file_with(1001)),
              ElementsAre("t.yaml:2: error: from, to: more than 1000000 connections in this file"));
}

}  // namespace
}  // namespace tierwall::daemon::ctl
