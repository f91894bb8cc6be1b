// A pod of this node that comes or goes changes its addresses in the table, and the chains that nobody else needs.

#include "nft/table_parts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "nft/compile.h"
#include "nft/diff.h"
#include "nft/print.h"
#include "policy/resolver.h"
#include "policy/subjects.h"

namespace tierwall::nft {
namespace {

using policy::Pod;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Pod make_pod(const std::string& name, const std::string& app, const std::string& address) {
  return {.ns = "shop",
          .name = name,
          .labels = {{"app", app}},
          .node = "node-1",
          .addresses = {*policy::parse_address(address)}};
}

policy::Policy allow(const std::string& to, const std::string& from) {
  policy::Policy policy{.ns = "shop", .name = to + "-from-" + from};
  policy.subject = policy::equals("app", to);
  policy.applies_to_egress = false;
  policy::Rule rule{.action = policy::Action::Allow};
  rule.source.selector = policy::equals("app", from);
  policy.ingress = {rule};
  return policy;
}

/// A node whose shop has a web and a db pod, both selected by all of its policies together.
class TablePartsTest : public ::testing::Test {
 protected:
  TablePartsTest() {
    tell(policy::Namespace{"shop", {}});
    tell(make_pod("web", "web", "10.0.0.1"));
    tell(make_pod("db", "db", "10.0.0.2"));
    tell(allow("web", "db"));
    tell(allow("db", "web"));
    begin();
  }

  /// From what was told so far.
  void begin() {
    resolver_.emplace(inventory_.snapshot(), "node-1", policy::TieBreak::Calico332);
    table_ = *compile_table(resolver_->policy(), {});
  }

  void tell(const policy::Resource& object) {
    inventory_.apply({.source = "directory", .key = policy::key_of(object), .resource = object});
  }

  /// What that does to the table; it is checked against a table compiled from scratch.
  std::string follow(const policy::ResourceEvent& event) {
    inventory_.apply(event);
    const policy::PolicyChange change = resolver_->update(inventory_.snapshot(), {event.key});
    const auto step = table_.parts.follow(resolver_->policy(), change, {}, table_.ruleset);
    if (!step) return "compiled anew";
    advance(table_.ruleset, step->changes);
    EXPECT_EQ(table_.ruleset, *compile(resolver_->policy(), {}));
    return print(step->changes);
  }
  std::string come(const Pod& pod) {
    return follow({.source = "directory", .key = policy::pod_key(pod), .resource = pod});
  }
  std::string go(const Pod& pod) {
    return follow({.source = "directory", .key = policy::pod_key(pod), .change = policy::ResourceEvent::Change::Gone});
  }

  policy::Inventory inventory_;
  std::optional<policy::Resolver> resolver_;
  CompiledTable table_;
};

TEST_F(TablePartsTest, APodLikeAnotherIsAFewElements) {
  const std::string come_words = come(make_pod("web-2", "web", "10.0.0.3"));
  EXPECT_THAT(come_words, AllOf(HasSubstr("ingress4 { 10.0.0.3 comment \"pod shop/web-2\" : jump in4-"),
                                Not(HasSubstr("chain")), Not(HasSubstr("delete"))));
  EXPECT_THAT(go(make_pod("web-2", "web", "10.0.0.3")), AllOf(HasSubstr("delete element"), Not(HasSubstr("chain"))));
}

TEST_F(TablePartsTest, APodOfTwoAppsBringsItsChainAndTakesItAlong) {
  policy::Policy by_role = allow("db", "web");
  by_role.name = "by-role";
  by_role.subject = policy::equals("role", "db");
  Pod only_role = make_pod("only-role", "none", "10.0.0.5");
  only_role.labels.set("role", "db");
  tell(by_role);
  tell(only_role);
  begin();
  Pod both = make_pod("both", "web", "10.0.0.4");
  both.labels.set("role", "db");
  EXPECT_THAT(come(both), AllOf(HasSubstr("add chain"), HasSubstr("add rule"), Not(HasSubstr("delete"))));
  EXPECT_THAT(go(both), AllOf(HasSubstr("flush chain"), HasSubstr("delete chain"), Not(HasSubstr("add "))));
}

TEST_F(TablePartsTest, ThePodThatAPolicySelectsFirstIsCompiledWithIt) {
  tell(allow("cache", "web"));
  begin();
  EXPECT_EQ(come(make_pod("cache", "cache", "10.0.0.6")), "compiled anew");
}

TEST_F(TablePartsTest, ThePodThatHadAPolicyToItselfTakesItAlong) {
  EXPECT_EQ(go(make_pod("db", "db", "10.0.0.2")), "compiled anew");
}

TEST_F(TablePartsTest, ALabelThatNobodyAsksForChangesNothing) {
  Pod web = make_pod("web", "web", "10.0.0.1");
  web.labels.set("color", "blue");
  EXPECT_EQ(come(web), "");
}

TEST(References, WhatNothingRefersToStaysAndWhatLosesItsLastReferenceGoes) {
  const Verdict to_deny{Verdict::Code::Goto, "deny"};
  Ruleset ruleset;
  ruleset.chains["forward"] = {"forward", BaseChain{}, "", {{{}, to_deny, ""}}};
  ruleset.chains["deny"] = {"deny", std::nullopt, "", {}};
  References references(ruleset);
  const Chain another{"in4-1", std::nullopt, "", {{{}, to_deny, "", "counter"}}};
  references.add(referred_by(another));
  const PartName deny{PartName::Kind::Chain, "deny"};
  const PartName counter{PartName::Kind::Counter, "counter"};
  EXPECT_THAT(references.remove(referred_by(another)), ::testing::ElementsAre(counter));
  EXPECT_THAT(references.remove(referred_by(ruleset.chains["forward"])), ::testing::ElementsAre(deny));
}

}  // namespace
}  // namespace tierwall::nft
