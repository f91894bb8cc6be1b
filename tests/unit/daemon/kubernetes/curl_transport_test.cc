#include "daemon/sources/kubernetes/curl_transport.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "tests/fakes/fake_clock.h"
#include "tests/unit/daemon/kubernetes/loop_runner.h"
#include "tests/unit/daemon/kubernetes/tiny_https_server.h"
#include "tests/unit/daemon/sources/scratch_directory.h"

namespace tierwall::daemon {
namespace {

using namespace std::chrono_literals;
using test::CertificateAuthority;
using test::Identity;
using test::TinyConnection;
using test::TinyHttpsServer;
using test::TinyRequest;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

/// Writes down what it is told, and may do something at each step.
class Listener final : public HttpSink {
 public:
  void on_head(const HttpHead& head) override {
    heads.push_back(head);
    if (at_head) at_head();
  }
  void on_body(std::string_view bytes) override {
    body += bytes;
    if (at_body) at_body();
  }
  void on_end(const Result<void>& result) override {
    ends.push_back(result);
    if (at_end) at_end();
  }

  [[nodiscard]] bool ended() const { return !ends.empty(); }
  [[nodiscard]] bool succeeded() const { return ends.size() == 1 && ends.front(); }
  [[nodiscard]] Error failure() const {
    return ends.size() == 1 && !ends.front() ? ends.front().error() : Error{ErrorKind::Internal, "no failure", 0};
  }
  [[nodiscard]] std::vector<int> statuses() const {
    std::vector<int> all;
    for (const HttpHead& head : heads) all.push_back(head.status);
    return all;
  }

  std::vector<HttpHead> heads;
  std::string body;
  std::vector<Result<void>> ends;
  std::function<void()> at_head;
  std::function<void()> at_body;
  std::function<void()> at_end;
};

void say_hello(const TinyRequest& /*request*/, TinyConnection& connection) {
  connection.answer(200, "{\"hello\":1}");
}

/// A server under an authority of its own, and a transport that trusts it.
class CurlTransportTest : public testing::Test {
 protected:
  void serve(const Identity& identity, TinyHttpsServer::Answer answer = say_hello, const std::string& client_ca = {}) {
    server_ = std::make_unique<TinyHttpsServer>(identity, std::move(answer), client_ca);
    access_.server = server_->url();
    access_.ca_data = authority_.certificate();
  }
  void serve(TinyHttpsServer::Answer answer) { serve(authority_.issue(), std::move(answer)); }
  CurlTransport& transport() {
    if (!transport_) transport_.emplace(loop_, clock_, access_, "tierwalld/test");
    return *transport_;
  }
  std::unique_ptr<HttpExchange> get(Listener& listener, HttpRequest request = {.target = "/api"}) {
    auto exchange = transport().get(request, listener);
    EXPECT_TRUE(listener.heads.empty() && listener.ends.empty()) << "nothing is told before get() returns";
    return exchange;
  }
  bool wait_for(const Listener& listener) {
    return test::turn_until(loop_, [&] { return listener.ended(); });
  }
  /// One whole request.
  Listener ask(const HttpRequest& request = {.target = "/api"}) {
    Listener listener;
    const auto exchange = get(listener, request);
    EXPECT_TRUE(wait_for(listener));
    return listener;
  }
  [[nodiscard]] std::string header(const std::string& name, std::size_t request = 0) const {
    const auto requests = server_->requests();
    if (request >= requests.size()) return "no such request";
    const auto found = requests[request].headers.find(name);
    return found == requests[request].headers.end() ? "absent" : found->second;
  }

  CertificateAuthority authority_{"authority of this test"};
  ScratchDirectory scratch_;
  systemd::EventLoop loop_;
  test::FakeClock clock_;  // only says when files are old; limits run on the loop's own time
  ServerAccess access_{.origin = "kubeconfig"};
  std::unique_ptr<TinyHttpsServer> server_;
  std::optional<CurlTransport> transport_;
};

// ---- the plain way ---------------------------------------------------------------------------------------------

TEST_F(CurlTransportTest, AnAnswerComesWhole) {
  serve([](const TinyRequest&, TinyConnection& connection) {
    connection.answer(429, "{\"busy\":true}", "Retry-After: 7\r\n");
  });
  const Listener listener = ask({.target = "/api/v1/pods?watch=1&x=../y", .accept = "application/json;as=Table"});
  EXPECT_TRUE(listener.succeeded());
  EXPECT_THAT(listener.heads,
              ElementsAre(HttpHead{.status = 429, .content_type = "application/json", .retry_after = 7s}));
  EXPECT_EQ(listener.body, "{\"busy\":true}");

  EXPECT_EQ(server_->requests()[0].line, "GET /api/v1/pods?watch=1&x=../y HTTP/1.1");
  EXPECT_EQ(header("accept"), "application/json;as=Table");
  EXPECT_EQ(header("user-agent"), "tierwalld/test");
  EXPECT_EQ(header("host"), fmt::format("127.0.0.1:{}", server_->port()));
  EXPECT_EQ(header("accept-encoding"), "absent");
  EXPECT_EQ(header("authorization"), "absent");
  EXPECT_EQ(transport().last_http_version(), "HTTP/1.1");
}

TEST_F(CurlTransportTest, AServersPathStandsBeforeEveryTarget) {
  serve(say_hello);
  access_.server += "/k8s/clusters/c-1";
  EXPECT_TRUE(ask().succeeded());
  EXPECT_EQ(server_->requests()[0].line, "GET /k8s/clusters/c-1/api HTTP/1.1");
}

TEST_F(CurlTransportTest, ChunksArePassedOnAsTheyCome) {
  std::atomic<bool> go_on = false;
  serve([&](const TinyRequest&, TinyConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n");
    while (!go_on) usleep(1000);
    connection.send("4\r\ntwo\n\r\n0\r\n\r\n");
  });
  Listener listener;
  const auto exchange = get(listener);
  EXPECT_TRUE(test::turn_until(loop_, [&] { return listener.body == "one\n"; }));
  EXPECT_FALSE(listener.ended());
  go_on = true;
  EXPECT_TRUE(wait_for(listener));
  EXPECT_TRUE(listener.succeeded());
  EXPECT_EQ(listener.body, "one\ntwo\n");
}

TEST_F(CurlTransportTest, AnAnswerOnTheWayDoesNotHoldUpAnother) {
  serve([](const TinyRequest& request, TinyConnection& connection) {
    if (request.line.find("/slow") == std::string::npos) return connection.answer(200, "quick");
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nslow");
    connection.stay_silent();
  });
  Listener slow;
  Listener quick;
  auto slow_exchange = get(slow, {.target = "/slow"});
  const auto quick_exchange = get(quick, {.target = "/quick"});
  EXPECT_TRUE(test::turn_until(loop_, [&] { return quick.ended() && slow.body == "slow"; }));
  EXPECT_TRUE(quick.succeeded());
  EXPECT_FALSE(slow.ended());
}

TEST_F(CurlTransportTest, ConnectionsAreUsedAgain) {
  serve(say_hello);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(ask().succeeded());
  EXPECT_EQ(server_->requests().size(), 5u);
  EXPECT_EQ(server_->connections(), 1u);
}

TEST_F(CurlTransportTest, ARedirectIsAnAnswerLikeAnyOther) {
  serve([](const TinyRequest&, TinyConnection& connection) {
    connection.answer(302, "", "Location: https://elsewhere.invalid/\r\n");
  });
  access_.token = Secret("abc");
  EXPECT_THAT(ask().statuses(), ElementsAre(302));
}

TEST_F(CurlTransportTest, NoProxyIsTakenFromTheEnvironment) {
  serve(say_hello);
  setenv("HTTPS_PROXY", "http://127.0.0.1:1", 1);
  setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
  EXPECT_TRUE(ask().succeeded());
  unsetenv("HTTPS_PROXY");
  unsetenv("ALL_PROXY");
}

TEST_F(CurlTransportTest, AProxyOfTheKubeconfigIsUsedWhateverTheEnvironmentExempts) {
  serve(say_hello);
  setenv("NO_PROXY", "*", 1);
  access_.proxy_url = Secret("http://me:secret@127.0.0.1:1");
  const Error failure = ask().failure();
  unsetenv("NO_PROXY");
  EXPECT_THAT(failure.message, HasSubstr("cannot connect"));
  EXPECT_THAT(failure.message, Not(HasSubstr("secret")));
  EXPECT_THAT(server_->requests(), testing::IsEmpty());
}

// ---- whom we trust ---------------------------------------------------------------------------------------------

TEST_F(CurlTransportTest, ACertificateOfAnotherAuthorityIsRefused) {
  serve(say_hello);
  access_.ca_data = CertificateAuthority("somebody else").certificate();
  access_.token = Secret("must-not-be-sent");
  const Listener listener = ask();
  EXPECT_EQ(listener.failure().kind, ErrorKind::Unavailable);
  EXPECT_THAT(listener.failure().message, StartsWith(server_->url() + ": the server's certificate is refused: "));
  EXPECT_THAT(server_->requests(), testing::IsEmpty());
}

TEST_F(CurlTransportTest, TheAuthorityMayStandInAFile) {
  serve(say_hello);
  access_.ca_data.clear();
  scratch_.write("ca.crt", authority_.certificate());
  access_.ca_file = scratch_.file("ca.crt");
  EXPECT_TRUE(ask().succeeded());
}

TEST_F(CurlTransportTest, WithoutAnAuthorityTheSystemsRootsDecide) {
  serve(say_hello);
  access_.ca_data.clear();
  EXPECT_THAT(ask().failure().message, HasSubstr("certificate is refused"));
}

TEST_F(CurlTransportTest, AnAuthorityFileThatIsMissingIsNamed) {
  serve(say_hello);
  access_.ca_data.clear();
  access_.ca_file = scratch_.file("ca.crt");
  EXPECT_THAT(ask().failure().message, HasSubstr(access_.ca_file));
}

TEST_F(CurlTransportTest, AnExpiredCertificateIsRefused) {
  serve(authority_.issue({.valid_for = -60s}));
  EXPECT_THAT(ask().failure().message, HasSubstr("certificate has expired"));
}

TEST_F(CurlTransportTest, ACertificateForAnotherNameIsRefused) {
  serve(authority_.issue({.alternative_names = "DNS:api.internal"}));
  EXPECT_THAT(ask().failure().message, HasSubstr("the server's certificate is refused"));
}

TEST_F(CurlTransportTest, ANameOfItsOwnForTlsIsAskedForAndChecked) {
  serve(authority_.issue({.alternative_names = "DNS:api.internal"}));
  access_.tls_server_name = "api.internal";
  EXPECT_TRUE(ask().succeeded());
  EXPECT_EQ(server_->requests()[0].server_name, "api.internal");
  EXPECT_EQ(header("host"), fmt::format("127.0.0.1:{}", server_->port()));
}

TEST_F(CurlTransportTest, InsecureTakesAnyCertificateAndIsRemarked) {
  serve(authority_.issue({.alternative_names = "DNS:other", .valid_for = -60s}));
  access_.ca_data.clear();
  access_.insecure = true;
  access_.remarks = {"TLS verification is off"};
  EXPECT_TRUE(ask().succeeded());
  EXPECT_THAT(transport().remarks(), ElementsAre("TLS verification is off"));
}

// ---- who we are ------------------------------------------------------------------------------------------------

TEST_F(CurlTransportTest, AClientCertificateIsShown) {
  serve(authority_.issue(), say_hello, authority_.certificate());
  const Identity us = authority_.issue({.common_name = "system:serviceaccount:tierwall"});
  access_.client_certificate_data = us.certificate;
  access_.client_key_data = Secret(us.key);
  EXPECT_TRUE(ask().succeeded());
  EXPECT_EQ(server_->requests()[0].client, "system:serviceaccount:tierwall");
}

TEST_F(CurlTransportTest, ARotatedClientCertificateIsShownOnANewConnection) {
  serve(authority_.issue(), say_hello, authority_.certificate());
  const auto rotate = [&](const std::string& name) {
    const Identity us = authority_.issue({.common_name = name});
    scratch_.write("next.pem", us.certificate + us.key);
    std::filesystem::rename(scratch_.path() / "next.pem", scratch_.path() / "us.pem");
  };
  rotate("first");
  access_.client_certificate_file = access_.client_key_file = scratch_.file("us.pem");
  EXPECT_TRUE(ask().succeeded());
  rotate("second");
  clock_.advance(60s);
  EXPECT_TRUE(ask().succeeded());
  EXPECT_EQ(server_->requests()[1].client, "second");
}

TEST_F(CurlTransportTest, AKeyThatDoesNotFitIsDenied) {
  serve(authority_.issue(), say_hello, authority_.certificate());
  access_.client_certificate_data = authority_.issue().certificate;
  access_.client_key_data = Secret(authority_.issue().key);
  EXPECT_EQ(ask().failure().kind, ErrorKind::Denied);
}

TEST_F(CurlTransportTest, TokenAndImpersonationTravelAsHeaders) {
  serve(say_hello);
  access_.token = Secret("abc");
  access_.impersonation = {.user = "jane", .uid = "42", .groups = {"a", "b"}, .extra = {{"acme.com/Scope", {"x"}}}};
  EXPECT_TRUE(ask().succeeded());
  EXPECT_EQ(header("authorization"), "Bearer abc");
  EXPECT_EQ(header("impersonate-user"), "jane");
  EXPECT_EQ(header("impersonate-uid"), "42");
  EXPECT_EQ(header("impersonate-group"), "a, b");
  EXPECT_EQ(header("impersonate-extra-acme.com%2f%53cope"), "x");
}

TEST_F(CurlTransportTest, WithoutUsableCredentialsNothingIsSent) {
  serve(say_hello);
  access_.token_file = scratch_.file("token");
  const Listener listener = ask();
  EXPECT_EQ(listener.failure().kind, ErrorKind::Denied);
  EXPECT_THAT(listener.failure().message, HasSubstr(access_.token_file));
  EXPECT_EQ(server_->connections(), 0u);
  EXPECT_THAT(transport().remarks(), ElementsAre(HasSubstr(access_.token_file)));
}

/// Takes the token "good" only.
void demand_good_token(const TinyRequest& request, TinyConnection& connection) {
  const auto token = request.headers.find("authorization");
  if (token != request.headers.end() && token->second == "Bearer good") return connection.answer(200, "welcome");
  connection.answer(401, "{\"kind\":\"Status\",\"reason\":\"Unauthorized\"}");
}

TEST_F(CurlTransportTest, ARefusedTokenIsReadAgainAndTheSinkDoesNotNotice) {
  std::atomic<int> seen = 0;
  serve([&](const TinyRequest& request, TinyConnection& connection) {
    // Somebody rotates the token while the first request is under way.
    if (seen++ == 1) scratch_.write("token", "good");
    demand_good_token(request, connection);
  });
  scratch_.write("token", "fine-so-far");
  access_.token_file = scratch_.file("token");
  EXPECT_THAT(ask().statuses(), ElementsAre(401)) << "the file still holds the same token";
  const Listener listener = ask();
  EXPECT_THAT(listener.statuses(), ElementsAre(200));
  EXPECT_EQ(listener.body, "welcome");
  EXPECT_TRUE(listener.succeeded());
  EXPECT_EQ(header("authorization", 2), "Bearer good");
}

TEST_F(CurlTransportTest, APluginIsAskedAgainAfterARefusalButOnlyOnce) {
  serve(demand_good_token);
  scratch_.write("plugin",
                 "#!/bin/sh\ncd $(dirname $0); echo x >> runs; token=bad; test $(wc -l < runs) = 2 && token=good\n"
                 "echo '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\","
                 "\"status\":{\"token\":\"'$token'\"}}'\n");
  std::filesystem::permissions(scratch_.path() / "plugin", std::filesystem::perms::owner_all);
  access_.exec = ExecPlugin{.command = scratch_.file("plugin"), .api_version = "client.authentication.k8s.io/v1"};
  Listener first;
  Listener second;
  const auto first_exchange = get(first);
  const auto second_exchange = get(second);
  EXPECT_TRUE(test::turn_until(loop_, [&] { return first.ended() && second.ended(); }));
  EXPECT_THAT(first.statuses(), ElementsAre(200));
  EXPECT_THAT(second.statuses(), ElementsAre(200));

  scratch_.write("runs", "x\nx\n");  // the plugin brings bad tokens from now on
  serve([](const TinyRequest&, TinyConnection& connection) { connection.answer(401, "no"); });
  transport_.emplace(loop_, clock_, access_, "tierwalld/test");
  const Listener refused = ask();
  EXPECT_THAT(refused.statuses(), ElementsAre(401));
  EXPECT_EQ(refused.body, "no");
  EXPECT_TRUE(refused.succeeded());
  EXPECT_EQ(server_->requests().size(), 2u);
}

// ---- what goes wrong -------------------------------------------------------------------------------------------

TEST_F(CurlTransportTest, SilenceInTheMiddleOfAnAnswerEndsIt) {
  serve([](const TinyRequest&, TinyConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    for (int i = 0; i < 4; ++i) {
      connection.send("tick");
      usleep(100'000);  // together longer than the limit
    }
    connection.stay_silent();
  });
  const Listener listener = ask({.target = "/api", .silence_limit = 300ms});
  EXPECT_EQ(listener.body, "ticktickticktick");
  EXPECT_EQ(listener.failure(), (Error{ErrorKind::Unavailable, server_->url() + ": silent for 0.3 s", 0}));
}

TEST_F(CurlTransportTest, AfterSilenceTheNextRequestGetsAConnectionOfItsOwn) {
  std::atomic<int> seen = 0;
  serve([&](const TinyRequest& request, TinyConnection& connection) {
    if (seen++ == 1) return connection.stay_silent();
    say_hello(request, connection);
  });
  EXPECT_TRUE(ask().succeeded());
  EXPECT_FALSE(ask({.target = "/api", .silence_limit = 100ms}).succeeded());
  EXPECT_TRUE(ask().succeeded());
  EXPECT_EQ(server_->connections(), 2u);
}

TEST_F(CurlTransportTest, ARefusedConnectionIsToldWithItsReason) {
  // A port that nobody listens on, taken so that nobody else can.
  const int holder = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(bind(holder, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(getsockname(holder, reinterpret_cast<sockaddr*>(&address), &length), 0);
  access_.server = fmt::format("https://127.0.0.1:{}", ntohs(address.sin_port));
  const Error failure = ask().failure();
  close(holder);
  EXPECT_EQ(failure.kind, ErrorKind::Unavailable);
  EXPECT_THAT(failure.message, StartsWith(access_.server + ": cannot connect: "));
  EXPECT_THAT(failure.message, HasSubstr("Connection refused"));
}

TEST_F(CurlTransportTest, AnUnknownHostIsToldAsSuch) {
  access_.server = "https://no-such-host.invalid:6443";
  EXPECT_THAT(ask().failure().message, HasSubstr("cannot connect: Could not resolve host"));
}

TEST_F(CurlTransportTest, AnAnswerThatIsCutIsNotComplete) {
  const struct {
    const char* name;
    const char* sent;
  } cases[] = {
      {"with a length", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"},
      {"in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"},
  };
  for (const auto& one : cases) {
    serve([&](const TinyRequest&, TinyConnection& connection) {
      connection.send(one.sent);
      connection.cut();
    });
    transport_.reset();
    const Listener listener = ask();
    EXPECT_EQ(listener.body, "half") << one.name;
    EXPECT_EQ(listener.failure().kind, ErrorKind::Unavailable) << one.name;
    EXPECT_THAT(listener.failure().message, HasSubstr("the connection was lost")) << one.name;
  }
}

TEST_F(CurlTransportTest, AServerThatIsNoneIsUnavailable) {
  serve([](const TinyRequest&, TinyConnection& connection) {
    connection.send("SSH-2.0-OpenSSH\r\n\r\n");
    connection.cut();
  });
  EXPECT_EQ(ask().failure().kind, ErrorKind::Unavailable);
}

// ---- who lives how long ----------------------------------------------------------------------------------------

TEST_F(CurlTransportTest, AnExchangeMayBeDestroyedInEachOfItsCallbacks) {
  serve([](const TinyRequest&, TinyConnection& connection) { connection.answer(200, std::string(1'000'000, 'x')); });
  for (std::function<void()> Listener::*step : {&Listener::at_head, &Listener::at_body, &Listener::at_end}) {
    Listener listener;
    std::unique_ptr<HttpExchange> exchange = get(listener);
    int calls = 0;
    listener.*step = [&] {
      ++calls;
      exchange.reset();
    };
    EXPECT_TRUE(test::turn_until(loop_, [&] { return calls > 0; }));
    const std::size_t told = listener.heads.size() + listener.body.size() + listener.ends.size();
    EXPECT_TRUE(ask().succeeded()) << "others go on";
    EXPECT_EQ(listener.heads.size() + listener.body.size() + listener.ends.size(), told) << "no callback follows";
    EXPECT_EQ(calls, 1);
  }
}

TEST_F(CurlTransportTest, AnExchangeMayBeDestroyedBeforeItBegins) {
  serve(say_hello);
  Listener listener;
  get(listener).reset();
  EXPECT_TRUE(ask().succeeded());
  EXPECT_TRUE(listener.heads.empty() && listener.ends.empty());
  EXPECT_EQ(server_->requests().size(), 1u);
}

TEST_F(CurlTransportTest, ASinkMayAskAgainInItsCallbacks) {
  serve(say_hello);
  Listener second;
  std::unique_ptr<HttpExchange> second_exchange;
  Listener third;
  std::unique_ptr<HttpExchange> third_exchange;
  Listener first;
  first.at_body = [&] { second_exchange = get(second); };
  first.at_end = [&] { third_exchange = get(third); };
  const auto exchange = get(first);
  EXPECT_TRUE(test::turn_until(loop_, [&] { return second.ended() && third.ended(); }));
  EXPECT_TRUE(first.succeeded() && second.succeeded() && third.succeeded());
}

TEST_F(CurlTransportTest, ATransportMayDieBeforeItsExchanges) {
  serve([](const TinyRequest&, TinyConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    connection.stay_silent();
  });
  Listener running;
  auto running_exchange = get(running);
  ASSERT_TRUE(test::turn_until(loop_, [&] { return running.body == "half"; }));
  Listener waiting;
  auto waiting_exchange = get(waiting);
  transport_.reset();
  running_exchange.reset();
  waiting_exchange.reset();
  test::turn_until_idle(loop_);
  EXPECT_FALSE(running.ended() || waiting.ended());
}

TEST_F(CurlTransportTest, AnExceptionOfASinkEndsTheLoopAndCrossesNoCFrames) {
  serve(say_hello);
  Listener listener;
  listener.at_body = [] { throw std::runtime_error("out of ideas"); };
  const auto exchange = get(listener);
  EXPECT_EQ(loop_.run(), EXIT_FAILURE);
  EXPECT_EQ(loop_.failure(), "out of ideas");
}

}  // namespace
}  // namespace tierwall::daemon
