// tierwall kubeconfig: what it writes reaches an API server over TLS, and what it cannot use changes nothing.

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <grp.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/ctl/command_line.h"
#include "daemon/sources/kubernetes/cluster_connection.h"
#include "daemon/sources/kubernetes/kubeconfig.h"
#include "tests/fake_api/fake_api_server.h"
#include "tests/unit/daemon/kubernetes/loop_runner.h"
#include "tests/unit/daemon/sources/scratch_directory.h"

namespace tierwall::daemon::ctl {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kToken = "a-secret-token";

struct Outcome {
  int exit = -1;
  std::string out;
  std::string err;
};

class KubeconfigCommand : public ::testing::Test {
 protected:
  KubeconfigCommand() {
    server.script().accept_token(kToken);
    server.store().put_manifest("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}");
    const auto client = client_ca.issue_client("tierwall:node-1", {"tierwall:nodes"});
    folder.write("ca.crt", ca.certificate());
    folder.write("token", std::string(kToken) + "\n");
    folder.write("node.crt", client.certificate);
    folder.write("node.key", client.key);
    folder.write("empty", "\n");
    folder.write("two-words", std::string(kToken) + " " + kToken);
  }

  Outcome write(std::vector<std::string> args) {
    args.insert(args.begin(), {"kubeconfig", "--write", path});
    if (std::ranges::find(args, "--group") == args.end()) args.insert(args.end(), {"--group", own_group()});
    std::istringstream in;
    std::ostringstream out, err;
    const int exit = run(std::move(args), in, out, err, {"node-1", false, false});
    return {exit, out.str(), err.str()};
  }
  static std::string own_group() {
    const group* entry = getgrgid(getegid());
    return entry == nullptr ? "" : entry->gr_name;
  }
  [[nodiscard]] std::string content() const {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  /// Every collection of a node is listed, and followed.
  bool follows_the_cluster() const {
    systemd::EventLoop loop;
    SystemClock clock;
    ClusterConnection connection(
        loop, clock,
        {.node = "node-1",
         .user_agent = "tierwall-test",
         .read_access = [this] { return read_kubeconfig(path); },
         .first_request_spread = {}},
        [](const std::vector<policy::ResourceEvent>&) {}, [] {});
    connection.need({.service_accounts = true, .services = true, .nodes = true, .pods = Needs::Pods::All});
    connection.start();
    return test::turn_until(loop, [&] { return connection.in_sync(); }) &&
           connection.knows({policy::Kind::Namespace, "", "shop"});
  }

  fake_api::CertificateAuthority ca;
  fake_api::CertificateAuthority client_ca{"Client CA"};
  fake_api::FakeApiServer server{fake_api::FakeApiServer::listen_on("127.0.0.1"),
                                 {.server = ca.issue_server(), .client_ca = client_ca.certificate()}};
  ScratchDirectory folder;
  std::string path = folder.file("kubeconfig");
};

TEST_F(KubeconfigCommand, ATokenReachesTheServer) {
  const Outcome outcome =
      write({"--server", server.url(), "--ca", folder.file("ca.crt"), "--token", folder.file("token")});
  EXPECT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(outcome.out, path + ": reaches " + server.url() + " with a token, readable by group " + own_group() + "\n");
  EXPECT_TRUE(follows_the_cluster());
}

TEST_F(KubeconfigCommand, ACertificateReachesTheServer) {
  const Outcome outcome = write({"--server", server.url(), "--ca", folder.file("ca.crt"), "--certificate",
                                 folder.file("node.crt"), "--key", folder.file("node.key"), "-o", "json"});
  EXPECT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr(R"("login": "certificate")"));
  EXPECT_TRUE(follows_the_cluster());
}

TEST_F(KubeconfigCommand, OnlyTheOwnerWritesAndOnlyTheGroupReads) {
  std::ofstream(path) << "former";
  ASSERT_EQ(chmod(path.c_str(), 0666), 0);
  ASSERT_EQ(write({"--server", server.url(), "--ca", folder.file("ca.crt"), "--token", folder.file("token")}).exit, 0);
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640U);
  EXPECT_EQ(status.st_gid, getegid());
}

TEST_F(KubeconfigCommand, ALinkIsReplacedAndItsTargetLeftAlone) {
  folder.write("target", "precious");
  ASSERT_EQ(symlink(folder.file("target").c_str(), path.c_str()), 0);
  ASSERT_EQ(write({"--server", server.url(), "--ca", folder.file("ca.crt"), "--token", folder.file("token")}).exit, 0);
  std::ifstream target(folder.file("target"));
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(target), {}), "precious");
  EXPECT_THAT(content(), HasSubstr("kind: Config"));
}

TEST_F(KubeconfigCommand, WhatCannotBeUsedChangesNothingAndTellsNoSecret) {
  const std::string ca_file = folder.file("ca.crt"), token = folder.file("token"), url = server.url();
  const std::string certificate = folder.file("node.crt"), key = folder.file("node.key");
  struct Row {
    std::vector<std::string> args;
    const char* message;
  };
  const Row rows[] = {
      {{}, "say --server URL"},
      {{"--server", url, "--ca", ca_file}, "either --token FILE or"},
      {{"--server", url, "--ca", ca_file, "--token", token, "--key", key}, "either --token FILE or"},
      {{"--server", url, "--ca", ca_file, "--certificate", certificate}, "either --token FILE or"},
      {{"--server", "http://127.0.0.1", "--ca", ca_file, "--token", token}, "must begin with https://"},
      {{"--server", "https://", "--ca", ca_file, "--token", token}, "server"},
      {{"--server", url, "--ca", "/nonexistent", "--token", token}, "/nonexistent"},
      {{"--server", url, "--ca", token, "--token", token}, "no PEM text of a certificate"},
      {{"--server", url, "--ca", ca_file, "--token", folder.file("empty")}, "is empty"},
      {{"--server", url, "--ca", ca_file, "--token", folder.file("two-words")}, "more than one word"},
      {{"--server", url, "--ca", ca_file, "--certificate", key, "--key", key}, "no PEM text of a certificate"},
      {{"--server", url, "--ca", ca_file, "--certificate", certificate, "--key", certificate},
       "no PEM text of a private key"},
      {{"--server", url, "--ca", ca_file, "--token", token, "--group", "no-such-group"}, "no group 'no-such-group'"},
  };
  folder.write("kubeconfig", "former");
  for (const Row& row : rows) {
    const Outcome outcome = write(row.args);
    EXPECT_EQ(outcome.exit, 2) << ::testing::PrintToString(row.args);
    EXPECT_THAT(outcome.err, HasSubstr(row.message));
    EXPECT_THAT(outcome.err, Not(HasSubstr(kToken)));
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
    EXPECT_THAT(outcome.out, IsEmpty());
    EXPECT_EQ(content(), "former");
  }
}

TEST_F(KubeconfigCommand, AFolderThatIsNotThereIsRefused) {
  path = folder.file("missing/kubeconfig");
  const Outcome outcome =
      write({"--server", server.url(), "--ca", folder.file("ca.crt"), "--token", folder.file("token")});
  EXPECT_EQ(outcome.exit, 1);
  EXPECT_THAT(outcome.err, HasSubstr(path));
}

}  // namespace
}  // namespace tierwall::daemon::ctl
