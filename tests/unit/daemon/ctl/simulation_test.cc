// Connections and sockets of a node before and after a change.

#include "daemon/ctl/simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/ctl/terminal.h"
#include "tests/unit/daemon/connections/tracked.h"

namespace tierwall::daemon::ctl {
namespace {

using policy::parse_address;
using test::World;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kOpenHost = R"(---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: here-eth0, labels: {role: edge}}
spec: {node: here, interfaceName: eth0, expectedIPs: [192.0.2.1], profiles: [projectcalico-default-allow]}
)";

/// Port 9100 is for the office only.
constexpr const char* kOfficeOnly = R"(---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: exporter}
spec:
  selector: role == 'edge'
  order: 10
  types: [Ingress]
  ingress:
    - {action: Allow, protocol: TCP, source: {nets: [198.51.100.0/24]}, destination: {ports: [9100]}}
    - {action: Deny, protocol: TCP, destination: {ports: [9100]}}
    - {action: Allow}
)";

/// A world with what this node makes of it.
struct Judged {
  explicit Judged(World of)
      : world(std::move(of)),
        policy(policy::resolve(world.snapshot(), policy::Scope{.node = "here"})),
        judge(world.snapshot(), {.node = "here", .host_name = "here"}),
        of_connections({policy, options, own, [](const policy::Address&) { return std::string("eth0"); }}) {}

  World world;
  policy::NodePolicy policy;
  nft::CompileOptions options{.node = "here"};
  std::set<policy::Address> own = {*parse_address("192.0.2.1")};
  ConnectionJudge judge;
  daemon::ConnectionJudge of_connections;
};

/// "closed tcp 9100 (node_exporter) for anybody else by eth0: GlobalNetworkPolicy exporter ..."
std::vector<std::string> tell(const std::vector<TurnedSocket>& sockets) {
  std::vector<std::string> lines;
  for (const TurnedSocket& socket : sockets)
    lines.push_back((socket.closed ? "closed " : "opened ") + socket.socket + " for " + join(socket.peers, " and ") +
                    ": " + socket.decider);
  return lines;
}

World two_pods() {
  return World::of(kTwoPodsHere);
}

TEST(Simulation, TellsWhichConnectionsWouldBeCutAndWhichOpened) {
  const Judged before(two_pods().with(ingress_of("db", "{ports: [{port: 5432}]}")));
  const Judged after(two_pods().with(ingress_of("web", "{ports: [{port: 8080}]}")));
  Simulation simulation;
  simulate_connections(before.of_connections, after.of_connections,
                       {tracked_tcp("10.0.0.2", "10.0.0.1", 8080), tracked_tcp("10.0.0.2", "10.0.0.1", 80),
                        tracked_tcp("10.0.0.1", "10.0.0.2", 6379), tracked_tcp("127.0.0.1", "127.0.0.1", 80)},
                       simulation);
  EXPECT_EQ(simulation.judged, 3U);
  EXPECT_EQ(simulation.unjudged, 1U);
  EXPECT_THAT(simulation.connections,
              ElementsAre(TurnedConnection{true, "tcp 10.0.0.2:40000 (pod app/db) to 10.0.0.1:80 (pod app/web)",
                                           "the end of tier default, ingress"},
                          TurnedConnection{false, "tcp 10.0.0.1:40000 (pod app/web) to 10.0.0.2:6379 (pod app/db)",
                                           "the end of tier default, ingress"}));
  EXPECT_TRUE(simulation.cuts());
}

TEST(Simulation, AChangeThatConcernsNobodyCutsNothing) {
  const Judged before(two_pods());
  const Judged after(two_pods().with(ingress_of("web", "{ports: [{port: 8080}]}")));
  Simulation simulation;
  simulate_connections(before.of_connections, after.of_connections, {tracked_tcp("10.0.0.2", "10.0.0.1", 8080)},
                       simulation);
  EXPECT_EQ(simulation.judged, 1U);
  EXPECT_THAT(simulation.connections, IsEmpty());
  EXPECT_FALSE(simulation.cuts());
}

TEST(Simulation, TellsForWhomASocketClosesAndOpens) {
  const Judged open(two_pods().with(kOpenHost));
  const Judged closed(two_pods().with(kOpenHost).with(kOfficeOnly));
  const std::vector<ListeningSocket> sockets = {
      {.protocol = policy::kTcp, .v4 = true, .v6 = true, .port = 9100, .inode = 1, .program = "node_exporter"},
      {.protocol = policy::kTcp, .v4 = true, .port = 22, .inode = 2, .program = "sshd"},
      {.protocol = policy::kUdp, .v4 = true, .port = 9100, .inode = 3}};
  const std::vector<Visitor> visitors =
      find_visitors({open.world.snapshot(), open.policy}, {closed.world.snapshot(), closed.policy}, "here");
  Simulation closing;
  simulate_sockets(open.judge, closed.judge, sockets, visitors, closing);
  EXPECT_EQ(closing.listening, 3U);
  EXPECT_THAT(
      tell(closing.sockets),
      ElementsAre("closed tcp 9100 (node_exporter) for anybody else by eth0: GlobalNetworkPolicy exporter (tier "
                  "default) rule 2 at HostEndpoint here-eth0"));
  EXPECT_TRUE(closing.cuts());

  Simulation opening;
  simulate_sockets(closed.judge, open.judge, sockets, visitors, opening);
  EXPECT_THAT(
      tell(opening.sockets),
      ElementsAre("opened tcp 9100 (node_exporter) for anybody else by eth0: no policy at HostEndpoint here-eth0"));
  EXPECT_FALSE(opening.cuts());
}

TEST(Simulation, WhoWasNotLookedAtIsCountedAndLongListsAreCutShort) {
  const Judged open(two_pods().with(kOpenHost));
  const std::vector<Visitor> visitors(kMostVisitors + 7, Visitor{"pod app/web", {}, std::nullopt});
  Simulation simulation;
  simulate_sockets(open.judge, open.judge, {}, visitors, simulation);
  EXPECT_EQ(simulation.visitors_left_out, 7U);
  EXPECT_EQ(to_json(simulation).at("visitors_left_out"), 7);
  for (int i = 0; i < 60; ++i) simulation.connections.push_back({true, "tcp " + std::to_string(i), "policy"});
  EXPECT_THAT(print_simulation(simulation, /*color=*/false),
              AllOf(HasSubstr("the first 500 were looked at, 7 more were not"), HasSubstr("tcp 49\n"),
                    Not(HasSubstr("tcp 50\n")), HasSubstr("and 10 more connections; -o json has them all")));
}

TEST(Simulation, VisitorsAreWhomRulesNameAndEverybodyElseAndThePods) {
  const Judged before(two_pods().with(kOpenHost));
  const Judged after(two_pods().with(kOpenHost).with(kOfficeOnly));
  std::vector<std::string> words;
  for (const Visitor& visitor :
       find_visitors({before.world.snapshot(), before.policy}, {after.world.snapshot(), after.policy}, "here"))
    words.push_back(visitor.words);
  EXPECT_THAT(words, ElementsAre("anybody else by eth0", "198.51.100.0/24 by eth0", "pod app/db", "pod app/web"));
}

}  // namespace
}  // namespace tierwall::daemon::ctl
