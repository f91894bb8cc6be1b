#include "daemon/ctl/flow_text.h"

#include <gtest/gtest.h>

namespace tierwall::daemon::ctl {
namespace {

TEST(FlowText, EndsAreReadAndPrintedAlike) {
  for (const char* text : {"pod:shop/web-1", "ip:10.0.0.1", "ip:fd00::1", "host", "host:eth0", "host:eth0.100",
                           "host:eth0:1", "host:eth0:10.0.0.1", "host:eth0:1:10.0.0.1", "host:eth0:[fd00::1]"}) {
    const Result<End> end = parse_end(text);
    ASSERT_TRUE(end) << text << ": " << end.error().message;
    EXPECT_EQ(print_end(*end), text);
  }
}

TEST(FlowText, AnOutsideAddressStandsBehindItsInterface) {
  const Result<End> end = parse_end("host:eth0:fd00::1");
  ASSERT_TRUE(end);
  EXPECT_EQ(end->interface, "eth0");
  EXPECT_EQ(end->address, *policy::parse_address("fd00::1"));
  EXPECT_EQ(*end, *parse_end("host:eth0:[fd00::1]"));
  EXPECT_EQ(parse_end("host:eth0:1")->address, std::nullopt) << "the name of an alias";
}

TEST(FlowText, WhatIsNoEndIsRefused) {
  for (const char* text : {"", "web-1", "shop/web-1", "pod:", "pod:web-1", "pod:/web", "pod:shop/", "pod:a/b/c",
                           "host:eth0:", "host:eth0:10.0.0", "host:eth0:10.0.0.0/8", "host:eth0:[fd00::1",
                           "ip:", "ip:10.0.0", "ip:10.0.0.0/8", "ip:fe80::1%eth0", "host:", "hosts", "HOST"}) {
    EXPECT_FALSE(parse_end(text)) << text;
  }
}

FlowWords words(std::optional<std::string> proto, std::optional<std::string> dport,
                std::optional<std::string> icmp = {}) {
  FlowWords flow;
  flow.from = "host";
  flow.to = "pod:shop/web-1";
  flow.proto = std::move(proto);
  flow.dport = std::move(dport);
  flow.icmp = std::move(icmp);
  return flow;
}

TEST(FlowText, DefaultsAreTcpAndAnEphemeralSourcePort) {
  const Result<FlowText> flow = parse_flow(words({}, "80"));
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->protocol, policy::kTcp);
  EXPECT_EQ(flow->destination_port, 80);
  EXPECT_EQ(flow->source_port, kDefaultSourcePort);
}

TEST(FlowText, AnIcmpTypeImpliesItsProtocolAndCodeZero) {
  const Result<FlowText> flow = parse_flow(words({}, {}, "3"));
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->protocol, policy::kIcmp);
  EXPECT_EQ(flow->icmp, (policy::Icmp{std::uint8_t{3}, std::uint8_t{0}}));
  EXPECT_EQ(flow->source_port, 0);
}

struct BadFlow {
  std::optional<std::string> proto, dport, icmp;
  const char* message;
};

TEST(FlowText, FlowsThatCannotBeAreRefusedWithAReason) {
  const BadFlow rows[] = {
      {"tcp", {}, {}, "a tcp flow needs a destination port (dport)"},
      {"sctp", {}, {}, "a sctp flow needs a destination port (dport)"},
      {"tcp", "0", {}, "dport '0' is not a port from 1 to 65535"},
      {"tcp", "65536", {}, "dport '65536' is not a port from 1 to 65535"},
      {"udp", "-1", {}, "dport '-1' is not a port from 1 to 65535"},
      {"udp", "http", {}, "dport 'http' is not a port from 1 to 65535"},
      {"icmp", "80", {}, "icmp has no ports"},
      {"47", "80", {}, "47 has no ports"},
      {"tcp", "80", "8", "an icmp type is given, but the protocol is tcp"},
      {"icmp", {}, "256", "icmp '256' is not TYPE or TYPE/CODE with numbers from 0 to 255"},
      {"icmp", {}, "8/", "icmp '8/' is not TYPE or TYPE/CODE with numbers from 0 to 255"},
  };
  for (const BadFlow& row : rows) {
    const Result<FlowText> flow = parse_flow(words(row.proto, row.dport, row.icmp));
    ASSERT_FALSE(flow) << row.message;
    EXPECT_EQ(flow.error().message, row.message);
  }
}

TEST(FlowText, JsonFlowsTakeNumbersAndTexts) {
  const Result<FlowWords> flow = words_from_json(
      nlohmann::ordered_json::parse(R"({"from":"host","to":"ip:10.0.0.1","proto":"tcp","dport":80,"sport":"1024"})"));
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->dport, "80");
  EXPECT_EQ(flow->sport, "1024");
}

TEST(FlowText, JsonFlowsWithMistakesAreRefused) {
  const std::pair<const char*, const char*> rows[] = {
      {"[]", "not a JSON object"},
      {R"({"to":"host"})", "'from' is missing"},
      {R"({"from":"host"})", "'to' is missing"},
      {R"({"from":"host","to":"host","dprot":80})", "unknown key 'dprot'; did you mean 'dport'?"},
      {R"({"from":"host","to":"host","dport":80.5})", "dport: neither a text nor a whole number"},
      {R"({"from":["host"],"to":"host"})", "from: neither a text nor a whole number"},
  };
  for (const auto& [text, message] : rows) {
    const Result<FlowWords> flow = words_from_json(nlohmann::ordered_json::parse(text));
    ASSERT_FALSE(flow) << text;
    EXPECT_EQ(flow.error().message, message);
  }
}

TEST(FlowText, ServicesReadLikeWhatWasAsked) {
  policy::Flow flow;
  flow.destination_port = 8080;
  EXPECT_EQ(print_service(flow), "tcp 8080");
  flow = {};
  flow.protocol = policy::kIcmpv6;
  flow.icmp = {std::uint8_t{128}, std::uint8_t{0}};
  EXPECT_EQ(print_service(flow), "icmpv6 echo-request");
  flow.icmp = {std::uint8_t{1}, std::uint8_t{4}};
  EXPECT_EQ(print_service(flow), "icmpv6 1/4");
  flow = {};
  flow.protocol = policy::Protocol{47};
  EXPECT_EQ(print_service(flow), "protocol 47");
}

}  // namespace
}  // namespace tierwall::daemon::ctl
