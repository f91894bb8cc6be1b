#include "daemon/ctl/rule_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tierwall::daemon::ctl {
namespace {

using policy::Action;
using ::testing::ElementsAre;

policy::ResolvedRule rule(int number, Action action, std::uint16_t port) {
  policy::ResolvedRule rule;
  rule.number = number;
  rule.action = action;
  rule.destination.ports.ranges = {{port, port}};
  return rule;
}

/// The rules up to the first that decides about tcp to port 443, as lines.
std::vector<RuleLine> ask(const std::vector<policy::ResolvedRule>& rules) {
  const policy::NodePolicy nothing;
  policy::Flow flow;
  flow.destination = *policy::parse_address("10.0.0.1");
  flow.destination_port = 443;
  std::vector<AskedRule> asked;
  bool decided = false;
  for (std::size_t i = 0; i < rules.size() && !decided; ++i) {
    asked.push_back({i, policy::first_unmet(nothing, rules[i], flow)});
    decided = !asked.back().unmet && rules[i].action != Action::Log;
  }
  return list_rules(nothing, rules, asked, decided, flow);
}

std::vector<std::string> texts(const std::vector<RuleLine>& lines) {
  std::vector<std::string> result;
  for (const RuleLine& line : lines) result.push_back(line.text);
  return result;
}

TEST(RuleLines, TheRuleThatDecidesIsMarkedAndNamed) {
  policy::ResolvedRule named = rule(2, Action::Deny, 443);
  named.annotations = {{"name", "no-tls"}};
  EXPECT_THAT(ask({rule(1, Action::Allow, 80), named, rule(3, Action::Allow, 443)}),
              ElementsAre(RuleLine{"rule 1 Allow: port 443 is not 80", false},
                          RuleLine{"rule 2 Deny \"no-tls\": matches, and denies", true}));
}

TEST(RuleLines, NeighboursThatFailAlikeAreOneLine) {
  EXPECT_THAT(texts(ask({rule(1, Action::Allow, 80), rule(2, Action::Allow, 80), rule(3, Action::Deny, 80)})),
              ElementsAre("rules 1-2 Allow: port 443 is not 80", "rule 3 Deny: port 443 is not 80"));
}

TEST(RuleLines, ARuleOfSeveralPeersAndPortsIsOneRule) {
  EXPECT_THAT(texts(ask({rule(1, Action::Allow, 80), rule(1, Action::Allow, 81), rule(1, Action::Allow, 80)})),
              ElementsAre("rule 1 Allow: port 443 is not 80; port 443 is not 81"));
  EXPECT_THAT(texts(ask({rule(1, Action::Allow, 80), rule(1, Action::Allow, 443)})),
              ElementsAre("rule 1 Allow: matches, and allows"));
}

std::vector<policy::ResolvedRule> many(int count) {
  std::vector<policy::ResolvedRule> rules;
  for (int i = 1; i <= count; ++i) rules.push_back(rule(i, Action::Allow, static_cast<std::uint16_t>(1000 + i)));
  return rules;
}

TEST(RuleLines, HundredsOfRulesStayReadable) {
  const std::vector<std::string> lines = texts(ask(many(125)));
  ASSERT_EQ(lines.size(), kShownRuleLines + 1);
  EXPECT_EQ(lines.back(), "... and 117 more rules, none matches");
}

TEST(RuleLines, TheRuleThatDecidesIsNeverCutOff) {
  std::vector<policy::ResolvedRule> rules = many(124);
  rules.push_back(rule(125, Action::Deny, 443));
  const std::vector<std::string> lines = texts(ask(rules));
  ASSERT_EQ(lines.size(), kShownRuleLines + 1);
  EXPECT_EQ(lines[kShownRuleLines - 1], "... and 117 more rules, none matches");
  EXPECT_EQ(lines.back(), "rule 125 Deny: matches, and denies");
}

TEST(RuleLines, AHiddenRuleThatLoggedIsNotCalledUnmatched) {
  std::vector<policy::ResolvedRule> rules = many(8);
  rules.push_back(rule(9, Action::Log, 443));
  EXPECT_EQ(texts(ask(rules)).back(), "... and 1 more rule, which does not decide");
}

}  // namespace
}  // namespace tierwall::daemon::ctl
