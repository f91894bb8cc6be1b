#include "daemon/ctl/command_line.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tierwall::daemon::ctl {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kWorld = TIERWALL_SOURCE_DIR "/tests/golden/cli/world";
const std::string kTieBreak = TIERWALL_SOURCE_DIR "/tests/golden/cli/tie-break.yaml";
const std::string kExample = TIERWALL_SOURCE_DIR "/packaging/examples/policy-tests";

struct Outcome {
  int exit = -1;
  std::string out;
  std::string err;
};

Outcome run_line(std::vector<std::string> args, const std::string& input = {},
                 Environment environment = {"laptop", false, false}) {
  std::istringstream in(input);
  std::ostringstream out, err;
  Outcome outcome;
  outcome.exit = run(std::move(args), in, out, err, environment);
  outcome.out = out.str();
  outcome.err = err.str();
  return outcome;
}

struct UsageRow {
  std::vector<std::string> args;
  int exit;
  const char* message;  ///< part of the one line on the error stream
};

TEST(CommandLine, UsageErrorsHaveTheExitCodeOfTheirVerbAndOneLine) {
  const UsageRow rows[] = {
      {{"check"}, 2, "name the manifests with -f PATH"},
      {{"check", kWorld}, 2, "name the manifests with -f PATH"},
      {{"check", "-f"}, 2, "-f"},
      {{"check", "-f", kWorld, "-o", "xml"}, 2, "'xml' is none of text, json"},
      {{"check", "-f", kWorld, "--ouput", "json"}, 2, "unknown option '--ouput'; did you mean '--output'?"},
      {{"check", "-f", kWorld, "--tie-break", "calico-3.23"}, 2, "did you mean 'calico-3.32'?"},
      {{"explain", "-f", kWorld, "--tie-break", "3"}, 2, "'3' is none of calico-3.32, calico-3.31"},
      {{"check", "-f", "/nonexistent"}, 2, "/nonexistent"},
      {{"explain", "-f", kWorld, "--pending"}, 2, "--pending is about this node"},
      {{"explain", "-f", kWorld}, 2, "--from EP --to EP"},
      {{"explain", "-f", kWorld, "--from", "host"}, 2, "--from EP --to EP"},
      {{"explain", "-f", kWorld, "--from", "here", "--to", "host", "--dport", "1"},
       2,
       "from: 'here' is not an endpoint"},
      {{"explain", "-f", kWorld, "--from", "host", "--to", "host"}, 2, "needs a destination port"},
      {{"explain", "-f", kWorld, "--flows", "-", "--from", "host"}, 2, "exclude each other"},
      {{"explain", "-f", kWorld, "--flows", "-", "-o", "text"}, 2, "-o jsonl"},
      {{"explain", "-f", "-", "--flows", "-"}, 2, "standard input is either"},
      {{"explain", "-f", kWorld, "--flows", "/nonexistent"}, 2, "/nonexistent: cannot be read"},
      {{"explain", "-f", kWorld, "--flows", "/"}, 2, "/: cannot be read"},
      {{"compile", "-f", kWorld, "--pod-cidr", "10.0.0.0"}, 2, "--pod-cidr"},
      {{"test", "-f", kWorld}, 2, "name the file of tests"},
      {{"test", "-f", kWorld, "/nonexistent.yaml"}, 2, "/nonexistent.yaml"},
      {{"status", "extra"}, 1, "unexpected 'extra'"},
      {{"status", "-o", "wide"}, 1, "'wide' is none of text, json"},
      {{"--sokcet", "x"}, 1, "did you mean '--socket'?"},
      {{"get"}, 1, "tiers, policies, endpoints, hostendpoints, failsafes, sets"},
      {{"get", "polices"}, 1, "did you mean 'policies'?"},
      {{"apply"}, 2, "name the manifests with -f PATH"},
      {{"apply", "-f", "-"}, 2, "--name NAME.yaml"},
      {{"apply", "-f", kWorld, "--name", "x.yaml"}, 2, "there are several"},
      {{"apply", "-f", kTieBreak, "--confirm", "60"}, 2, "'60' is no duration"},
      {{"apply", "-f", kTieBreak, "--confirm", "500ms"}, 2, "from 1s to 24h"},
      {{"apply", "-f", kTieBreak, "--confirm", "25h"}, 2, "from 1s to 24h"},
      {{"rollback", "five"}, 2, "'five' is no generation"},
      {{"rollback", "5", "6"}, 2, "unexpected '6'"},
      {{"history", "-n", "0"}, 2, "no number of generations"},
      {{"history", "show"}, 2, "name one generation"},
      {{"history", "show", "x"}, 2, "'x' is no generation"},
      {{"kubeconfig"}, 2, "--server URL --ca FILE"},
      {{"frobnicate"}, 1, "unknown verb 'frobnicate'"},
      {{"chekc"}, 2, "did you mean 'check'?"},
  };
  for (const UsageRow& row : rows) {
    const Outcome outcome = run_line(row.args);
    EXPECT_EQ(outcome.exit, row.exit) << ::testing::PrintToString(row.args) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(row.message));
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
    EXPECT_THAT(outcome.out, IsEmpty());
  }
}

TEST(CommandLine, HelpAndVersionSucceed) {
  EXPECT_EQ(run_line({"--version"}).exit, 0);
  EXPECT_THAT(run_line({"--version"}).out, HasSubstr("tierwall 0."));
  for (const char* verb : {"check", "explain", "compile", "test", "status", "get", "apply", "confirm", "rollback",
                           "history", "kubeconfig"}) {
    EXPECT_EQ(run_line({verb, "--help"}).exit, 0) << verb;
    EXPECT_THAT(run_line({"--help"}).out, HasSubstr(verb));
  }
  EXPECT_THAT(run_line({"explain", "--help"}).out, HasSubstr("--dport"));
}

TEST(CommandLine, ManifestsFollowOneAnotherAfterOneOption) {
  const Outcome outcome = run_line(
      {"check", "-f", kWorld + "/00-cluster.yaml", kWorld + "/10-shop.yaml", "-f", kWorld + "/20-security.yaml"});
  EXPECT_EQ(outcome.exit, 0);
  EXPECT_EQ(outcome.err, "0 errors, 0 warnings in 16 objects of 3 files\n");
}

TEST(CommandLine, ADaemonThatIsNotThereIsThree) {
  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{{"--socket", "/nonexistent/s"},
                                             {"status", "--socket", "/nonexistent/s"},
                                             {"confirm", "--socket", "/nonexistent/s"},
                                             {"rollback", "--socket", "/nonexistent/s"},
                                             {"get", "tiers", "--socket", "/nonexistent/s"}}) {
    const Outcome outcome = run_line(args);
    EXPECT_EQ(outcome.exit, 3);
    EXPECT_THAT(outcome.err, HasSubstr("/nonexistent/s"));
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1);
  }
}

TEST(CommandLine, ColoursOnlyOnTerminalsThatWantThem) {
  const std::vector<std::string> ask = {"explain", "-f",          kWorld,    "--from", "host",
                                        "--to",    "ip:10.9.9.9", "--dport", "1"};
  std::vector<std::string> always = ask;
  always.insert(always.end(), {"--color", "always"});
  const std::string escape = "\x1b[";
  EXPECT_THAT(run_line(ask).out, ::testing::Not(HasSubstr(escape)));
  EXPECT_THAT(run_line(ask, {}, {"laptop", true, true}).out, ::testing::Not(HasSubstr(escape)));
  EXPECT_THAT(run_line(ask, {}, {"laptop", true, false}).out, HasSubstr(escape));
  EXPECT_THAT(run_line(always).out, HasSubstr(escape));
}

/// Two policies of one order disagree. By name n/a is before z; by the internal names "default.z" is before
/// "n/default.a".
TEST(CommandLine, TheTieBreakChoosesBetweenPoliciesOfOneOrder) {
  for (const auto& [tie_break, exit] : {std::pair{"calico-3.32", 1}, std::pair{"calico-3.31", 0}}) {
    const Outcome outcome = run_line({"explain", "-f", kTieBreak, "--tie-break", tie_break, "--from", "ip:203.0.113.1",
                                      "--to", "pod:n/p", "--dport", "80"});
    EXPECT_EQ(outcome.exit, exit) << tie_break << outcome.out << outcome.err;
  }
}

TEST(CommandLine, FlowsOfStandardInputAreAnsweredInOrder) {
  const std::string flow = R"({"from":"pod:shop/frontend-1","to":"pod:shop/backend-1","dport":)";
  const Outcome outcome =
      run_line({"explain", "-f", kWorld, "--flows", "-", "--verify"}, flow + "8080}\n" + flow + "81}");
  EXPECT_EQ(outcome.exit, 0);
  EXPECT_THAT(outcome.out, ::testing::StartsWith(R"({"verdict":"allow")"));
  EXPECT_THAT(outcome.out, HasSubstr("\n{\"verdict\":\"deny\""));
  EXPECT_EQ(std::ranges::count(outcome.out, '\n'), 2);
}

TEST(CommandLine, AFlowThatIsNoUtf8IsAnsweredInUtf8) {
  const Outcome outcome = run_line({"explain", "-f", kWorld, "--flows", "-"}, "{\"from\":\"\xff\",\"to\":\"host\"}\n");
  EXPECT_EQ(outcome.exit, 2);
  EXPECT_EQ(outcome.out, "{\"error\":\"not JSON\",\"line\":1}\n");
}

TEST(CommandLine, TheExampleOfPolicyTestsPasses) {
  const Outcome outcome = run_line({"test", "-f", kExample + "/manifests", kExample + "/TESTS.yaml"});
  EXPECT_EQ(outcome.exit, 0) << outcome.out << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("0 failed"));
}

}  // namespace
}  // namespace tierwall::daemon::ctl
