#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>

#include "daemon/control/control_client.h"
#include "daemon/control/control_server.h"
#include "daemon/control/varlink.h"

namespace tierwall::daemon {
namespace {

using ::testing::HasSubstr;

VarlinkService test_service() {
  return {.version = "9.9",
          .methods = {{"GetStatus",
                       {"status",
                        [] {
                          return Json{{"state", "in_sync"}};
                        }}},
                      {"ListSets", {"sets", [] { return Json(std::string(2u << 20, 'x')); }}}},
          .actions = {{"Confirm",
                       {.parameters = {},
                        .changes = true,
                        .answer = [](const Json&, const Caller& caller) -> Result<Json> {
                          return Json{{"uid", caller.uid}};
                        }}},
                      {"ListGenerations",
                       {.parameters = {"limit"},
                        .changes = false,
                        .answer = [](const Json& parameters, const Caller&) -> Result<Json> {
                          if (!parameters.contains("limit")) return Error{ErrorKind::NotFound, "how many?", 0};
                          return Json{{"generations", parameters["limit"]}};
                        }}}}};
}

// ---- the wire format, without a socket -----------------------------------------------------------------------

/// The reply to one message, as JSON; null if there is none.
Json ask(const std::string& message, const Caller& caller = {}) {
  const Result<VarlinkCall> call = parse_call(message);
  EXPECT_TRUE(call) << message;
  const std::optional<std::string> reply = respond(test_service(), *call, caller);
  if (!reply) return nullptr;
  EXPECT_EQ(reply->back(), '\0');
  return Json::parse(reply->substr(0, reply->size() - 1));
}

TEST(Varlink, AMethodOfOursAnswersWithItsNamedResult) {
  EXPECT_EQ(ask(R"({"method":"io.tierwall.Control.GetStatus"})"),
            Json::parse(R"({"parameters":{"status":{"state":"in_sync"}}})"));
}

TEST(Varlink, MoreIsAnsweredWithOneFinalReply) {
  EXPECT_FALSE(ask(R"({"method":"io.tierwall.Control.GetStatus","more":true})").contains("continues"));
}

TEST(Varlink, OnewayIsNotAnswered) {
  EXPECT_TRUE(ask(R"({"method":"io.tierwall.Control.GetStatus","oneway":true})").is_null());
}

TEST(Varlink, TheServiceDescribesItself) {
  const Json reply = ask(R"({"method":"org.varlink.service.GetInfo","parameters":{}})");
  EXPECT_EQ(reply["parameters"]["version"], "9.9");
  EXPECT_EQ(reply["parameters"]["interfaces"], Json::parse(R"(["org.varlink.service","io.tierwall.Control"])"));
  const Json description = ask(
      R"({"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"io.tierwall.Control"}})");
  EXPECT_EQ(description["parameters"]["description"], control_interface_definition());
}

struct ErrorRow {
  const char* message;
  const char* reply;
};

class VarlinkError : public testing::TestWithParam<ErrorRow> {};

TEST_P(VarlinkError, NamesWhatWasWrong) {
  EXPECT_EQ(ask(GetParam().message), Json::parse(GetParam().reply));
}

INSTANTIATE_TEST_SUITE_P(
    Table, VarlinkError,
    testing::Values(
        ErrorRow{
            R"({"method":"io.tierwall.Control.Flush"})",
            R"({"error":"org.varlink.service.MethodNotFound","parameters":{"method":"io.tierwall.Control.Flush"}})"},
        ErrorRow{
            R"({"method":"org.varlink.service.Nope"})",
            R"({"error":"org.varlink.service.MethodNotFound","parameters":{"method":"org.varlink.service.Nope"}})"},
        ErrorRow{R"({"method":"io.other.Get"})",
                 R"({"error":"org.varlink.service.InterfaceNotFound","parameters":{"interface":"io.other"}})"},
        ErrorRow{R"({"method":"GetStatus"})",
                 R"({"error":"org.varlink.service.InterfaceNotFound","parameters":{"interface":""}})"},
        ErrorRow{R"({"method":"io.tierwall.Control.GetStatus","parameters":{"node":"x"}})",
                 R"({"error":"org.varlink.service.InvalidParameter","parameters":{"parameter":"node"}})"},
        ErrorRow{R"({"method":"org.varlink.service.GetInterfaceDescription"})",
                 R"({"error":"org.varlink.service.InvalidParameter","parameters":{"parameter":"interface"}})"},
        ErrorRow{R"({"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"a.b"}})",
                 R"({"error":"org.varlink.service.InterfaceNotFound","parameters":{"interface":"a.b"}})"}));

TEST(Varlink, WhatIsNoCallIsMalformed) {
  for (const char* message : {"", "{", "[]", "7", "{}", R"({"method":7})", R"({"method":"a.b","parameters":[]})",
                              R"({"method":"a.b","more":1})", "\xff"}) {
    EXPECT_FALSE(parse_call(message)) << message;
  }
}

TEST(Varlink, WhatIsNestedTooDeepIsMalformed) {
  const auto nested = [](std::size_t depth) {
    return R"({"method":"a.b","parameters":{"x":)" + std::string(depth, '[') + std::string(depth, ']') + "}}";
  };
  EXPECT_TRUE(parse_call(nested(kMaxMessageDepth - 2)));
  EXPECT_FALSE(parse_call(nested(kMaxMessageDepth - 1)));
  EXPECT_FALSE(parse_call(nested(4'000'000)));
}

TEST(Varlink, AnAnswerThatMakesNoSenseIsAnError) {
  for (const char* answer : {"", "[]", R"({"parameters":7})", R"({"error":7})"}) {
    const Result<Json> read = read_answer(answer);
    ASSERT_FALSE(read) << answer;
    EXPECT_EQ(read.error().kind, ErrorKind::Malformed) << answer;
  }
  const auto refused =
      read_answer(R"({"error":"io.tierwall.Control.Refused","parameters":{"reason":7,"message":"no"}})");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::Internal);
  EXPECT_EQ(refused.error().message, "no");
}

TEST(Varlink, BytesThatAreNoTextDoNotBreakAReply) {
  EXPECT_THAT(reply_frame(Json{{"file", "a\xff.yaml"}}), HasSubstr("a\xef\xbf\xbd.yaml"));
}

TEST(Varlink, OnlyRootMayChangeAnything) {
  const char* confirm = R"({"method":"io.tierwall.Control.Confirm"})";
  EXPECT_EQ(ask(confirm, Caller{0}), Json::parse(R"({"parameters":{"uid":0}})"));
  const Json refused = ask(confirm, Caller{1000});
  EXPECT_EQ(refused["error"], "io.tierwall.Control.Refused");
  EXPECT_EQ(refused["parameters"]["reason"], "denied");
  EXPECT_EQ(refused["parameters"]["message"], "only root may change the policy; this is uid 1000");
}

TEST(Varlink, AnActionTakesItsParametersAndSaysWhyItRefuses) {
  EXPECT_EQ(ask(R"({"method":"io.tierwall.Control.ListGenerations","parameters":{"limit":3}})"),
            Json::parse(R"({"parameters":{"generations":3}})"));
  EXPECT_EQ(
      ask(R"({"method":"io.tierwall.Control.ListGenerations"})"),
      Json::parse(
          R"({"error":"io.tierwall.Control.Refused","parameters":{"reason":"not_found","message":"how many?"}})"));
  EXPECT_EQ(ask(R"({"method":"io.tierwall.Control.Confirm","parameters":{"limit":3}})", Caller{0})["error"],
            "org.varlink.service.InvalidParameter");
}

TEST(Varlink, EveryKindOfErrorHasItsWord) {
  for (const ErrorKind kind : {ErrorKind::Malformed, ErrorKind::Denied, ErrorKind::Exhausted, ErrorKind::Internal})
    EXPECT_EQ(parse_error_kind(print_error_kind(kind)), kind);
  EXPECT_EQ(parse_error_kind("nonsense"), ErrorKind::Internal);
}

// ---- over the socket -----------------------------------------------------------------------------------------

class Control : public testing::Test {
 protected:
  Control() : path_(testing::TempDir() + "tierwall-control-" + std::to_string(getpid()) + ".sock") {
    unlink(path_.c_str());
  }
  ~Control() override { unlink(path_.c_str()); }

  /// Runs a server on this thread while `story` runs as its client on another.
  void serve_while(const std::function<void()>& story) {
    systemd::EventLoop loop;
    ControlServer server(loop, test_service());
    const Result<void> listening = server.listen(path_);
    ASSERT_TRUE(listening) << listening.error().message;
    const systemd::UniqueFd done(eventfd(0, EFD_CLOEXEC));
    systemd::IoWatch watch(loop, done.raw(), EPOLLIN, systemd::Priority::Reconcile,
                           [&](std::uint32_t) { loop.stop(0); });
    std::thread client([&] {
      story();
      eventfd_write(done.raw(), 1);
    });
    EXPECT_EQ(loop.run(), 0);
    client.join();
    clients_left_ = server.client_count();
  }

  /// Not connected yet; waits twenty seconds at most for what it is told.
  static systemd::UniqueFd make_caller() {
    systemd::UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    EXPECT_EQ(setsockopt(fd.raw(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    return fd;
  }
  void connect_to_server(const systemd::UniqueFd& fd) const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(::connect(fd.raw(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  [[nodiscard]] systemd::UniqueFd connect() const {
    systemd::UniqueFd fd = make_caller();
    connect_to_server(fd);
    return fd;
  }
  static void say(const systemd::UniqueFd& fd, const std::string& bytes) {
    send(fd.raw(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  /// Until the server closes or `zeros` messages have come.
  static std::string hear(const systemd::UniqueFd& fd, std::size_t zeros) {
    std::string text;
    char byte = 0;
    while (zeros > 0 && recv(fd.raw(), &byte, 1, 0) == 1) {
      text += byte;
      if (byte == '\0') --zeros;
    }
    return text;
  }

  std::string path_;
  std::size_t clients_left_ = 0;
};

TEST_F(Control, ACallIsAnswered) {
  serve_while([&] {
    const Result<Json> answer = call(path_, "GetStatus", nullptr);
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ((*answer)["status"]["state"], "in_sync");
  });
}

TEST_F(Control, AReplyMayBeLargerThanTheSocketsBuffers) {
  serve_while([&] {
    const Result<Json> answer = call(path_, "ListSets", nullptr);
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ((*answer)["sets"].get<std::string>().size(), 2u << 20);
  });
}

TEST_F(Control, AVarlinkErrorIsAnError) {
  serve_while([&] {
    const Result<Json> answer = call(path_, "Flush", nullptr);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, ErrorKind::NotFound);
    EXPECT_THAT(answer.error().message, HasSubstr("MethodNotFound"));
  });
}

TEST_F(Control, SeveralCallsOfOneConnectionAreAnsweredInOrder) {
  serve_while([&] {
    const systemd::UniqueFd fd = connect();
    const std::string status = "{\"method\":\"io.tierwall.Control.GetStatus\"}";
    const std::string oneway = "{\"method\":\"io.tierwall.Control.GetStatus\",\"oneway\":true}";
    const std::string info = "{\"method\":\"org.varlink.service.GetInfo\"}";
    say(fd, status + '\0' + oneway + '\0' + info + '\0' + info.substr(0, 5));
    say(fd, info.substr(5) + '\0');
    const std::string replies = hear(fd, 3);
    EXPECT_EQ(std::count(replies.begin(), replies.end(), '\0'), 3);
    EXPECT_THAT(replies.substr(0, replies.find('\0')), HasSubstr("in_sync"));
  });
}

TEST_F(Control, GarbageEndsTheConnectionAndNothingElse) {
  serve_while([&] {
    const systemd::UniqueFd fd = connect();
    say(fd, std::string("GET / HTTP/1.1\r\n\r\n") + '\0');
    EXPECT_EQ(hear(fd, 1), "");
    EXPECT_TRUE(call(path_, "GetStatus", nullptr));
  });
}

TEST_F(Control, ARequestWithoutEndIsCutOff) {
  serve_while([&] {
    const systemd::UniqueFd fd = connect();
    const bool root = geteuid() == 0;
    say(fd, std::string(2 * (root ? ControlServer::kMaxChangeBytes : ControlServer::kMaxRequestBytes), ' '));
    EXPECT_EQ(hear(fd, 1), "");
    EXPECT_TRUE(call(path_, "GetStatus", nullptr));
  });
}

TEST_F(Control, CallersBeyondTheBoundAreTurnedAway) {
  serve_while([&] {
    std::vector<systemd::UniqueFd> crowd;
    for (std::size_t i = 0; i < ControlServer::kMaxClients; ++i) crowd.push_back(connect());
    EXPECT_FALSE(call(path_, "GetStatus", nullptr));
    crowd.clear();
    for (int i = 0; i < 100 && !call(path_, "GetStatus", nullptr); ++i) usleep(10'000);
    EXPECT_TRUE(call(path_, "GetStatus", nullptr));
  });
}

/// Takes every descriptor this process may have, of a number that does not take long.
std::vector<systemd::UniqueFd> all_descriptors() {
  std::vector<systemd::UniqueFd> taken;
  while (true) {
    systemd::UniqueFd fd(eventfd(0, EFD_CLOEXEC));
    if (!fd.is_open()) return taken;
    taken.push_back(std::move(fd));
  }
}

/// A caller that cannot be accepted stays in front of the socket: the loop would be woken by it without end.
TEST_F(Control, OutOfDescriptorsCallersAreHungUpOn) {
  rlimit usual{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &usual), 0);
  const rlimit few{.rlim_cur = 128, .rlim_max = usual.rlim_max};
  serve_while([&] {
    setrlimit(RLIMIT_NOFILE, &few);
    std::vector<systemd::UniqueFd> callers(3);
    for (systemd::UniqueFd& caller : callers) caller = make_caller();
    {
      const std::vector<systemd::UniqueFd> taken = all_descriptors();
      EXPECT_FALSE(taken.empty());
      for (const systemd::UniqueFd& caller : callers) connect_to_server(caller);
      char byte = 0;
      for (const systemd::UniqueFd& caller : callers) EXPECT_EQ(recv(caller.raw(), &byte, 1, 0), 0);
    }
    setrlimit(RLIMIT_NOFILE, &usual);
    EXPECT_TRUE(call(path_, "GetStatus", nullptr));
  });
}

TEST_F(Control, ACallerThatDoesNotReadDoesNotHoldUpOthers) {
  serve_while([&] {
    const systemd::UniqueFd fd = connect();
    const std::string sets = "{\"method\":\"io.tierwall.Control.ListSets\"}";
    for (int i = 0; i < 20; ++i) say(fd, sets + '\0');
    EXPECT_TRUE(call(path_, "GetStatus", nullptr));
  });
}

TEST_F(Control, OnlyOwnerAndGroupMayConnect) {
  serve_while([&] {
    struct stat made {};
    ASSERT_EQ(stat(path_.c_str(), &made), 0);
    EXPECT_EQ(made.st_mode & 0777, 0660u);
  });
}

TEST_F(Control, AnotherUserIsRefusedInWords) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  serve_while([&] {
    ASSERT_EQ(chmod(path_.c_str(), 0666), 0);
    const pid_t child = fork();
    if (child == 0) {
      if (setgid(65534) != 0 || setuid(65534) != 0) _exit(3);
      const Result<Json> answer = call(path_, "GetStatus", nullptr);
      _exit(!answer && answer.error().kind == ErrorKind::Denied ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 0);
  });
}

TEST_F(Control, ADeadSocketIsReplacedAndALivingOneIsNot) {
  {
    const systemd::UniqueFd dead(socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
    ASSERT_EQ(bind(dead.raw(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  systemd::EventLoop loop;
  ControlServer first(loop, test_service());
  ASSERT_TRUE(first.listen(path_));
  ControlServer second(loop, test_service());
  const Result<void> listening = second.listen(path_);
  ASSERT_FALSE(listening);
  EXPECT_EQ(listening.error().kind, ErrorKind::Conflict);
}

TEST_F(Control, AFileIsNeverReplaced) {
  std::ofstream(path_) << "precious";
  systemd::EventLoop loop;
  ControlServer server(loop, test_service());
  const Result<void> listening = server.listen(path_);
  ASSERT_FALSE(listening);
  EXPECT_THAT(listening.error().message, HasSubstr("is no socket"));
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(Control, NobodyListensIsUnavailable) {
  const Result<Json> answer = call(path_, "GetStatus", nullptr);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::Unavailable);
}

TEST_F(Control, ADaemonThatHangsIsGivenUpInTime) {
  systemd::EventLoop loop;
  ControlServer server(loop, test_service());
  ASSERT_TRUE(server.listen(path_));
  const auto started = std::chrono::steady_clock::now();
  const Result<Json> answer = call(path_, "GetStatus", nullptr, std::chrono::milliseconds(100));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().errno_value, ETIMEDOUT);
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(2));
}

}  // namespace
}  // namespace tierwall::daemon
