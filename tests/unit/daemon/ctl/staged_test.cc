// Staged policies, from a world made by hand: what is answered today, what would be, and how the two are told apart.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/ctl/answer_json.h"
#include "daemon/ctl/explanation.h"
#include "daemon/ctl/staged_text.h"

namespace tierwall::daemon::ctl {
namespace {

using policy::Verdict;
using ::testing::HasSubstr;
using ::testing::Not;

policy::Pod pod(const char* name, const char* address) {
  policy::Pod pod;
  pod.ns = "a";
  pod.name = name;
  pod.node = "node-1";
  pod.addresses = {*policy::parse_address(address)};
  return pod;
}

policy::Snapshot open_world() {
  policy::Snapshot snapshot;
  snapshot.put(policy::Namespace{"a", {}});
  snapshot.put(pod("web", "10.0.0.1"));
  snapshot.put(pod("db", "10.0.0.2"));
  return snapshot;
}

/// Denies what every pod receives on this port.
policy::Policy close_port(std::uint16_t port) {
  policy::Policy policy;
  policy.kind = policy::Kind::StagedGlobalNetworkPolicy;
  policy.name = "lockdown";
  policy.applies_to_egress = false;
  policy.staged = policy::StagedAction::Set;
  policy::Rule deny;
  deny.protocol = policy::kTcp;
  deny.destination.ports.ranges = {{port, port}};
  policy::Rule allow;
  allow.action = policy::Action::Allow;
  allow.number = 2;
  policy.ingress = {deny, allow};
  return policy;
}

Answer ask(Worlds& worlds, int port) {
  FlowWords words;
  words.from = "pod:a/web";
  words.to = "pod:a/db";
  words.dport = std::to_string(port);
  Answer answer = *worlds.ask(*parse_flow(words));
  EXPECT_TRUE(worlds.verify(answer));
  return answer;
}

TEST(Staged, WithoutStagedPoliciesNothingIsSaidOfThem) {
  const policy::Snapshot snapshot = open_world();
  Worlds worlds(snapshot, {"node-1", "laptop"});
  const Answer answer = ask(worlds, 22);
  EXPECT_FALSE(answer.staged);
  EXPECT_EQ(answer.staged_verdict(), Verdict::Allow);
  EXPECT_FALSE(to_json(answer).contains("staged"));
  EXPECT_THAT(explain_in_text(answer, worlds, false), Not(HasSubstr("staged")));
}

TEST(Staged, APreviewIsAnsweredBesideTheVerdict) {
  policy::Snapshot snapshot = open_world();
  snapshot.put(close_port(22));
  Worlds worlds(snapshot, {"node-1", "laptop"});
  const Answer answer = ask(worlds, 22);
  const Json json = to_json(answer);
  EXPECT_EQ(json["verdict"], "allow");
  EXPECT_EQ(json["staged"]["verdict"], "deny");
  EXPECT_EQ(json["staged"]["ingress"]["name"], "lockdown");
  EXPECT_EQ(json["staged"]["egress"]["verdict"], "allow");
  EXPECT_EQ(answer.disagreement, std::nullopt);
  EXPECT_EQ(answer.staged_disagreement, std::nullopt);
  EXPECT_EQ(summarise_change(answer),
            "The staged policies would close this: GlobalNetworkPolicy lockdown (tier default) rule 1 decides the "
            "ingress of pod a/db instead of no policy.");
  const std::string text = explain_in_text(answer, worlds, false);
  EXPECT_THAT(text, HasSubstr("(staged, not enforced:\n     lockdown)"));
  EXPECT_THAT(text, HasSubstr("today:                          allow (egress allow, ingress allow)\n"
                              "with staged policies enforced:  deny (egress allow, ingress deny)\n"));
}

TEST(Staged, TheVerdictMayStayForAnotherReason) {
  policy::Snapshot snapshot = open_world();
  snapshot.put(close_port(22));
  Worlds worlds(snapshot, {"node-1", "laptop"});
  EXPECT_THAT(summarise_change(ask(worlds, 80)), HasSubstr("The verdict stays, for another reason"));
}

TEST(Staged, WhatTouchesNeitherEndChangesNothing) {
  policy::Snapshot snapshot = open_world();
  policy::Policy elsewhere = close_port(22);
  elsewhere.subject = *policy::parse_selector("app == 'nobody'");
  snapshot.put(elsewhere);
  Worlds worlds(snapshot, {"node-1", "laptop"});
  const Answer answer = ask(worlds, 22);
  EXPECT_TRUE(answer.staged);
  EXPECT_THAT(summarise_change(answer), ::testing::StartsWith("Nothing changes"));
}

TEST(Staged, ADifferenceInTheStagedWorldIsReportedThere) {
  policy::Snapshot snapshot = open_world();
  snapshot.put(close_port(22));
  Worlds worlds(snapshot, {"node-1", "laptop"});
  Answer answer = ask(worlds, 22);
  answer.staged->decision.ingress->verdict = Verdict::Allow;  // as if the evaluator were wrong
  ASSERT_TRUE(worlds.verify(answer));
  EXPECT_EQ(answer.disagreement, std::nullopt);
  EXPECT_TRUE(answer.staged_disagreement);
  EXPECT_TRUE(to_json(answer)["staged"].contains("disagreement"));
}

}  // namespace
}  // namespace tierwall::daemon::ctl
