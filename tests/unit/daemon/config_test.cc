#include "daemon/config.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/node_settings.h"

namespace tierwall::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string> errors_of(const std::string& text) {
  std::vector<std::string> lines;
  for (const policy::Diagnostic& error : parse_config(text, "t.toml").errors)
    lines.push_back(print_config_error(error));
  return lines;
}

TEST(Config, NothingWrittenMeansTheDefaultsOfTheContract) {
  const ConfigReading reading = parse_config("", "t.toml");
  ASSERT_TRUE(reading.ok());
  EXPECT_EQ(reading.config.directory, "/etc/tierwall/policy.d");
  EXPECT_EQ(reading.config.control_socket, "/run/tierwall/control.sock");
  EXPECT_EQ(reading.config.tie_break, policy::TieBreak::Calico332);
  EXPECT_EQ(reading.config.compile.unknown_pod, nft::CompileOptions::UnknownPod::Drop);
  EXPECT_EQ(reading.config.compile.endpoint_to_host, nft::CompileOptions::EndpointToHost::Accept);
  EXPECT_THAT(reading.config.failsafe_inbound, SizeIs(10));
  EXPECT_THAT(reading.config.failsafe_outbound, SizeIs(10));
  EXPECT_EQ(reading.config.deny, DenyAction::Drop);
  EXPECT_EQ(reading.config.mark, 0x02000000U);
  EXPECT_FALSE(reading.config.host_auto);
  EXPECT_EQ(reading.config.restore_fallback, RestoreFallback::IfHostPolicy);
}

TEST(Config, EveryKeyOfTheContractIsRead) {
  const ConfigReading reading = parse_config(R"(
[node]
name = "node-1"
pod_cidrs = ["10.244.1.0/24", "fd00:1::/64"]
[source.directory]
path = "/srv/policy"
[state]
path = "/var/lib/tierwall/state.db"
[control]
socket = "/tmp/c.sock"
[policy]
tie_break = "calico-3.31"
[dataplane]
deny = "reject"
mark = "0x100"
established = "keep"
unknown_pod = "allow"
own_table = "auto"
[restore]
fallback = "none"
[host]
auto = true
endpoint_to_host = "drop"
failsafe_inbound = ["tcp:22", "tcp:10.0.0.0/8:22", "udp:[fd00::/8]:53@eth0.7"]
failsafe_outbound = []
[metrics]
listen = "127.0.0.1:9098"
)",
                                             "t.toml");
  ASSERT_TRUE(reading.ok()) << print_config_error(reading.errors.front());
  const Config& config = reading.config;
  EXPECT_EQ(config.node_name, "node-1");
  ASSERT_THAT(config.compile.pod_cidrs, SizeIs(2));
  EXPECT_EQ(policy::print_prefix(config.compile.pod_cidrs[1]), "fd00:1::/64");
  EXPECT_EQ(config.directory, "/srv/policy");
  EXPECT_EQ(config.control_socket, "/tmp/c.sock");
  EXPECT_EQ(config.tie_break, policy::TieBreak::Calico331);
  EXPECT_EQ(config.deny, DenyAction::Reject);
  EXPECT_EQ(config.mark, 0x100U);
  EXPECT_TRUE(config.host_auto);
  EXPECT_EQ(config.restore_fallback, RestoreFallback::None);
  EXPECT_EQ(config.compile.unknown_pod, nft::CompileOptions::UnknownPod::Allow);
  EXPECT_EQ(config.compile.endpoint_to_host, nft::CompileOptions::EndpointToHost::Drop);
  ASSERT_THAT(config.failsafe_inbound, SizeIs(3));
  EXPECT_EQ(policy::print_prefix(*config.failsafe_inbound[2].nets), "fd00::/8");
  EXPECT_EQ(config.failsafe_inbound[2].interface, "eth0.7");
  EXPECT_THAT(config.failsafe_outbound, IsEmpty());
  EXPECT_EQ(config.metrics_listen, (MetricsPlace{*policy::parse_address("127.0.0.1"), 9098}));
}

TEST(Config, TheDirectoryIsReadUnlessTheApiServerIsTheOnlySource) {
  const Config neither = parse_config("", "t.toml").config;
  EXPECT_EQ(neither.directory, "/etc/tierwall/policy.d");
  EXPECT_FALSE(neither.kubernetes);
  const Config cluster = parse_config("[source.kubernetes]\nkubeconfig = \"/k\"\ncontext = \"c\"\n", "t.toml").config;
  EXPECT_EQ(cluster.directory, std::nullopt);
  EXPECT_EQ(cluster.kubernetes, (KubernetesAccess{.kubeconfig = "/k", .context = "c"}));
  const Config both =
      parse_config("[source.directory]\npath = \"/d\"\n[source.kubernetes]\nkubeconfig = \"/k\"\n", "t.toml").config;
  EXPECT_EQ(both.directory, "/d");
  EXPECT_TRUE(both.kubernetes);
}

TEST(Config, DropsAreToldUnlessSomebodySaysOtherwise) {
  EXPECT_EQ(parse_config("", "t.toml").config.drops, (nft::DeniedLog{.group = 7610, .per_second = 100}));
  const ConfigReading quiet = parse_config("[drops]\nper_second = 0\ngroup = 65535\n", "t.toml");
  EXPECT_TRUE(quiet.ok());
  EXPECT_EQ(quiet.config.drops, (nft::DeniedLog{.group = 65535, .per_second = 0}));
  for (const char* text : {"drops.per_second = -1", "drops.per_second = 10001", "drops.group = 0",
                           "drops.group = 65536", "drops.per_second = \"100\""}) {
    const ConfigReading wrong = parse_config(text, "t.toml");
    ASSERT_EQ(wrong.errors.size(), 1u) << text;
    EXPECT_THAT(wrong.errors.front().message, testing::StartsWith("must be a number from"));
  }
}

TEST(Config, MetricsAreServedWhereItIsWritten) {
  const auto place = [](const std::string& text) {
    const auto found = parse_config("metrics.listen = \"" + text + "\"", "t.toml").config.metrics_listen;
    return found ? print_place(*found) : "nowhere";
  };
  EXPECT_EQ(place("127.0.0.1:9098"), "127.0.0.1:9098");
  EXPECT_EQ(place("[::1]:9098"), "[::1]:9098");
  EXPECT_EQ(place("0.0.0.0:1"), "0.0.0.0:1");
  EXPECT_EQ(parse_config("", "t.toml").config.metrics_listen, std::nullopt);
}

TEST(Config, AMarkIsOneBitHoweverItIsWritten) {
  for (const char* mark : {"33554432", "0x02000000", "\"0x02000000\"", "\"0X2000000\""}) {
    const ConfigReading reading = parse_config(std::string("dataplane.mark = ") + mark, "t.toml");
    ASSERT_TRUE(reading.ok()) << mark;
    EXPECT_EQ(reading.config.mark, 0x02000000U) << mark;
  }
  EXPECT_EQ(parse_config("dataplane.mark = 0x80000000", "t.toml").config.mark, 0x80000000U);
}

TEST(Config, WhatIsSaidOfHostEndpointsReachesTheTable) {
  const Config config =
      parse_config("[dataplane]\ndeny = \"reject\"\nmark = 0x100\n[host]\nfailsafe_inbound = [\"tcp:22\"]\n", "t.toml")
          .config;
  const nft::CompileOptions options = compile_options(node_settings(config), {});
  EXPECT_EQ(options.host_deny, nft::CompileOptions::HostDeny::Reject);
  EXPECT_EQ(options.mark, 0x100U);
  EXPECT_THAT(options.failsafes.inbound, SizeIs(1));
}

TEST(Config, EstablishedConnectionsAreRecheckedOnlyIfItSaysSo) {
  using Established = nft::CompileOptions::Established;
  const auto established = [](const char* text) {
    return compile_options(node_settings(parse_config(text, "t.toml").config), {}).established;
  };
  EXPECT_EQ(established(""), Established::Keep);
  EXPECT_EQ(established("dataplane.established = \"keep\""), Established::Keep);
  EXPECT_EQ(established("dataplane.established = \"recheck\""), Established::Recheck);
}

TEST(Config, FailsafeListsMayBeEmptyAndMayRepeatThemselves) {
  const Config config = parse_config(R"(
[host]
failsafe_inbound = ["none"]
failsafe_outbound = ["udp:53", "tcp:53", "udp:53"]
)",
                                     "t.toml")
                            .config;
  EXPECT_THAT(config.failsafe_inbound, IsEmpty());
  EXPECT_THAT(config.failsafe_outbound, SizeIs(2));
}

struct BadRow {
  const char* text;
  const char* error;  ///< substring of the one error
};

class BadConfig : public testing::TestWithParam<BadRow> {};

TEST_P(BadConfig, IsOneErrorWithItsPlaceAndKey) {
  EXPECT_THAT(errors_of(GetParam().text), ElementsAre(HasSubstr(GetParam().error))) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadConfig,
    testing::Values(
        BadRow{"[node]\nnmae = \"x\"\n", "t.toml:2:1: error: node.nmae: unknown key, did you mean 'node.name'?"},
        BadRow{"[nodes]\nname = \"x\"\n", "error: nodes: unknown table, did you mean 'node'?"},
        BadRow{"[node]\nsocket = \"x\"\n", "error: node.socket: unknown key, did you mean 'control.socket'?"},
        BadRow{"[completely]\nelse = 1\n", "error: completely: unknown table"},
        BadRow{"[node]\nname = 7\n", "t.toml:2:8: error: node.name: expected a string, got an integer"},
        BadRow{"[node]\nname = \"\"\n", "error: node.name: must not be empty"},
        BadRow{"[node]\nname = \"Node_1\"\n", "error: node.name: 'Node_1' is not a node name"},
        BadRow{"[node]\npod_cidrs = \"10.0.0.0/8\"\n", "expected an array of strings, got a string"},
        BadRow{"[node]\npod_cidrs = [\"10.0.0.0/8\",\n  \"10.0.0.0/33\"]\n", "t.toml:3:3: error: node.pod_cidrs: "},
        BadRow{"node = 3\n", "t.toml:1:8: error: node: expected a table, got an integer"},
        BadRow{"[source.kubernetes]\n", "error: source.kubernetes.kubeconfig: required"},
        BadRow{"[source.kubernetes]\ncontext = \"a\"\n", "error: source.kubernetes.kubeconfig: required"},
        BadRow{"[source.kubernetes]\nkubeconfg = \"/x\"\n", "did you mean 'source.kubernetes.kubeconfig'?"},
        BadRow{"[restore]\nfallback = \"open\"\n", "'open' is none of \"auto\", \"none\", \"deny\""},
        BadRow{"[dataplane]\nestablished = \"cut\"\n",
               "t.toml:2:15: error: dataplane.established: 'cut' is none of \"keep\", \"recheck\""},
        BadRow{"[policy]\ntie_break = \"calico-3.30\"\n",
               "t.toml:2:13: error: policy.tie_break: 'calico-3.30' is none of \"calico-3.32\", \"calico-3.31\""},
        BadRow{"[policy]\ntie_brake = \"calico-3.31\"\n", "unknown key, did you mean 'policy.tie_break'?"},
        BadRow{"[dataplane]\ndeny = \"accept\"\n", "'accept' is none of \"drop\", \"reject\""},
        BadRow{"[dataplane]\nunknown_pod = true\n", "expected a string, got a boolean"},
        BadRow{"[dataplane]\nmark = 3\n", "t.toml:2:8: error: dataplane.mark: must be one bit of 32"},
        BadRow{"[dataplane]\nmark = 0\n", "must be one bit of 32"},
        BadRow{"[dataplane]\nmark = 0x100000000\n", "must be one bit of 32"},
        BadRow{"[dataplane]\nmark = -2\n", "must be one bit of 32"},
        BadRow{"[dataplane]\nmark = \"0x\"\n", "must be one bit of 32"},
        BadRow{"[dataplane]\nmark = \"0x10g\"\n", "must be one bit of 32"},
        BadRow{"[dataplane]\nmark = \"64\"\n", "must be one bit of 32"},
        BadRow{"[dataplane]\nmark = true\n", "must be one bit of 32"},
        BadRow{"[host]\nauto = \"yes\"\n", "t.toml:2:8: error: host.auto: expected a boolean, got a string"},
        BadRow{"[host]\nautos = true\n", "did you mean 'host.auto'?"},
        BadRow{"[host]\nfailsafe_inbound = [\"tcp:22\", \"none\"]\n",
               "t.toml:2:31: error: host.failsafe_inbound: 'none' stands alone"},
        BadRow{"[host]\nendpoint_to_host = \"ACCEPT\"\n", "'ACCEPT' is none of \"accept\", \"return\", \"drop\""},
        BadRow{"[host]\nfailsafe_inbound = [\"tcp:22\", \"icmp:1\"]\n", "'icmp:1': this protocol has no ports"},
        BadRow{"[host]\nfailsafe_inbound = [\"tcp:70000\"]\n", "'70000' is not a port from 1 to 65535"},
        BadRow{"[host]\nfailsafe_inbound = [\"tcp:22@\"]\n", "the name of an interface has 1 to 15 bytes"},
        BadRow{"[host]\nfailsafe_outbound = [\"udp:fd00::/8:53\"]\n", "an IPv6 block is written in brackets"},
        BadRow{"[metrics]\nlisten = \"9098\"\n", "'9098' is not ADDRESS:PORT"},
        BadRow{"[metrics]\nlisten = \"fd00::1:9098\"\n",
               "t.toml:2:10: error: metrics.listen: 'fd00::1:9098': an IPv6 address is written in brackets"},
        BadRow{"[metrics]\nlisten = \":9098\"\n", "t.toml:2:10: error: metrics.listen: "},
        BadRow{"[control]\nsocket = \"/very/long/"
               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
               "\"\n",
               "a socket path has at most 107 bytes"},
        BadRow{"[node\nname = 1\n", "t.toml:1:6: error: "}));

TEST(Config, AllErrorsOfAFileComeInOneRunInTheOrderOfTheFile) {
  EXPECT_THAT(errors_of("[node]\nname = 1\n[dataplane]\ndney = \"drop\"\nunknown_pod = \"maybe\"\n"),
              ElementsAre(HasSubstr("t.toml:2:8:"), HasSubstr("t.toml:4:1:"), HasSubstr("t.toml:5:15:")));
}

/// The parser calls itself for each table within another, and its own bound does not count those that dots make.
TEST(Config, TablesWithinTablesWithinTablesAreAnError) {
  std::string key = "a";
  for (int i = 0; i < 100'000; ++i) key += ".a";
  for (const std::string& text : {key + " = 1\n", "[" + key + "]\n", "[[" + key + "]]\n"}) {
    EXPECT_THAT(errors_of("[node]\n" + text), ElementsAre(HasSubstr("t.toml:2:1: error: tables are nested too deep")));
  }
  const std::string dots(100, '.');
  EXPECT_TRUE(
      errors_of("[node] # " + dots + "\n[source.directory]\npath = \"/" + dots + "\\\"" + dots + "\"\n").empty());
}

TEST(Config, AFileOrListWithoutBoundIsAnError) {
  EXPECT_THAT(errors_of(std::string(kMaxConfigBytes + 1, '\n')), ElementsAre(HasSubstr("more than 262144 bytes")));
  std::string ports = "\"tcp:1\"";
  for (std::size_t port = 2; port <= kMaxFailsafes + 1; ++port) ports += ",\"tcp:" + std::to_string(port) + "\"";
  EXPECT_THAT(errors_of("[host]\nfailsafe_inbound = [" + ports + "]\n"),
              ElementsAre(HasSubstr("more than 1000 ports")));
}

TEST(Config, AMissingFileIsAnErrorOnlyIfItWasAskedFor) {
  const std::string missing = "/nonexistent/tierwall.toml";
  EXPECT_TRUE(load_config(missing, true).ok());
  const ConfigReading reading = load_config(missing, false);
  ASSERT_THAT(reading.errors, SizeIs(1));
  EXPECT_THAT(print_config_error(reading.errors.front()),
              testing::Eq("/nonexistent/tierwall.toml: error: cannot be read: No such file or directory"));
}

}  // namespace
}  // namespace tierwall::daemon
