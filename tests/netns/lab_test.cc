// The lab judged by rules whose effect is known: nft's own, loaded by nft.

#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "tests/lab/child_process.h"
#include "tests/lab/flows.h"
#include "tests/lab/probe.h"
#include "tests/lab/topology.h"

namespace tierwall::lab {
namespace {

using policy::Family;

LabPlan two_pods_and_a_remote_one() {
  return {.pods = {make_machine("app/a", {"10.1.0.1", "fd00:1::1"}), make_machine("app/b", {"10.1.0.2", "fd00:1::2"})},
          .remote_pods = {make_machine("app/far", {"10.2.0.1", "fd00:2::1"})}};
}

struct LabTest : ::testing::Test {
  Lab lab{two_pods_and_a_remote_one()};

  Outcome reach(const std::string& from, const std::string& to, policy::Protocol protocol, Family family,
                bool listening = true) {
    const Probe probe{&lab.host(from), &lab.host(to), protocol, 8080, family, listening};
    return run_probe(probe);
  }
  void load(const std::string& rules) {
    require_command({.argv = {"nft", "-f", "-"}, .inside = &lab.node().network}, rules);
  }
};

const policy::Protocol kAll[] = {policy::kTcp, policy::kUdp, policy::kIcmp, policy::kSctp};

TEST_F(LabTest, EveryoneReachesEveryoneWithoutRules) {
  const std::string names[] = {"app/a", "app/b", "app/far", "outside", "node"};
  std::vector<Probe> probes;
  for (const std::string& from : names)
    for (const std::string& to : names)
      for (const policy::Protocol protocol : kAll)
        for (const Family family : policy::kFamilies)
          if (from != to) probes.push_back({&lab.host(from), &lab.host(to), protocol, 8080, family, true});
  const std::vector<Outcome> expected(probes.size(), Outcome::Allowed);
  const std::vector<Outcome> outcomes = run_expecting(probes, expected);
  for (std::size_t i = 0; i < probes.size(); ++i) EXPECT_EQ(outcomes[i], Outcome::Allowed) << describe(probes[i]);
}

/// On a busy machine a first packet may come late or not at all: the second chance listens at the same port.
TEST_F(LabTest, WhatShouldBeAnsweredGetsASecondChance) {
  load(
      "table inet lossy { chain f { type filter hook forward priority 0; "
      "tcp flags & (syn | ack) == syn numgen inc mod 2 == 0 drop; }\n}\n");
  const Probe probes[] = {{&lab.host("app/a"), &lab.host("app/b"), policy::kTcp, 8080, Family::V4, true}};
  const Outcome expected[] = {Outcome::Allowed};
  EXPECT_EQ(run_expecting(probes, expected), std::vector<Outcome>(1, Outcome::Allowed));
}

/// What should be silent and is not must be seen, although nobody waits long for it.
TEST_F(LabTest, AnAnswerThatNobodyExpectsIsSeen) {
  for (const policy::Protocol protocol : kAll) {
    const Probe probes[] = {{&lab.host("app/a"), &lab.host("app/b"), protocol, 8080, Family::V4, true},
                            {&lab.host("app/far"), &lab.host("app/b"), protocol, 8080, Family::V6, true}};
    const Outcome expected[] = {Outcome::Allowed, Outcome::Dropped};
    EXPECT_EQ(run_expecting(probes, expected), std::vector<Outcome>(2, Outcome::Allowed))
        << policy::print_protocol(protocol);
  }
}

TEST_F(LabTest, APortNobodyListensOnRefuses) {
  for (const policy::Protocol protocol : {policy::kTcp, policy::kUdp, policy::kSctp})
    for (const Family family : policy::kFamilies)
      EXPECT_EQ(reach("app/a", "app/b", protocol, family, false), Outcome::Refused) << policy::print_protocol(protocol);
}

TEST_F(LabTest, DropAndRejectAreToldApart) {
  load(
      "table inet t { chain c { type filter hook forward priority 0; ip daddr 10.1.0.2 drop; "
      "ip6 daddr fd00:1::2 reject; }\n}");
  for (const policy::Protocol protocol : kAll) {
    EXPECT_EQ(reach("app/a", "app/b", protocol, Family::V4), Outcome::Dropped) << policy::print_protocol(protocol);
    EXPECT_EQ(reach("app/a", "app/b", protocol, Family::V6), Outcome::Refused) << policy::print_protocol(protocol);
    if (protocol == policy::kSctp) continue;  // allowed once it arrives: there is no answer to lose
    EXPECT_EQ(reach("app/b", "app/a", protocol, Family::V4), Outcome::Dropped) << "the answer is lost";
  }
}

TEST_F(LabTest, SctpIsMatchedByItsPorts) {
  load("table inet t { chain c { type filter hook forward priority 0; sctp dport 8080 drop; }\n}");
  EXPECT_EQ(reach("app/a", "app/b", policy::kSctp, Family::V4), Outcome::Dropped);
  EXPECT_EQ(reach("app/a", "app/b", policy::kTcp, Family::V4), Outcome::Allowed);
}

TEST_F(LabTest, LastingTrafficShowsWhatIsLetThrough) {
  TcpConversation conversation(lab.host("app/a"), lab.host("app/b"), 8080);
  const UdpStream stream(lab.host("app/a"), lab.host("app/b"), 9999);
  EXPECT_TRUE(conversation.exchange());
  for (int i = 0; i < 500 && stream.arrived() == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_GT(stream.arrived(), 0U);
  load("table inet t { chain c { type filter hook forward priority 0; drop; }\n}");
  EXPECT_FALSE(conversation.exchange(kProbeTimeout));
}

TEST(Lab, EightPodsTakeWellUnderASecond) {
  LabPlan plan;
  for (int i = 1; i <= 8; ++i) {
    const std::string number = std::to_string(i);
    plan.pods.push_back(make_machine("app/pod-" + number, {"10.1.0." + number, "fd00:1::" + number}));
  }
  const auto begin = std::chrono::steady_clock::now();
  const Lab lab(plan);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5)) << "alone on a machine it takes 0.2 s";
}

TEST(Lab, NothingOfItIsInTheMachinesOwnNetwork) {
  const std::string before = require_command({.argv = {"ip", "-o", "link"}});
  const Lab lab(two_pods_and_a_remote_one());
  EXPECT_EQ(require_command({.argv = {"ip", "-o", "link"}}), before);
}

}  // namespace
}  // namespace tierwall::lab
