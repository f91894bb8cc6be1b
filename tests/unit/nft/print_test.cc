// The words of print. That nft agrees with them is golden_nft_test's business.

#include "nft/print.h"

#include <gtest/gtest.h>

#include <string>

#include "nft/diff.h"
#include "tests/unit/nft/sample_rulesets.h"

namespace tierwall::nft {
namespace {

using enum FieldType;

TEST(PrintRule, WritesMatchesActionAndComment) {
  struct Case {
    Rule rule;
    const char* text;
  };
  const Case cases[] = {
      {rule({}), "drop"},
      {rule({state(ct_state::kRelated | ct_state::kEstablished)}, accept()), "ct state established,related accept"},
      {rule({!state(ct_state::kInvalid)}), "ct state ! invalid drop"},
      {rule({is(Field::TcpDport, 80)}, back(), "tier default"), "tcp dport 80 return comment \"tier default\""},
      {rule({!is(Field::UdpDport, Numbers{{53, 53}, {80, 90}})}), "udp dport != { 53, 80-90 } drop"},
      {rule({within(Field::IpSaddr, {"10.0.0.0/8"})}, jump("a")), "ip saddr 10.0.0.0/8 jump a"},
      {rule({is_in({Field::IpDaddr, Field::L4Proto, Field::ThDport}, "s")}, go_to("a")),
       "ip daddr . meta l4proto . th dport @s goto a"},
      {rule({}, VerdictMapLookup{.field = Field::Ip6Saddr, .map = "m"}), "ip6 saddr vmap @m"},
      {rule({is(Field::Icmpv6Type, 135)}, Log{.prefix = "nd: "}),
       "icmpv6 type nd-neighbor-solicit log prefix \"nd: \""},
      {rule({is(Field::L4Proto, 200)}, accept()), "meta l4proto 200 accept"},
      {rule({bits(Field::Mark, 0x0200'0000)}), "meta mark & 0x02000000 != 0x00000000 drop"},
      {rule({!bits(Field::Mark, 2)}), "meta mark & 0x00000002 == 0x00000000 drop"},
      {rule({bits(Field::CtMark, 0x4000'0000)}), "ct mark & 0x40000000 != 0x00000000 drop"},
      {rule({!bits(Field::CtStatus, ct_status::kDnat)}), "ct status ! dnat drop"},
      {rule({is(Field::FibSaddrType, kLocalAddress)}), "fib saddr type local drop"},
      {rule({}, VerdictMapLookup{.field = Field::IifName, .map = "m"}), "iifname vmap @m"},
      {rule({}, SetMark{.bits = 1, .notrack = true, .verdict = accept()}),
       "meta mark set meta mark | 0x00000001 notrack accept"},
      {rule({}, ClearMark{.bits = 4}, "fresh"), "meta mark set meta mark & 0xfffffffb comment \"fresh\""},
      {rule({is(Field::L4Proto, 6)}, Reject{.tcp_reset = true}), "meta l4proto tcp reject with tcp reset"},
      {rule({}, Reject{}), "reject with icmpx admin-prohibited"},
  };
  for (const Case& expected : cases) EXPECT_EQ(print(expected.rule), expected.text);
}

TEST(PrintRule, LeavesOutWhatOtherMatchesImply) {
  const Match tcp = is(Field::L4Proto, 6);
  EXPECT_EQ(print(rule({is(Field::NfProto, 2), tcp, within(Field::IpSaddr, {"10.0.0.1"}), is(Field::ThDport, 80)})),
            "ip saddr 10.0.0.1 tcp dport 80 drop");
  EXPECT_EQ(print(rule({tcp, within(Field::IpSaddr, {"10.0.0.1"})})), "meta l4proto tcp ip saddr 10.0.0.1 drop");
}

TEST(PrintRule, CommentsNeverBreakOutOfTheirQuotes) {
  EXPECT_EQ(print(rule({}, drop(), "app == \"web\"\n; flush")), "drop comment \"app == 'web' ; flush\"");
}

TEST(PrintElement, WritesKeyCommentAndVerdict) {
  const Set pods = make_map("m", {Ipv4Addr});
  EXPECT_EQ(print_element(pods, with_comment(with_verdict(element("10.0.0.1"), jump("eg-1")), "pod a/b")),
            "10.0.0.1 comment \"pod a/b\" : jump eg-1");
  EXPECT_EQ(print_element(make_set("s", {Ipv6Addr, InetProto, InetService}), element("fd00::1", 17, 53)),
            "fd00::1 . udp . 53");
  EXPECT_EQ(print_element(make_interval_set("n", {Ipv4Addr}), interval("10.0.0.1-10.0.0.6")), "10.0.0.1-10.0.0.6");
}

TEST(PrintRuleset, PutsSetsBeforeChainsAndBaseChainsLast) {
  const Ruleset ruleset = make_ruleset({make_set("b", {Ipv4Addr}), make_map("a", {Ipv6Addr})},
                                       {make_base_chain("forward", Hook::Forward, 10), make_chain("in-1")});
  EXPECT_EQ(print(ruleset),
            "table inet tierwall {\n"
            "\tmap a {\n\t\ttype ipv6_addr : verdict\n\t}\n\n"
            "\tset b {\n\t\ttype ipv4_addr\n\t}\n\n"
            "\tchain in-1 {\n\t}\n\n"
            "\tchain forward {\n\t\ttype filter hook forward priority filter + 10; policy accept;\n\t}\n"
            "}\n");
}

TEST(PrintChangeSet, WritesOneCommandALine) {
  Set pods = make_set("pods", {Ipv4Addr}, {element("10.0.0.2"), element("10.0.0.1")});
  pods.comment = "web";
  const ChangeSet changes =
      rebuild(make_ruleset({pods}, {make_chain("in-1", {rule({is_in({Field::IpSaddr}, "pods")})})}));
  EXPECT_EQ(print(changes),
            "add table inet tierwall\n"
            "delete table inet tierwall\n"
            "add table inet tierwall\n"
            "add chain inet tierwall in-1\n"
            "add set inet tierwall pods { type ipv4_addr; comment \"web\"; }\n"
            "add element inet tierwall pods { 10.0.0.1, 10.0.0.2 }\n"
            "add rule inet tierwall in-1 ip saddr @pods drop\n");
}

}  // namespace
}  // namespace tierwall::nft
