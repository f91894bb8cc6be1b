#include "daemon/sources/kubernetes/kubeconfig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <type_traits>

#include <fmt/format.h>

#include "tests/unit/daemon/sources/scratch_directory.h"

namespace tierwall::daemon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kPath = "/etc/tierwall/kubeconfig";
/// "-----BEGIN CERTIFICATE-----\n" and "-----BEGIN EC PRIVATE KEY-----\n"
constexpr const char* kCertificate = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==";
constexpr const char* kKey = "LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWS0tLS0tCg==";

/// A file with one cluster, one user and one context; the two parts are flow maps.
std::string file_with(const std::string& cluster, const std::string& user) {
  return fmt::format(
      "apiVersion: v1\n"
      "kind: Config\n"
      "current-context: here\n"
      "contexts: [{{name: here, context: {{cluster: c, user: u, namespace: ignored}}}}]\n"
      "clusters: [{{name: c, cluster: {}}}]\n"
      "users: [{{name: u, user: {}}}]\n",
      cluster, user);
}

const std::string kServer = "{server: 'https://10.0.0.1:6443'}";
const std::string kToken = "{token: abc}";

ServerAccess read(const std::string& text, std::string_view context = {}) {
  auto access = parse_kubeconfig(text, kPath, context);
  EXPECT_TRUE(access) << access.error().message;
  return access ? *std::move(access) : ServerAccess{};
}

Error refusal(const std::string& text, std::string_view context = {}) {
  const auto access = parse_kubeconfig(text, kPath, context);
  EXPECT_FALSE(access) << text;
  return access ? Error{} : access.error();
}

TEST(Kubeconfig, AServiceAccountsFileNeedsFiveFields) {
  const ServerAccess access = read(file_with("{server: 'https://10.0.0.1:6443/', certificate-authority: ca.crt}",
                                             "{tokenFile: /run/tierwall/token}"));
  EXPECT_EQ(access, (ServerAccess{.origin = kPath,
                                  .context = "here",
                                  .server = "https://10.0.0.1:6443",
                                  .ca_file = "/etc/tierwall/ca.crt",
                                  .token_file = "/run/tierwall/token"}));
}

TEST(Kubeconfig, EveryFieldOfTheClusterIsRead) {
  const ServerAccess access = read(file_with(
      fmt::format("{{server: 'https://lb:443/k8s/c-1', tls-server-name: api.internal, certificate-authority: x.crt, "
                  "certificate-authority-data: {}, proxy-url: 'http://me:pw@proxy:3128', disable-compression: true, "
                  "a-field-of-the-future: 1}}",
                  kCertificate),
      kToken));
  EXPECT_EQ(access.server, "https://lb:443/k8s/c-1");
  EXPECT_EQ(access.tls_server_name, "api.internal");
  EXPECT_EQ(access.ca_data, "-----BEGIN CERTIFICATE-----\n");
  EXPECT_EQ(access.ca_file, "") << "data wins";
  EXPECT_EQ(access.proxy_url.reveal(), "http://me:pw@proxy:3128");
  EXPECT_TRUE(access.disable_compression);
  EXPECT_THAT(access.remarks, IsEmpty());
}

TEST(Kubeconfig, EveryFieldOfTheUserIsRead) {
  const ServerAccess access =
      read(file_with(kServer, fmt::format("{{client-certificate: c.pem, client-certificate-data: {}, "
                                          "client-key: ../k.pem, as: jane, as-uid: '42', as-groups: [a, b], "
                                          "as-user-extra: {{scopes: [view, watch]}}, username: me, password: pw}}",
                                          kCertificate)));
  EXPECT_EQ(access.client_certificate_file, "") << "data wins";
  EXPECT_EQ(access.client_certificate_data, "-----BEGIN CERTIFICATE-----\n");
  EXPECT_EQ(access.client_key_file, "/etc/k.pem");
  EXPECT_EQ(access.username, "me");
  EXPECT_EQ(access.password.reveal(), "pw");
  EXPECT_EQ(
      access.impersonation,
      (Impersonation{.user = "jane", .uid = "42", .groups = {"a", "b"}, .extra = {{"scopes", {"view", "watch"}}}}));
}

TEST(Kubeconfig, ATokenFileWinsOverAToken) {
  const ServerAccess access = read(file_with(kServer, "{token: abc, tokenFile: token}"));
  EXPECT_TRUE(access.token.empty());
  EXPECT_EQ(access.token_file, "/etc/tierwall/token");
}

TEST(Kubeconfig, JsonIsReadAsWell) {
  const ServerAccess access = read(
      R"({"kind":"Config","current-context":"x","contexts":[{"name":"x","context":{"cluster":"c","user":"u"}}],)"
      R"("clusters":[{"name":"c","cluster":{"server":"https://[fd00::1]"}}],"users":[{"name":"u","user":{"token":"t"}}]})");
  EXPECT_EQ(access.server, "https://[fd00::1]");
  EXPECT_EQ(access.token.reveal(), "t");
}

TEST(Kubeconfig, AnotherContextMayBeNamedAndOtherEntriesDoNotMatter) {
  const std::string text =
      "current-context: broken\n"
      "contexts:\n"
      "- {name: broken, context: {cluster: nowhere, user: nobody}}\n"
      "- {name: good, context: {cluster: c, user: u}}\n"
      "clusters: [{name: worse, cluster: {server: 1}}, {name: c, cluster: {server: 'https://h'}}]\n"
      "users: [{name: old, user: {auth-provider: {name: gcp}}}, {name: u, user: {token: t}}]\n";
  EXPECT_EQ(read(text, "good").context, "good");
  EXPECT_THAT(refusal(text).message, HasSubstr("clusters: there is no entry with the name \"nowhere\""));
}

TEST(Kubeconfig, AnExecPluginIsReadWithItsClustersExtension) {
  const std::string cluster =
      "{server: 'https://h', extensions: [{name: other, extension: 1}, {name: client.authentication.k8s.io/exec, "
      "extension: {audience: x, deep: [1, true, null]}}]}";
  const std::string user =
      "{exec: {apiVersion: client.authentication.k8s.io/v1, command: bin/login, args: [--region, eu], env: [{name: A, "
      "value: b}], installHint: get it, provideClusterInfo: true, interactiveMode: IfAvailable}}";
  EXPECT_EQ(read(file_with(cluster, user)).exec,
            (ExecPlugin{.command = "/etc/tierwall/bin/login",
                        .arguments = {"--region", "eu"},
                        .environment = {{.name = "A", .value = Secret("b")}},
                        .api_version = "client.authentication.k8s.io/v1",
                        .install_hint = "get it",
                        .provide_cluster_info = true,
                        .cluster_config = R"({"audience":"x","deep":[1,true,null]})"}));
}

TEST(Kubeconfig, ABareCommandIsLeftToPath) {
  const ServerAccess access = read(
      file_with(kServer, "{exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: aws-iam-authenticator}}"));
  EXPECT_EQ(access.exec->command, "aws-iam-authenticator");
}

TEST(Kubeconfig, WhatAnOperatorShouldKnowIsRemarked) {
  const struct {
    std::string cluster;
    std::string user;
    std::string remark;
  } cases[] = {
      {"{server: 'https://h', insecure-skip-tls-verify: true}", kToken,
       "TLS verification is off (clusters[0].cluster.insecure-skip-tls-verify)"},
      {"{server: 'http://h'}", kToken, "traffic is not encrypted (clusters[0].cluster.server)"},
      {kServer, "{}", "users[0].user has no credentials: requests are anonymous"},
      {kServer, "", "users[0].user has no credentials: requests are anonymous"},
      {kServer, "{token: t, exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: x}}",
       "users[0].user.exec is not used, because a token is given"},
  };
  for (const auto& one : cases)
    EXPECT_THAT(read(file_with(one.cluster, one.user)).remarks, ElementsAre(one.remark)) << one.cluster << one.user;
}

TEST(Kubeconfig, EveryErrorNamesFileLineAndField) {
  const std::string v1 = "apiVersion: client.authentication.k8s.io/v1";
  const struct {
    std::string cluster;
    std::string user;
    std::string message;  ///< behind the path
  } cases[] = {
      {"{}", kToken, ":5: clusters[0].cluster.server: required"},
      {"{server: '10.0.0.1:6443'}", kToken, ":5: clusters[0].cluster.server: is not an address like https://"},
      {"{server: 'ftp://h'}", kToken, ":5: clusters[0].cluster.server: must begin with https://"},
      {"{server: 'https://a:b@h'}", kToken, ":5: clusters[0].cluster.server: must not hold a user name or password"},
      {"{server: 'https://h/?a=b'}", kToken, ":5: clusters[0].cluster.server: must not hold a query or a fragment"},
      {"{server: 'https://h', insecure-skip-tls-verify: true, certificate-authority: x}", kToken,
       ":5: clusters[0].cluster.insecure-skip-tls-verify: conflicts with certificate-authority"},
      {"{server: 'https://h', insecure-skip-tls-verify: maybe}", kToken,
       ":5: clusters[0].cluster.insecure-skip-tls-verify: must be true or false"},
      {"{server: 'https://h', certificate-authority-data: '!'}", kToken,
       ":5: clusters[0].cluster.certificate-authority-data: is not base64"},
      {"{server: 'https://h', certificate-authority-data: Zm9v}", kToken,
       ":5: clusters[0].cluster.certificate-authority-data: is base64, but not of PEM text"},
      {"{server: 'https://h', proxy-url: 'ftp://p'}", kToken,
       ":5: clusters[0].cluster.proxy-url: must begin with http://"},
      {kServer, "{token: 123456}", ":6: users[0].user.token: must be text; write it in quotes"},
      {kServer, "{token: \"a\\nb\"}", ":6: users[0].user.token: holds a line break"},
      {kServer, "{token: a, username: b}", ":6: users[0].user: token and username are two ways to log in"},
      {kServer, "{as-groups: [a]}", ":6: users[0].user.as: required"},
      {kServer, "{as: \"a\\r\\nb\"}", ":6: users[0].user.as: holds a line break"},
      {kServer, "{as: a, as-groups: [a, \"b\\nc\"]}", ":6: users[0].user.as-groups[1]: holds a line break"},
      {kServer, "{client-certificate: a}", ":6: users[0].user.client-key: required"},
      {kServer, fmt::format("{{client-key-data: {}}}", kKey), ":6: users[0].user.client-certificate: required"},
      {kServer, "{auth-provider: {name: gcp}}", ":6: users[0].user.auth-provider: Kubernetes removed these"},
      {kServer, "{token: a, token: b}", ":6: users[0].user.token: this key stands twice"},
      {kServer, "{exec: {" + v1 + ", interactiveMode: Never}}", ":6: users[0].user.exec.command: required"},
      {kServer, "{exec: {command: x}}", ":6: users[0].user.exec.apiVersion: required"},
      {kServer, "{exec: {" + v1 + ", command: x}}", ":6: users[0].user.exec.interactiveMode: required"},
      {kServer, "{exec: {" + v1 + ", command: x, interactiveMode: Always}}",
       ":6: users[0].user.exec.interactiveMode: a plugin that always asks a person"},
      {kServer, "{exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: x}}",
       ":6: users[0].user.exec.apiVersion: must be client.authentication.k8s.io/v1,"},
      {kServer, "{exec: {" + v1 + ", command: x, interactiveMode: Never, env: [{value: y}]}}",
       ":6: users[0].user.exec.env[0].name: required"},
      {kServer, "[]", ":6: users[0].user: must be an object, but is a list"},
  };
  for (const auto& one : cases)
    EXPECT_THAT(refusal(file_with(one.cluster, one.user)).message, testing::StartsWith(kPath + one.message));
}

TEST(Kubeconfig, AFileThatIsNoneIsRefused) {
  const struct {
    const char* text;
    const char* message;
  } cases[] = {
      {"", "kubeconfig: is empty"},
      {"just words", "must be an object"},
      {"{kind: Pod}", "kind: must be Config"},
      {"{kind: Config}\n---\n{kind: Config}", "holds more than one document"},
      {"{kind: Config}", "current-context: required"},
      {"{current-context: a}", "contexts: required; there is no entry with the name \"a\""},
      {"{current-context: a, contexts: [{name: a}]}", "contexts[0].context: required"},
      {"{current-context: a, contexts: [{name: a, context: {user: u}}]}", "contexts[0].context.cluster: required"},
      {"{current-context: a, contexts: [{name: a, context: {}}, {name: a, context: {}}]}", "\"a\" stands twice"},
      {"a: [", "malformed document"},
  };
  for (const auto& one : cases) {
    EXPECT_THAT(refusal(one.text).message, HasSubstr(one.message)) << one.text;
    EXPECT_EQ(refusal(one.text).kind, ErrorKind::Malformed) << one.text;
  }
}

TEST(Kubeconfig, SecretsAreInNoMessage) {
  for (const char* user : {"{token: 314159}", "{token: \"314159\\n\"}", "{password: 314159, username: a, token: b}",
                           "{client-key-data: 314159, client-certificate: a}"})
    EXPECT_THAT(refusal(file_with(kServer, user)).message, Not(HasSubstr("314159")));
  EXPECT_THAT(refusal(file_with("{server: 'https://h', proxy-url: 'ftp://me:314159@p'}", kToken)).message,
              Not(HasSubstr("314159")));
}

template <typename T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};

TEST(Kubeconfig, SecretsHaveNoPrinter) {
  static_assert(!Printable<Secret>);
  static_assert(!std::is_convertible_v<Secret, std::string>);
  static_assert(!fmt::is_formattable<Secret>::value);
}

TEST(Kubeconfig, TheKubeletsOwnCredentialsAreRefusedBecauseTheyCannotListPolicies) {
  const std::string path = "/var/lib/kubelet/pki/kubelet-client-current.pem";
  const Error by_file =
      refusal(file_with(kServer, fmt::format("{{client-certificate: {}, client-key: {}}}", path, path)));
  EXPECT_EQ(by_file.kind, ErrorKind::Denied);
  EXPECT_THAT(by_file.message, HasSubstr("users[0].user.client-certificate: is the kubelet's own; the API server's "
                                         "node authorizer shows a kubelet no namespaces and no policies"));

  const std::string by_name =
      "current-context: a\n"
      "contexts: [{name: a, context: {cluster: c, user: 'system:node:node-1'}}]\n"
      "clusters: [{name: c, cluster: {server: 'https://h'}}]\n"
      "users: [{name: 'system:node:node-1', user: {token: t}}]\n";
  EXPECT_THAT(refusal(by_name).message, HasSubstr("users[0]: is a kubelet's own user"));

  for (const char* file : {"/etc/kubernetes/kubelet.conf", "/var/lib/kubelet/kubeconfig"}) {
    const auto access = parse_kubeconfig(file_with(kServer, kToken), file);
    ASSERT_FALSE(access) << file;
    EXPECT_EQ(access.error().kind, ErrorKind::Denied);
  }
}

TEST(Kubeconfig, AnAuthProviderIsUnsupported) {
  EXPECT_EQ(refusal(file_with(kServer, "{auth-provider: {name: oidc}}")).kind, ErrorKind::Unsupported);
}

TEST(Kubeconfig, AFileIsReadFromDisk) {
  const ScratchDirectory scratch;
  scratch.write("kubeconfig", file_with(kServer, "{tokenFile: token}"));
  const auto access = read_kubeconfig(scratch.file("kubeconfig"));
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_EQ(access->token_file, scratch.file("token"));

  const auto missing = read_kubeconfig(scratch.file("other"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::NotFound);
  EXPECT_THAT(missing.error().message, HasSubstr(scratch.file("other")));
}

/// The environment and the mounted files of a pod.
class InClusterTest : public testing::Test {
 protected:
  InClusterTest() {
    std::filesystem::create_directories(scratch_.path() / "var/run/secrets/kubernetes.io/serviceaccount");
  }
  void mount(const std::string& name) {
    scratch_.write("var/run/secrets/kubernetes.io/serviceaccount/" + name, "content");
  }
  Result<ServerAccess> read() {
    const auto lookup = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = environment_.find(name);
      return found == environment_.end() ? std::nullopt : std::optional(found->second);
    };
    return in_cluster_access(lookup, scratch_.path().string());
  }

  ScratchDirectory scratch_;
  std::map<std::string, std::string> environment_ = {{"KUBERNETES_SERVICE_HOST", "fd00::1"},
                                                     {"KUBERNETES_SERVICE_PORT", "443"}};
};

TEST_F(InClusterTest, TheServiceAccountIsEnough) {
  mount("token");
  mount("ca.crt");
  const auto access = read();
  ASSERT_TRUE(access) << access.error().message;
  const std::string folder = scratch_.path().string() + "/var/run/secrets/kubernetes.io/serviceaccount/";
  EXPECT_EQ(*access, (ServerAccess{.origin = "in-cluster",
                                   .server = "https://[fd00::1]:443",
                                   .ca_file = folder + "ca.crt",
                                   .token_file = folder + "token"}));
}

TEST_F(InClusterTest, WithoutItsCaTheSystemsRootsAreTrustedWithARemark) {
  mount("token");
  const auto access = read();
  ASSERT_TRUE(access);
  EXPECT_EQ(access->ca_file, "");
  EXPECT_THAT(access->remarks, ElementsAre(HasSubstr("the system's roots are trusted")));
}

TEST_F(InClusterTest, OutsideAPodThereIsNone) {
  const auto no_token = read();
  ASSERT_FALSE(no_token);
  EXPECT_EQ(no_token.error().kind, ErrorKind::NotFound);
  mount("token");
  environment_.erase("KUBERNETES_SERVICE_PORT");
  const auto no_variable = read();
  ASSERT_FALSE(no_variable);
  EXPECT_EQ(no_variable.error().kind, ErrorKind::NotFound);
}

}  // namespace
}  // namespace tierwall::daemon
