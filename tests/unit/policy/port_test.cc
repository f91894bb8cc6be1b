#include "policy/port.h"

#include <gtest/gtest.h>

namespace tierwall::policy {
namespace {

TEST(Protocol, IsReadInAnyCaseAndPrintedLower) {
  struct Row {
    std::string_view text;
    int number;
    std::string_view printed;
  };
  constexpr Row kRows[] = {{"TCP", 6, "tcp"},        {"tcp", 6, "tcp"},     {"Udp", 17, "udp"},
                           {"ICMP", 1, "icmp"},      {"6", 6, "tcp"},       {"ICMPv6", 58, "icmpv6"},
                           {"icmpV6", 58, "icmpv6"}, {"SCTP", 132, "sctp"}, {"UDPLite", 136, "udplite"},
                           {"47", 47, "47"},         {"255", 255, "255"}};
  for (const Row& row : kRows) {
    const Result<Protocol> protocol = parse_protocol(row.text);
    ASSERT_TRUE(protocol) << row.text;
    EXPECT_EQ(protocol->number, row.number) << row.text;
    EXPECT_EQ(print_protocol(*protocol), row.printed) << row.text;
  }
}

TEST(Protocol, RefusesOtherText) {
  for (const std::string_view text : {"", "0", "256", "-6", "+6", "6 ", " tcp", "tcpx", "tc", "http", "1e1"}) {
    EXPECT_FALSE(parse_protocol(text)) << text;
  }
  EXPECT_EQ(parse_protocol("http").error().message,
            "protocol 'http' is not one of TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite or a number from 1 to 255");
}

TEST(Protocol, OnlyThreeHavePorts) {
  EXPECT_TRUE(has_ports(kTcp) && has_ports(kUdp) && has_ports(kSctp));
  EXPECT_FALSE(has_ports(kIcmp) || has_ports(kIcmpv6) || has_ports(kUdpLite) || has_ports(Protocol{47}));
}

TEST(PortRange, IsOnePortOrTwoEnds) {
  struct Row {
    std::string_view text;
    PortRange range;
    std::string_view printed;
  };
  constexpr Row kRows[] = {{"80", {80, 80}, "80"},
                           {"1", {1, 1}, "1"},
                           {"65535", {65535, 65535}, "65535"},
                           {"8000:8100", {8000, 8100}, "8000-8100"},
                           {"1:65535", {1, 65535}, "1-65535"},
                           {"7:7", {7, 7}, "7"}};
  for (const Row& row : kRows) {
    const Result<PortRange> range = parse_port_range(row.text);
    ASSERT_TRUE(range) << row.text;
    EXPECT_EQ(*range, row.range) << row.text;
    EXPECT_EQ(print_port_range(*range), row.printed);
  }
}

TEST(PortRange, RefusesOtherText) {
  for (const std::string_view text : {"", "0", "65536", "70000", "-1", "http", "80 ", " 80", "8000-8100", "8100:8000",
                                      "0:80", "80:", ":80", "1:2:3", "80:65536", "99999999999999999999"}) {
    EXPECT_FALSE(parse_port_range(text)) << text;
  }
  EXPECT_EQ(parse_port_range("70000").error().message, "port '70000' is not a number from 1 to 65535");
  EXPECT_EQ(parse_port_range("9:8").error().message, "port range '9:8' ends before it begins");
}

TEST(PortRange, ContainsBothEnds) {
  constexpr PortRange kRange{8000, 8100};
  EXPECT_TRUE(kRange.contains(8000) && kRange.contains(8100));
  EXPECT_FALSE(kRange.contains(7999) || kRange.contains(8101));
}

TEST(PortRange, MergingJoinsOverlappingAndAdjacent) {
  using Ranges = std::vector<PortRange>;
  EXPECT_EQ(merge_port_ranges({}), Ranges{});
  EXPECT_EQ(merge_port_ranges({{80, 80}, {443, 443}, {81, 90}}), (Ranges{{80, 90}, {443, 443}}));
  EXPECT_EQ(merge_port_ranges({{1, 100}, {50, 60}}), (Ranges{{1, 100}}));
  EXPECT_EQ(merge_port_ranges({{65535, 65535}, {1, 65534}, {65535, 65535}}), (Ranges{{1, 65535}}));
  EXPECT_EQ(merge_port_ranges({{80, 80}, {82, 82}}), (Ranges{{80, 80}, {82, 82}}));
}

TEST(PortName, FollowsTheServiceNameRules) {
  for (const std::string_view name : {"http", "h", "http-2", "8080-web", "a23456789012345"}) {
    EXPECT_TRUE(is_port_name(name)) << name;
  }
  for (const std::string_view name :
       {"", "8080", "-http", "http-", "ht--tp", "HTTP", "a234567890123456", "http_2", "1-2"}) {
    EXPECT_FALSE(is_port_name(name)) << name;
  }
}

}  // namespace
}  // namespace tierwall::policy
