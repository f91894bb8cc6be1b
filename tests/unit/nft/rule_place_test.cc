// What compiled rules stand for and how their counters are called.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "nft/rule_place.h"

namespace tierwall::nft {
namespace {

using policy::Action;
using policy::Direction;
using policy::Kind;

policy::ResolvedPolicy policy_called(const std::string& name) {
  return {.key = {Kind::NetworkPolicy, "shop", name}, .order = {}, .ingress = {}, .egress = {}};
}

policy::NodePolicy two_policies() {
  policy::NodePolicy node;
  node.tiers = {{.name = "default", .order = {}, .policies = {policy_called("web"), policy_called("db")}}};
  node.profiles = {{.name = "kns.shop", .ingress = {}, .egress = {}}, {.name = "extra", .ingress = {}, .egress = {}}};
  return node;
}

struct CountedCase {
  std::vector<RulePlace> places;
  Action action;
  std::string name;
  std::string words;
};

TEST(RulePlace, ACounterStandsForWhatItsRulesHaveInCommon) {
  using Of = RulePlace::Of;
  const CountedCase cases[] = {
      {{{.rule = 1}},
       Action::Allow,
       "ingress/default/NetworkPolicy/shop/web/1",
       "tier default, NetworkPolicy shop/web, rule 1"},
      {{{.rule = 1}, {.rule = 1}},
       Action::Allow,
       "ingress/default/NetworkPolicy/shop/web/1",
       "tier default, NetworkPolicy shop/web, rule 1"},
      {{{.rule = 1}, {.rule = 2}},
       Action::Allow,
       "ingress/default/NetworkPolicy/shop/web/RULES-Allow",
       "tier default, NetworkPolicy shop/web, several rules"},
      {{{.rule = 1}, {.policy = 1, .rule = 1}},
       Action::Deny,
       "ingress/default/RULES-Deny",
       "tier default, several policies"},
      {{{.of = Of::Tier}}, Action::Deny, "ingress/default/END-Deny", "tier default: no rule matched"},
      {{{.of = Of::Profile, .rule = 3}}, Action::Allow, "ingress/Profile/kns.shop/3", "Profile kns.shop, rule 3"},
      {{{.of = Of::Profile, .rule = 3}, {.of = Of::Profile, .owner = 1, .rule = 3}},
       Action::Allow,
       "ingress/Profile/RULES-Allow",
       "several profiles, several rules"},
      {{{.of = Of::Profile}}, Action::Deny, "ingress/Profile/kns.shop/END-Deny", "Profile kns.shop: no rule matched"},
      {{{.of = Of::NoProfile}}, Action::Deny, "ingress/Profile/END-Deny", "no profile: no rule matched"},
  };
  for (const CountedCase& one : cases) {
    const CountedRules counted = count_together(one.places, Direction::Ingress, one.action, two_policies());
    EXPECT_EQ(make_counter(counted), (Counter{one.name, {}}));
    EXPECT_EQ(describe(counted), one.words);
  }
}

TEST(RulePlace, ANameTheKernelDoesNotTakeIsAFingerprintWithAComment) {
  policy::NodePolicy node = two_policies();
  node.tiers[0].policies[0].key.name = std::string(253, 'x');
  const Counter counter = make_counter(count_together({{.rule = 1}}, Direction::Egress, Action::Deny, node));
  EXPECT_EQ(counter.name.size(), std::string("egress/").size() + 16);
  EXPECT_EQ(counter.comment.substr(0, 40), "tier default, NetworkPolicy shop/xxxxxxx");
  EXPECT_LE(counter.comment.size(), 127u);
}

}  // namespace
}  // namespace tierwall::nft
