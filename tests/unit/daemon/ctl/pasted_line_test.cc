// Lines that people copy out of logs.

#include "daemon/ctl/pasted_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tierwall::daemon::ctl {
namespace {

using ::testing::HasSubstr;

std::string tell(std::string_view line) {
  const Result<FlowWords> words = words_from_line(line);
  if (!words) return words.error().message;
  return words->from + " > " + words->to + " " + words->proto.value_or("-") + " " + words->dport.value_or("-") + " " +
         words->sport.value_or("-") + " " + words->icmp.value_or("-");
}

struct LineRow {
  const char* story;
  const char* line;
  const char* flow;
};

TEST(PastedLine, IsAFlow) {
  const LineRow rows[] = {
      {"a Log rule",
       "Nov 23 10:00:00 node-1 kernel: calico-packet: IN=veth1 OUT=eth0 MAC=aa:bb SRC=10.0.0.1 DST=10.0.0.2 LEN=60 "
       "TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=TCP SPT=40001 DPT=5432 WINDOW=64240 RES=0x00 SYN URGP=0",
       "ip:10.0.0.1 > ip:10.0.0.2 tcp 5432 40001 -"},
      {"IPv6 with ICMP", "kernel: IN=eth0 OUT= SRC=fd00:0:0:0::1 DST=fd00::2 PROTO=ICMPv6 TYPE=128 CODE=0 ID=1 SEQ=1",
       "ip:fd00:0:0:0::1 > ip:fd00::2 icmpv6 - - 128/0"},
      {"an error about another packet",
       "IN=eth0 OUT= SRC=192.0.2.1 DST=10.0.0.1 PROTO=ICMP TYPE=3 CODE=1 [SRC=10.0.0.1 DST=10.0.0.9 PROTO=TCP DPT=80 ]",
       "ip:192.0.2.1 > ip:10.0.0.1 icmp - - 3/1"},
      {"of another firewall", "[UFW BLOCK] IN=eth0 SRC=203.0.113.9 DST=192.0.2.1 PROTO=UDP SPT=5 DPT=161",
       "ip:203.0.113.9 > ip:192.0.2.1 udp 161 5 -"},
      {"of tierwall drops",
       "2026-11-23 15:57:12 UTC  app/api  app/web  tcp 80   2        ingress, tier default: no rule matched",
       "pod:app/api > pod:app/web tcp 80 - -"},
      {"the same with an address and a ping", "2026-11-23 15:57:12 UTC  203.0.113.9  app/web  icmp 8/0  1  ingress, x",
       "ip:203.0.113.9 > pod:app/web icmp - - 8/0"},
      {"a protocol without ports", "2026-11-23 15:57:12 UTC  app/a  app/b  47  1  ingress, x",
       "pod:app/a > pod:app/b 47 - - -"},
  };
  for (const LineRow& row : rows) EXPECT_EQ(tell(row.line), row.flow) << row.story;
}

TEST(PastedLine, IsRefusedIfItIsNone) {
  EXPECT_THAT(tell(""), HasSubstr("neither"));
  EXPECT_THAT(tell("the network does not work"), HasSubstr("neither"));
  EXPECT_THAT(tell("IN=eth0 SRC=10.0.0.1"), HasSubstr("no DST= or PROTO="));
}

}  // namespace
}  // namespace tierwall::daemon::ctl
