// Real packets, as the kernel tells their steps, in the words of policy.

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/ctl/trace_command.h"
#include "daemon/ctl/traced_packet.h"
#include "tests/fakes/fake_packet_trace.h"

namespace tierwall::daemon::ctl {
namespace {

using nft::TraceStep;
using ::testing::HasSubstr;
using namespace std::string_literals;
using At = TraceStep::At;

constexpr std::uint64_t kAsks = 10;
constexpr std::uint64_t kPasses = 11;
constexpr std::uint64_t kDenies = 12;
constexpr std::uint64_t kSplits = 13;
constexpr std::uint64_t kTells = 14;

TraceStep step(const std::string& chain, std::uint64_t rule, const std::string& verdict) {
  return {.at = At::Rule, .family = 1, .table = "tierwall", .chain = chain, .rule = rule, .verdict = verdict};
}

TraceStep chain_policy(const std::string& chain, const std::string& verdict) {
  return {.at = At::Policy, .family = 1, .table = "tierwall", .chain = chain, .verdict = verdict};
}

TraceStep elsewhere(std::uint64_t rule, const std::string& verdict) {
  return {.at = At::Rule, .family = 2, .table = "filter", .chain = "FORWARD", .rule = rule, .verdict = verdict};
}

/// The first 28 bytes of a datagram to that address's port 53.
std::string datagram(const std::string& destination) {
  std::string bytes = "\x45\0\0\x1d\0\0\0\0\x40\x11\0\0\x0a\0\0\x02"s;
  bytes += destination + "\x9c\x40\0\x35\0\x09\0\0"s;
  return bytes;
}

nft::RuleComments rule_comments() {
  nft::RuleComments comments;
  const auto add = [&](const TraceStep& at, const std::string& text) { comments.emplace(at.key(), text); };
  add(step("forward", kAsks, ""), "ingress policy of this node's pods");
  add(step("in4-first", kPasses, ""), "tier security, GlobalNetworkPolicy guard, rule 2");
  add(step("in4-second", kSplits, ""), "udp: by ranges of destination ports");
  add(step("in4-third", kDenies, ""), "tier default: no rule matched, default Deny");
  add(elsewhere(7, ""), "no games");
  return comments;
}

const TraceStep kBegin{.at = At::Rule, .family = 1, .table = nft::kTraceName, .chain = "arriving", .rule = 1};

/// Through two tiers to the end of the second, which denies.
std::vector<TraceStep> denied_path() {
  TraceStep first = step("forward", kAsks, "jump in4-first");
  first.in_interface = 3;
  first.out_interface = 4;
  first.headers = datagram("\x0a\0\0\x01"s);
  return {first, step("in4-first", kPasses, "goto in4-second"), step("in4-second", kSplits, "goto in4-third"),
          step("in4-third", kDenies, "drop")};
}

TracedPacket packet_of(std::vector<TraceStep> path) {
  path.insert(path.begin(), kBegin);
  return {std::move(path)};
}

struct TracedPackets : ::testing::Test {
  std::string print(const std::vector<TraceStep>& path) const {
    return print_packet(packet_of(path), words(), /*color=*/false);
  }
  TraceWords words() const {
    return {comments,
            [](const policy::Address& address) {
              const std::string text = policy::print_address(address);
              return DropEnd{text, text == "10.0.0.1" ? "app/web" : ""};
            },
            [](std::uint32_t index) { return "cali" + std::to_string(index); }};
  }

  nft::RuleComments comments = rule_comments();
};

TEST_F(TracedPackets, TiersPoliciesAndRulesAreTold) {
  EXPECT_EQ(print(denied_path()),
            "10.0.0.2 -> app/web, udp 53\n"
            "  forward  ask   ingress policy of this node's pods (in by cali3, out by cali4)\n"
            "  forward  pass  tier security, GlobalNetworkPolicy guard, rule 2\n"
            "  forward  deny  tier default: no rule matched, default Deny\n"
            "=> denied by tier default: no rule matched, default Deny\n");
}

TEST_F(TracedPackets, WhereDenialsAreToldOfTheRuleBeforeThatIsNamed) {
  std::vector<TraceStep> path = denied_path();
  path.back().verdict = "goto denied";
  path.push_back(step("denied", kTells, "continue"));
  path.push_back(step("denied", kTells + 1, "drop"));
  EXPECT_THAT(print(path), HasSubstr("\n=> denied by tier default: no rule matched, default Deny\n"));
}

TEST_F(TracedPackets, AStrangersDropIsNotOurs) {
  EXPECT_THAT(print({chain_policy("forward", "accept"), elsewhere(7, "drop")}),
              HasSubstr("  forward            allow  no policy has anything against it\n"
                        "  ip filter FORWARD  drop   rule 7: no games\n"
                        "=> denied by ip filter FORWARD, which is not Tierwall's: rule 7: no games\n"));
}

TEST_F(TracedPackets, ThatOurTableNeverMetAreSaidToBeSo) {
  EXPECT_THAT(print({elsewhere(8, "accept")}), HasSubstr("=> through: no chain of Tierwall's was asked\n"));
}

TEST_F(TracedPackets, TranslationOfAServiceIsTold) {
  std::vector<TraceStep> path = denied_path();
  TraceStep translated = elsewhere(8, "continue");
  translated.headers = datagram("\x0a\x60\0\x0a"s);
  path.insert(path.begin(), translated);
  EXPECT_THAT(print(path), HasSubstr("10.0.0.2 -> 10.96.0.10, udp 53\n"
                                     "  ip filter FORWARD  continue  rule 8\n"
                                     "  forward            now       10.0.0.2 -> app/web, udp 53\n"
                                     "  forward            ask       ingress"));
}

TEST_F(TracedPackets, WhatAProgramHasOrWhoseStepsAreLostIsNotSaidToBeThrough) {
  EXPECT_THAT(print({chain_policy("forward", "accept"), elsewhere(7, "queue")}),
              HasSubstr("=> what became of it is not known: it was handed on by ip filter FORWARD"));
  TraceWords with_losses = words();
  with_losses.steps_lost = true;
  const TracedPacket through = packet_of({chain_policy("forward", "accept")});
  EXPECT_THAT(print_packet(through, with_losses, /*color=*/false),
              HasSubstr("=> what became of it is not known: steps were lost"));
  EXPECT_EQ(to_json(packet_of(denied_path()), with_losses).at("verdict"), "deny") << "that was seen";
}

TEST_F(TracedPackets, JsonHasEveryStep) {
  const Json json = to_json(packet_of(denied_path()), words());
  EXPECT_EQ(json.at("verdict"), "deny");
  EXPECT_EQ(json.at("by"), "tier default: no rule matched, default Deny");
  EXPECT_EQ(json.at("destination"), (Json{{"address", "10.0.0.1"}, {"pod", "app/web"}}));
  ASSERT_EQ(json.at("steps").size(), 4U);
  EXPECT_EQ(json.at("steps")[2].at("verdict"), "") << "a chain that is split by port decides nothing";
  EXPECT_EQ(json.at("steps")[2].at("kernel_verdict"), "goto in4-third");
}

// ---- putting packets together --------------------------------------------------------------------------------------

const PacketGatherer::Time kStart{};

TraceStep numbered(std::uint32_t packet, TraceStep step) {
  step.packet = packet;
  return step;
}

TEST(PacketGatherer, SilenceIsJudgedPacketByPacket) {
  PacketGatherer gatherer;
  gatherer.add({numbered(1, kBegin)}, kStart);
  gatherer.add({numbered(2, kBegin), numbered(2, chain_policy("forward", "accept"))},
               kStart + PacketGatherer::kQuiet / 2);
  EXPECT_TRUE(gatherer.take(kStart + PacketGatherer::kQuiet / 2).empty());
  EXPECT_EQ(gatherer.take(kStart + PacketGatherer::kQuiet).size(), 1U) << "the second one may go on";
  ASSERT_TRUE(gatherer.has_open());
  EXPECT_EQ(gatherer.take(PacketGatherer::Time::max()).front().steps.size(), 2U);
}

TEST(PacketGatherer, ANumberThatComesAgainIsAnotherPacket) {
  PacketGatherer gatherer;
  gatherer.add({numbered(1, kBegin), numbered(1, chain_policy("forward", "accept")), numbered(1, kBegin),
                numbered(1, step("in4-third", kDenies, "drop"))},
               kStart);
  const std::vector<TracedPacket> packets = gatherer.take(kStart);
  ASSERT_EQ(packets.size(), 2U);
  EXPECT_EQ(packets[0].steps.back().at, At::Policy);
  EXPECT_EQ(packets[1].steps.back().verdict, "drop");
}

TEST(PacketGatherer, PacketsThatOthersTraceAreNotOurs) {
  PacketGatherer gatherer;
  gatherer.add({numbered(9, step("in4-third", kDenies, "drop"))}, kStart);
  EXPECT_FALSE(gatherer.has_open());
}

// ---- the verb ------------------------------------------------------------------------------------------------------

struct TraceVerb : ::testing::Test {
  int run(const TraceOptions& options) {
    std::istringstream in;
    out.str({});
    err.str({});
    return trace_packets(options, Error{ErrorKind::Unavailable, "no daemon, and no state file", 0}, trace,
                         {.in = in, .out = out, .err = err, .environment = environment});
  }
  TraceOptions options() const { return {.to = "ip:127.0.0.1", .dport = "7000", .duration = "1s"}; }

  test::FakePacketTrace trace;
  Environment environment;
  std::ostringstream out;
  std::ostringstream err;
};

TEST_F(TraceVerb, WithoutADaemonAddressesDo) {
  EXPECT_EQ(run(options()), exit_code::kNotRunning);
  EXPECT_EQ(err.str(), "tierwall trace: no such packet came by\n");
  EXPECT_EQ(trace.flow()->protocol, policy::kTcp) << "a port alone is one of tcp";
}

TEST_F(TraceVerb, OddQuestionsAreRefusedBeforeAnythingIsTraced) {
  const auto refuse = [&](TraceOptions odd, const std::string& why) {
    EXPECT_EQ(run(odd), why == "no daemon, and no state file" ? exit_code::kNotRunning : exit_code::kBadInput);
    EXPECT_EQ(err.str(), "tierwall trace: " + why + "\n");
    EXPECT_FALSE(trace.flow());
  };
  refuse({}, "name an end: --from EP, --to EP, or both");
  refuse({.from = "pod:app/web"}, "no daemon, and no state file");
  refuse({.from = "host"}, "--from: 'host': name a pod, or an address: pod:NAMESPACE/NAME, ip:ADDRESS");
  refuse({.from = "ip:10.0.0.1", .to = "ip:fd00::1"}, "the ends have no address of the same family");
  refuse({.from = "ip:10.0.0.1", .family = "6"}, "the ends have no address of the same family");
  refuse({.from = "ip:10.0.0.1", .family = "5"}, "--family: 4 or 6");
  refuse({.from = "ip:10.0.0.1", .proto = "icmp", .dport = "80"}, "--dport goes with tcp, udp and sctp");
  refuse({.from = "ip:10.0.0.1", .dport = "80-90"}, "--dport: '80-90' is no port");
  refuse({.from = "ip:10.0.0.1", .packets = 0}, "--packets: 1 to 100");
}

TEST_F(TraceVerb, WhatIsQuietForAWhileWentThrough) {
  trace.on_quiet = [&] { trace.send(7000, {chain_policy("forward", "accept")}); };
  EXPECT_EQ(run(options()), exit_code::kOk) << err.str();
  EXPECT_THAT(out.str(), HasSubstr("=> through: no chain that was asked denies it\n"));
}

TEST_F(TraceVerb, LostStepsAreSaidAndNothingIsClaimed) {
  trace.room = 1;
  trace.on_quiet = [&] { trace.send(7000, {step("in4-third", kDenies, "drop")}); };
  EXPECT_EQ(run(options()), exit_code::kNotRunning);
  EXPECT_EQ(err.str(), "tierwall trace: steps are missing: they came faster than they could be read\n");
  EXPECT_THAT(out.str(), HasSubstr("what became of it is not known"));
}

TEST_F(TraceVerb, WhoTracesAlreadyComesFirst) {
  trace.others_trace = true;
  EXPECT_EQ(run(options()), exit_code::kBadInput);
  EXPECT_EQ(err.str(), "tierwall trace: somebody else traces packets on this node\n");
}

}  // namespace
}  // namespace tierwall::daemon::ctl
