#include "daemon/sources/kubernetes/exec_credential.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include <fmt/format.h>

#include "tests/unit/daemon/kubernetes/loop_runner.h"
#include "tests/unit/daemon/sources/scratch_directory.h"

namespace tierwall::daemon {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr const char* kV1 = "client.authentication.k8s.io/v1";

std::string answer_with(const std::string& status, const std::string& version = kV1) {
  return fmt::format(R"({{"apiVersion":"{}","kind":"ExecCredential","status":{}}})", version, status);
}

std::string failure_of(const std::string& json) {
  const auto credential = parse_exec_credential(json, kV1);
  return credential ? "" : credential.error().message;
}

TEST(ExecCredential, TokensAndCertificatesAreRead) {
  const auto token = parse_exec_credential(
      answer_with(R"({"token":"abc","expirationTimestamp":"2026-01-31T12:00:00Z","later":{}})"), kV1);
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_EQ(*token, (ExecCredential{.token = Secret("abc"), .expires = 1769860800s}));

  const auto certificate = parse_exec_credential(
      answer_with(R"({"clientCertificateData":"C","clientKeyData":"K","expirationTimestamp":null})"), kV1);
  ASSERT_TRUE(certificate) << certificate.error().message;
  EXPECT_EQ(*certificate, (ExecCredential{.client_certificate = "C", .client_key = Secret("K")}));
}

TEST(ExecCredential, AnythingElseIsRefusedInWords) {
  const struct {
    std::string json;
    const char* message;
  } cases[] = {
      {"", "no JSON object"},
      {"[]", "no JSON object"},
      {"{\"kind\":", "no JSON object"},
      {R"({"kind":"Status"})", "no ExecCredential"},
      {answer_with(R"({"token":"abc"})", "client.authentication.k8s.io/v1beta1"), "answered with apiVersion"},
      {R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential"})", "no status"},
      {answer_with("{}"), "neither a token nor a client certificate"},
      {answer_with(R"({"token":7})"), "neither a token nor a client certificate"},
      {answer_with(R"({"token":"a\nb"})"), "control character"},
      {answer_with(R"({"token":"a","clientKeyData":"K"})"), "not both"},
      {answer_with(R"({"token":"a","expirationTimestamp":"tomorrow"})"), "no time like"},
      {answer_with(R"({"token":"a","expirationTimestamp":7})"), "no time like"},
  };
  for (const auto& one : cases) EXPECT_THAT(failure_of(one.json), HasSubstr(one.message)) << one.json;
}

TEST(ExecInfo, TellsThatNobodyCanBeAsked) {
  const ServerAccess access{.server = "https://h", .exec = ExecPlugin{.command = "x", .api_version = kV1}};
  EXPECT_EQ(exec_info(access), R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",)"
                               R"("spec":{"interactive":false}})");
}

TEST(ExecInfo, TellsAboutTheClusterIfAsked) {
  const ServerAccess access{
      .server = "https://h",
      .tls_server_name = "api",
      .ca_data = "foo",
      .exec = ExecPlugin{
          .command = "x", .api_version = kV1, .provide_cluster_info = true, .cluster_config = R"({"audience":"a"})"}};
  EXPECT_THAT(exec_info(access),
              HasSubstr(R"("cluster":{"certificate-authority-data":"Zm9v",)"
                        R"("config":{"audience":"a"},"server":"https://h","tls-server-name":"api"})"));
}

/// Plugins are small shell scripts here.
class ExecPluginTest : public testing::Test {
 protected:
  void write_plugin(const std::string& script) {
    scratch_.write("plugin", "#!/bin/sh\n" + script);
    std::filesystem::permissions(scratch_.path() / "plugin", std::filesystem::perms::owner_all);
    plugin_.command = scratch_.file("plugin");
  }
  /// Runs the plugin to its end.
  Result<ExecCredential> run(ExecLimits limits = {}) {
    std::optional<Result<ExecCredential>> result;
    ExecPluginRunner runner(loop_, {.origin = "kubeconfig", .server = "https://h", .exec = plugin_}, limits,
                            [&](Result<ExecCredential> brought) { result = std::move(brought); });
    runner.start();
    EXPECT_FALSE(result) << "answers come from the loop";
    EXPECT_TRUE(test::turn_until(loop_, [&] { return result.has_value(); }));
    EXPECT_FALSE(runner.running());
    return result.value_or(Error{ErrorKind::Internal, "no answer", 0});
  }
  std::string failure(ExecLimits limits = {}) {
    const auto result = run(limits);
    if (result) return "";
    EXPECT_EQ(result.error().kind, ErrorKind::Denied);
    return result.error().message;
  }
  [[nodiscard]] std::string content(const std::string& name) const {
    std::stringstream text;
    text << std::ifstream(scratch_.file(name)).rdbuf();
    return text.str();
  }

  systemd::EventLoop loop_;
  ScratchDirectory scratch_;
  ExecPlugin plugin_{.api_version = kV1};
};

TEST_F(ExecPluginTest, AGoodOneBringsAToken) {
  write_plugin("echo '" + answer_with(R"({"token":"abc"})") + "'");
  const auto result = run();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->token, Secret("abc"));
}

TEST_F(ExecPluginTest, GetsItsArgumentsAndEnvironmentButNoShellAndNoInput) {
  write_plugin(
      "cd $(dirname $0); { echo \"$#:$1:$2\"; echo $COLOUR; echo $KUBERNETES_EXEC_INFO; echo in:$(cat); "
      "echo path:${PATH:+set}; } > seen; exit 1");
  plugin_.arguments = {"a b; exit", "$HOME"};
  plugin_.environment = {{.name = "COLOUR", .value = Secret("red")}};
  failure();
  EXPECT_EQ(content("seen"),
            "2:a b; exit:$HOME\nred\n"
            "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\","
            "\"spec\":{\"interactive\":false}}\nin:\npath:set\n");
}

TEST_F(ExecPluginTest, InheritsNoDescriptors) {
  std::ofstream held(scratch_.file("held"));
  write_plugin("ls /proc/self/fd | tr '\\n' ' ' > $(dirname $0)/seen; exit 1");
  const int leaking = dup(STDERR_FILENO);  // not close-on-exec
  failure();
  close(leaking);
  // 0, 1, 2 and the one `ls` reads the folder with.
  EXPECT_EQ(content("seen"), "0 1 2 3 ");
}

TEST_F(ExecPluginTest, InheritsNeitherBlockedNorIgnoredSignals) {
  write_plugin("grep -E '^Sig(Blk|Ign)' /proc/self/status | cut -f2 | tr '\\n' ' ' > $(dirname $0)/seen; exit 1");
  const systemd::SignalWatch blocked(loop_, SIGTERM, [] {});
  const auto former = std::signal(SIGPIPE, SIG_IGN);
  failure();
  std::signal(SIGPIPE, former);
  std::istringstream masks(content("seen"));
  std::uint64_t blocked_mask = ~0ull;
  std::uint64_t ignored_mask = ~0ull;
  masks >> std::hex >> blocked_mask >> ignored_mask;
  EXPECT_EQ(blocked_mask, 0u);
  EXPECT_EQ(ignored_mask & 1ull << (SIGPIPE - 1), 0u);
}

TEST_F(ExecPluginTest, FailuresAreToldInWords) {
  const struct {
    const char* script;
    const char* message;
  } cases[] = {
      {"echo; echo 'session expired' >&2; echo more >&2; exit 3", "it ended with exit code 3: session expired"},
      {"kill -KILL $$", "it was ended by signal 9"},
      {"echo hello", "its output is no JSON object"},
      {"echo '{\"apiVersion\":\"client.authentication.k8s.io/v1beta1\",\"kind\":\"ExecCredential\"}'",
       "it answered with apiVersion \"client.authentication.k8s.io/v1beta1\", but client.authentication.k8s.io/v1 was "
       "asked for"},
      {"printf 'a\\033[2Jb\\n' >&2; exit 1", "it ended with exit code 1: a [2Jb"},
  };
  for (const auto& one : cases) {
    write_plugin(one.script);
    EXPECT_EQ(failure(), fmt::format("kubeconfig: exec plugin {}: {}", plugin_.command, one.message));
  }
}

TEST_F(ExecPluginTest, AMissingOneIsToldWithItsHint) {
  plugin_.command = "tierwall-no-such-plugin";
  plugin_.install_hint = "get it from the tool shop\nthen install it";
  EXPECT_EQ(failure(),
            "kubeconfig: exec plugin tierwall-no-such-plugin: cannot be started: No such file or directory; "
            "get it from the tool shop");
}

TEST_F(ExecPluginTest, ASlowOneIsKilledWithWhatItStarted) {
  write_plugin("echo $$ > $(dirname $0)/pid; sleep 1000");
  EXPECT_THAT(failure({.time = 300ms}), HasSubstr("it did not end within 0.3 s"));
  const pid_t group = std::stoi(content("pid"));
  EXPECT_TRUE(test::turn_until(
                  loop_, [&] { return kill(-group, 0) != 0; }, 2s) ||
              kill(-group, 0) != 0);
}

TEST_F(ExecPluginTest, OneThatNeverStopsTalkingIsKilled) {
  write_plugin("exec yes");
  EXPECT_THAT(failure({.output = 100'000}), HasSubstr("it wrote more than 100000 bytes"));
}

TEST_F(ExecPluginTest, ComplaintsWithoutEndAreReadAndForgotten) {
  write_plugin("head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 1");
  EXPECT_LT(failure().size(), 2000u);
}

TEST_F(ExecPluginTest, AChildThatHoldsTheOutputOpenIsNotWaitedFor) {
  write_plugin("sleep 5 & echo '" + answer_with(R"({"token":"abc"})") + "'; echo $! > $(dirname $0)/child");
  const auto started = std::chrono::steady_clock::now();
  EXPECT_TRUE(run());
  EXPECT_LT(std::chrono::steady_clock::now() - started, 4s);
  kill(std::stoi(content("child")), SIGKILL);
}

TEST_F(ExecPluginTest, RunsAgainFromItsOwnAnswer) {
  write_plugin("echo x >> $(dirname $0)/runs; echo '" + answer_with(R"({"token":"abc"})") + "'");
  int answers = 0;
  std::optional<ExecPluginRunner> runner;
  runner.emplace(loop_, ServerAccess{.server = "https://h", .exec = plugin_}, ExecLimits{}, [&](const auto&) {
    if (++answers < 3) runner->start();
  });
  runner->start();
  runner->start();  // once at a time
  EXPECT_TRUE(test::turn_until(loop_, [&] { return answers == 3; }));
  EXPECT_EQ(content("runs"), "x\nx\nx\n");
}

TEST_F(ExecPluginTest, DyingWithItsOwnerLeavesNothingBehind) {
  write_plugin("echo $$ > $(dirname $0)/pid; exec sleep 1000");
  {
    ExecPluginRunner runner(loop_, {.server = "https://h", .exec = plugin_}, {}, [](const auto&) { FAIL(); });
    runner.start();
    while (content("pid").empty()) usleep(1000);
  }
  EXPECT_NE(kill(std::stoi(content("pid")), 0), 0);
}

}  // namespace
}  // namespace tierwall::daemon
