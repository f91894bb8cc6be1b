// How many rules become few lookups: the three steps of nft/compile_chain.h on lists a person can follow.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "nft/merge_decisions.h"
#include "nft/names.h"
#include "nft/print.h"
#include "nft/split_by_port.h"
#include "nft/table_words.h"

namespace tierwall::nft {
namespace {

using policy::Action;
using policy::Direction;
using policy::Family;

constexpr std::size_t kApart = 4;

Match from(const std::string& net) {
  return {{Field::IpSaddr}, false, Addresses{policy::to_range(*policy::parse_prefix(net))}};
}

Match from_set(const std::string& set) {
  return in_set(Field::IpSaddr, set);
}

Match to_ports(std::uint32_t first, std::uint32_t last, bool negated = false) {
  return {{Field::TcpDport}, negated, Numbers{{first, last}}};
}

Decision decide(Action action, std::vector<Match> matches, std::size_t stage = 0) {
  return {.stage = stage, .matches = std::move(matches), .action = action, .stands_for = {{}}};
}

Decision end(Action action, std::size_t stage = 0) {
  Decision decision = decide(action, {}, stage);
  decision.of_rule = false;
  return decision;
}

/// "Allow ip saddr 10.0.0.0/8; Deny", with the stage in front where it is not the first.
std::string show(const DecisionList& decisions) {
  std::string text;
  for (const Decision& decision : decisions) {
    text += text.empty() ? "" : "; ";
    if (decision.stage != 0) text += std::to_string(decision.stage) + ": ";
    text += policy::print_action(decision.action);
    for (const Match& match : decision.matches) text += " " + print(match);
  }
  return text;
}

/// Two sets of pods, the second with a net, as the policy of some node has them.
class MergeRuns : public ::testing::Test {
 protected:
  std::string merge(const DecisionList& decisions) {
    return show(merge_runs(decisions, kApart, Direction::Ingress, unions_));
  }

  /// Of the set that the first of these decisions looks into.
  std::string elements(const std::string& decisions) {
    const std::size_t name = decisions.find('@') + 1;
    const auto members = unions_.find_members(decisions.substr(name, decisions.find(' ', name) - name));
    if (!members) return "no such union";
    const Set set = make_set(*members, unions_.describe(*members), policy_);
    std::string text;
    for (const Element& element : set.elements) text += (text.empty() ? "" : ", ") + print_element(set, element);
    return text;
  }

  static policy::NodePolicy two_sets() {
    policy::NodePolicy policy;
    policy.address_sets = {{.meaning = "web", .description = "web", .addresses = {}, .nets = {}},
                           {.meaning = "db", .description = "db", .addresses = {}, .nets = {}}};
    policy.address_sets[0].addresses = {*policy::parse_address("10.0.0.1")};
    policy.address_sets[1].addresses = {*policy::parse_address("10.0.0.1"), *policy::parse_address("10.0.0.2")};
    policy.address_sets[1].nets.insert(*policy::parse_prefix("192.0.2.0/24"));
    return policy;
  }

  const policy::NodePolicy policy_ = two_sets();
  const SetNames names_{{{"web", ""}, {"db", "db-nets"}}, std::vector<std::string>{}};
  SetUnions unions_{policy_, Family::V4, names_};
};

TEST_F(MergeRuns, AHandfulKeepsALineEach) {
  const DecisionList four = {decide(Action::Allow, {from("10.1.0.0/16")}), decide(Action::Allow, {from("10.2.0.0/16")}),
                             decide(Action::Allow, {from("10.3.0.0/16")}),
                             decide(Action::Allow, {from("10.4.0.0/16")})};
  EXPECT_EQ(merge(four), show(four));
}

TEST_F(MergeRuns, MoreBecomeOneLookup) {
  DecisionList five;
  for (const char* net : {"10.0.0.0/16", "10.1.0.0/16", "10.4.0.0/16", "10.8.0.0/16", "10.6.0.0/16"}) {
    five.push_back(decide(Action::Allow, {from(net)}));
  }
  EXPECT_EQ(merge(five), "Allow ip saddr { 10.0.0.0/15, 10.4.0.0/16, 10.6.0.0/16, 10.8.0.0/16 }");
}

TEST_F(MergeRuns, ExactAddressesAndNetsAreLookedUpApart) {
  DecisionList run = {decide(Action::Allow, {from_set("web")}), decide(Action::Allow, {from_set("db")}),
                      decide(Action::Allow, {from_set("db-nets")})};
  for (int i = 0; i < 3; ++i) run.push_back(decide(Action::Allow, {from("10." + std::to_string(i) + ".0.0/24")}));
  const std::string merged = merge(run);
  EXPECT_TRUE(merged.starts_with("Allow ip saddr @addr4-")) << merged;
  EXPECT_NE(merged.find("; Allow ip saddr @nets4-"), std::string::npos) << merged;
}

TEST_F(MergeRuns, AUnionHasTheMembersOfItsSetsOnce) {
  DecisionList run;
  for (const char* set : {"web", "db"}) run.push_back(decide(Action::Allow, {from_set(set), to_ports(80, 80)}));
  for (const std::uint32_t port : {1U, 2U, 3U}) run.push_back(decide(Action::Allow, {to_ports(port, port)}));
  const std::string merged = merge(run);
  EXPECT_TRUE(merged.ends_with("Allow tcp dport 1; Allow tcp dport 2; Allow tcp dport 3")) << merged;
  EXPECT_EQ(elements(merged), "10.0.0.1, 10.0.0.2");
}

TEST_F(MergeRuns, AnotherVerdictOrAnotherTierEndsARun) {
  DecisionList mixed;
  for (int i = 0; i < 8; ++i) {
    mixed.push_back(decide(i == 4 ? Action::Deny : Action::Allow, {from("10." + std::to_string(2 * i) + ".0.0/16")}));
  }
  EXPECT_EQ(merge(mixed),
            "Allow ip saddr 10.0.0.0/16; Allow ip saddr 10.2.0.0/16; Allow ip saddr 10.4.0.0/16; "
            "Allow ip saddr 10.6.0.0/16; Deny ip saddr 10.8.0.0/16; Allow ip saddr 10.10.0.0/16; "
            "Allow ip saddr 10.12.0.0/16; Allow ip saddr 10.14.0.0/16");
}

TEST_F(MergeRuns, ALongRunThatEndsInItsOwnVerdictIsLeftOut) {
  DecisionList denials;
  for (int i = 0; i < 9; ++i) denials.push_back(decide(Action::Deny, {from("10." + std::to_string(i) + ".0.0/16")}));
  denials.push_back(end(Action::Deny));
  EXPECT_EQ(merge(denials), "Deny");
}

TEST_F(MergeRuns, LogsStayWhereTheyAre) {
  DecisionList logs;
  for (int i = 0; i < 6; ++i) logs.push_back(decide(Action::Log, {from("10." + std::to_string(i) + ".0.0/16")}));
  EXPECT_EQ(merge(logs), show(logs));
}

TEST(DropUnreachable, NothingIsBehindARuleForEverything) {
  EXPECT_EQ(show(drop_unreachable({decide(Action::Allow, {to_ports(80, 80)}), decide(Action::Deny, {}),
                                   decide(Action::Allow, {to_ports(443, 443)}), end(Action::Deny),
                                   decide(Action::Allow, {}, 1)})),
            "Allow tcp dport 80; Deny");
}

TEST(DropUnreachable, WhatAPassLeadsToStays) {
  EXPECT_EQ(show(drop_unreachable({decide(Action::Pass, {to_ports(80, 80)}), decide(Action::Deny, {}),
                                   end(Action::Deny), decide(Action::Allow, {}, 1), end(Action::Deny, 1)})),
            "Pass tcp dport 80; Deny; 1: Allow");
}

TEST(DropUnreachable, TheSameMatchesASecondTimeCannotMatch) {
  EXPECT_EQ(
      show(drop_unreachable({decide(Action::Log, {from("10.0.0.0/8")}), decide(Action::Allow, {from("10.0.0.0/8")}),
                             decide(Action::Deny, {from("10.0.0.0/8")}), end(Action::Deny)})),
      "Log ip saddr 10.0.0.0/8; Allow ip saddr 10.0.0.0/8; Deny");
}

/// "tcp 0-79,81-65535: Deny", one line per cell.
std::string show(const ProtocolCells& protocol) {
  std::string text;
  for (const PortCell& cell : protocol.cells) {
    const char* before = "";
    text += policy::print_protocol(protocol.protocol) + " ";
    for (const policy::PortRange& range : cell.ports) {
      text +=
          before + std::to_string(range.first) + (range.first == range.last ? "" : "-" + std::to_string(range.last));
      before = ",";
    }
    text += ": " + show(cell.decisions) + "\n";
  }
  return text;
}

TEST(SplitByPort, EveryPortMeetsWhatSpeaksOfIt) {
  const auto split =
      split_by_port({decide(Action::Allow, {to_ports(80, 90)}), decide(Action::Allow, {to_ports(85, 85)}),
                     decide(Action::Allow, {to_ports(1, 1000, true)}), end(Action::Deny)},
                    1000);
  ASSERT_TRUE(split);
  EXPECT_EQ(show(split->protocols[0]),
            "tcp 0,1001-65535: Allow; Deny\n"
            "tcp 1-79,91-1000: Deny\n"
            "tcp 80-84,86-90: Allow; Deny\n"
            "tcp 85: Allow; Allow; Deny\n");
  EXPECT_EQ(show(split->protocols[1]), "udp 0-65535: Deny\n");
  EXPECT_EQ(show(split->others), "Deny");
}

TEST(SplitByPort, WhatIsNotAboutPortsIsAskedOnBehindTheSplit) {
  const Match echo = is_number(Field::IcmpType, 8);
  const Match not_tcp = is_number(Field::L4Proto, 6, true);
  const Match some = {{Field::L4Proto}, false, Numbers{{6, 6}, {17, 17}, {132, 132}}};
  const Match by_source = {{Field::ThSport}, false, Numbers{{53, 53}}};
  const auto split = split_by_port({decide(Action::Allow, {echo}), decide(Action::Deny, {not_tcp, from("10.0.0.0/8")}),
                                    decide(Action::Allow, {some, by_source}), end(Action::Deny)},
                                   1000);
  ASSERT_TRUE(split);
  EXPECT_EQ(show(split->protocols[0]), "tcp 0-65535: Allow tcp sport 53; Deny\n");
  EXPECT_EQ(show(split->protocols[1]), "udp 0-65535: Deny ip saddr 10.0.0.0/8; Allow udp sport 53; Deny\n");
  EXPECT_EQ(show(split->others), "Allow icmp type echo-request; Deny meta l4proto != tcp ip saddr 10.0.0.0/8; Deny");
}

TEST(SplitByPort, GivesUpOnListsThatHardlySpeakOfPorts) {
  DecisionList decisions;
  for (std::uint32_t i = 0; i < 100; ++i) {
    decisions.push_back(
        decide(i % 2 == 0 ? Action::Allow : Action::Deny, {from("10.0.0." + std::to_string(i) + "/32")}));
    decisions.push_back(decide(Action::Allow, {to_ports(i, i)}));
  }
  EXPECT_TRUE(split_by_port(decisions, 20'000));
  EXPECT_FALSE(split_by_port(decisions, 5'000));
}

}  // namespace
}  // namespace tierwall::nft
