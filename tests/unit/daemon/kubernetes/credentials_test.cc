#include "daemon/sources/kubernetes/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "tests/fakes/fake_clock.h"
#include "tests/unit/daemon/kubernetes/loop_runner.h"
#include "tests/unit/daemon/sources/scratch_directory.h"

namespace tierwall::daemon {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Credentials of one access, asked as a transport would.
class CredentialsTest : public testing::Test {
 protected:
  void use(ServerAccess access) {
    access.origin = "kubeconfig";
    access.server = "https://h";
    credentials_.emplace(loop_, clock_, std::move(access), [this](const auto& ready) { ready_ = ready; });
  }
  /// Waits for a plugin if one has to run.
  Result<RequestCredentials> ask() {
    ready_.reset();
    if (auto answer = credentials_->now()) return *answer;
    EXPECT_TRUE(test::turn_until(loop_, [this] { return ready_.has_value(); }));
    return ready_.value_or(Error{ErrorKind::Internal, "no answer", 0});
  }
  /// The header, or the error's text.
  std::string header() {
    const auto answer = ask();
    return answer ? answer->authorization.reveal() : answer.error().message;
  }
  /// In place of the former file, as a kubelet does it.
  void replace(const std::string& name, const std::string& text) {
    scratch_.write("next", text);
    std::filesystem::rename(scratch_.path() / "next", scratch_.path() / name);
  }
  /// A plugin whose tokens are numbered: "run-1", "run-2".
  ExecPlugin counting_plugin(const std::string& more_status = "") {
    scratch_.write("plugin",
                   "#!/bin/sh\ncd $(dirname $0); echo x >> runs; test -e broken && echo 'no session' >&2 && exit 1\n"
                   "echo \"{\\\"apiVersion\\\":\\\"client.authentication.k8s.io/v1\\\",\\\"kind\\\":"
                   "\\\"ExecCredential\\\",\\\"status\\\":{\\\"token\\\":\\\"run-$(wc -l < runs)\\\"" +
                       more_status + "}}\"\n");
    std::filesystem::permissions(scratch_.path() / "plugin", std::filesystem::perms::owner_all);
    return {.command = scratch_.file("plugin"), .api_version = "client.authentication.k8s.io/v1"};
  }

  systemd::EventLoop loop_;
  test::FakeClock clock_;
  ScratchDirectory scratch_;
  std::optional<Result<RequestCredentials>> ready_;
  std::optional<Credentials> credentials_;
};

TEST_F(CredentialsTest, WhatStandsInTheFileIsUsedAsItIs) {
  use({.token = Secret("abc")});
  EXPECT_EQ(header(), "Bearer abc");
  use({.username = "me", .password = Secret("pw")});
  EXPECT_EQ(header(), "Basic bWU6cHc=");
  use({.client_certificate_data = "C", .client_key_data = Secret("K")});
  EXPECT_EQ(*ask(), (RequestCredentials{.client_certificate = "C", .client_key = Secret("K")}));
  use({});
  EXPECT_EQ(*ask(), RequestCredentials{});
}

TEST_F(CredentialsTest, AFixedTokenThatIsRefusedStaysRefused) {
  use({.token = Secret("abc")});
  EXPECT_FALSE(credentials_->refused(*ask()));
}

TEST_F(CredentialsTest, ATokenFileIsReadAgainAfterAMinute) {
  replace("token", "first\n");
  use({.token_file = scratch_.file("token")});
  EXPECT_EQ(header(), "Bearer first");
  replace("token", "second\n");
  clock_.advance(59s);
  EXPECT_EQ(header(), "Bearer first");
  clock_.advance(1s);
  EXPECT_EQ(header(), "Bearer second");
}

TEST_F(CredentialsTest, ARefusedTokenFileIsReadAgainAtOnce) {
  replace("token", "first");
  use({.token_file = scratch_.file("token")});
  const auto used = ask();
  EXPECT_FALSE(credentials_->refused(*used)) << "the file is still the same";
  replace("token", "second");
  EXPECT_TRUE(credentials_->refused(*used));
  EXPECT_EQ(header(), "Bearer second");
  EXPECT_TRUE(credentials_->refused(*used)) << "somebody else noticed first";
}

TEST_F(CredentialsTest, ATokenFileThatWentAwayKeepsItsTokenAndIsRemarked) {
  replace("token", "first");
  use({.token_file = scratch_.file("token")});
  EXPECT_EQ(header(), "Bearer first");
  EXPECT_THAT(credentials_->problems(), IsEmpty());
  std::filesystem::remove(scratch_.path() / "token");
  clock_.advance(60s);
  EXPECT_EQ(header(), "Bearer first");
  EXPECT_THAT(credentials_->problems(), ElementsAre(scratch_.file("token") + ": No such file or directory; the former "
                                                                             "content is still used"));
  replace("token", " \n");  // somebody is writing it
  clock_.advance(60s);
  EXPECT_EQ(header(), "Bearer first");
  EXPECT_THAT(credentials_->problems(), ElementsAre(HasSubstr("is empty")));
  replace("token", "second");
  clock_.advance(60s);
  EXPECT_EQ(header(), "Bearer second");
  EXPECT_THAT(credentials_->problems(), IsEmpty());
}

TEST_F(CredentialsTest, ATokenFileThatNeverWasIsLookedForEveryTime) {
  use({.token_file = scratch_.file("token")});
  const auto answer = ask();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error(),
            (Error{ErrorKind::Denied, "kubeconfig: " + scratch_.file("token") + ": No such file or directory", 0}));
  replace("token", "first");
  EXPECT_EQ(header(), "Bearer first");
}

TEST_F(CredentialsTest, ATokenOfTwoLinesIsNoHeader) {
  replace("token", "first\r\nHost: elsewhere");
  use({.token_file = scratch_.file("token")});
  EXPECT_THAT(header(), HasSubstr("holds more than one line"));
}

TEST_F(CredentialsTest, ClientCertificateFilesAreReadAgainWhenTheyChanged) {
  replace("pair.pem", "one");
  use({.client_certificate_file = scratch_.file("pair.pem"), .client_key_file = scratch_.file("pair.pem")});
  EXPECT_EQ(*ask(), (RequestCredentials{.client_certificate = "one\n", .client_key = Secret("one\n")}));
  replace("pair.pem", "two");
  EXPECT_EQ(ask()->client_certificate, "one\n");
  clock_.advance(60s);
  EXPECT_EQ(*ask(), (RequestCredentials{.client_certificate = "two\n", .client_key = Secret("two\n")}));
}

TEST_F(CredentialsTest, APluginRunsOnceUntilItsTokenIsRefused) {
  use({.exec = counting_plugin()});
  EXPECT_EQ(header(), "Bearer run-1");
  clock_.advance(24h);
  const auto used = ask();
  EXPECT_EQ(used->authorization, Secret("Bearer run-1"));
  EXPECT_TRUE(credentials_->refused(*used));
  EXPECT_EQ(header(), "Bearer run-2");
  EXPECT_TRUE(credentials_->refused(*used)) << "a latecomer with the old token";
  EXPECT_EQ(header(), "Bearer run-2") << "costs no further run";
}

TEST_F(CredentialsTest, APluginRunsAgainShortlyBeforeItsTokenExpires) {
  // The clock starts at 1,700,001,000 s, which is 2023-11-14T22:30:00Z.
  use({.exec = counting_plugin(R"(,\"expirationTimestamp\":\"2023-11-14T22:31:00Z\")")});
  EXPECT_EQ(header(), "Bearer run-1");
  clock_.advance(49s);
  EXPECT_EQ(header(), "Bearer run-1");
  clock_.advance(1s);
  EXPECT_EQ(header(), "Bearer run-2");
}

TEST_F(CredentialsTest, AFailedPluginIsLeftAloneForAWhile) {
  use({.exec = counting_plugin()});
  replace("broken", "");
  EXPECT_THAT(header(), HasSubstr("exit code 1: no session"));
  std::filesystem::remove(scratch_.path() / "broken");
  clock_.advance(9s);
  EXPECT_THAT(header(), HasSubstr("exit code 1: no session"));
  EXPECT_THAT(credentials_->problems(), ElementsAre(HasSubstr("no session")));
  clock_.advance(1s);
  EXPECT_EQ(header(), "Bearer run-2");
  EXPECT_THAT(credentials_->problems(), IsEmpty());
}

}  // namespace
}  // namespace tierwall::daemon
