// Certificates that are renewed under a daemon that follows an API server: nothing in force changes, and nobody has to
// restart or reload anything.

#include <algorithm>
#include <string>

#include "tests/lab/flows.h"
#include "tests/netns/cluster.h"

namespace tierwall::lab {
namespace {

using fake_api::CertifiedKey;
using fake_api::Cut;

constexpr const char* kPolicies = "/apis/networking.k8s.io/v1/networkpolicies";

TEST_F(ClusterTest, TheServersCertificateIsRenewed) {
  daemon.start();
  wait_in_sync();
  const UdpStream denied(lab.host("app/api"), lab.host("app/web"), 9999);
  const daemon::StatusReport before = daemon.status();
  const std::uint64_t connections = server.accepted_connections();
  server.replace_certificate(api.authority.issue_server());
  server.cut_connections(Cut::Reset);
  ASSERT_TRUE(server.script().wait_for(
      [&] { return server.accepted_connections() > connections && server.script().open_watches(kPolicies) == 1; }));
  expect_protected();
  EXPECT_EQ(daemon.status().transactions, before.transactions);
  EXPECT_EQ(denied.arrived(), 0U);

  server.store().remove("NetworkPolicy/app/only-far");
  wait_generation_after(before.applied->generation);
  expect({{probe("app/api", "app/web"), Outcome::Allowed}});
}

struct ClientCertificateTest : ClusterTest {
  ClientCertificateTest() : ClusterTest("client-certificate: client.crt, client-key: client.key") { install(first); }

  [[nodiscard]] CertifiedKey issue() const { return api.client_authority.issue_client("tierwall"); }
  /// The key first, as good tools do it: whoever reads in between has a pair that does not match.
  void install(const CertifiedKey& pair) const {
    daemon.write_beside_kubeconfig("client.key", pair.key);
    daemon.write_beside_kubeconfig("client.crt", pair.certificate);
  }
  [[nodiscard]] bool is_followed_with(const CertifiedKey& pair) {
    return server.script().wait_for([&] {
      const auto requests = server.script().requests();
      return server.script().open_watches(kPolicies) == 1 &&
             std::any_of(requests.rbegin(), requests.rend(), [&](const fake_api::SeenRequest& seen) {
               return seen.request.path == kPolicies && seen.status == 200 &&
                      seen.request.certificate.pem == pair.certificate;
             });
    });
  }

  CertifiedKey first = issue();
};

TEST_F(ClientCertificateTest, TheDaemonsCertificateIsReplacedAndTheOldOneRefused) {
  daemon.start();
  wait_in_sync();
  const UdpStream denied(lab.host("app/api"), lab.host("app/web"), 9999);
  const daemon::StatusReport before = daemon.status();

  // In good order: the new pair is there when the old one is refused.
  const CertifiedKey second = issue();
  install(second);
  server.script().revoke_certificate(first.certificate);
  server.script().end_watches();
  ASSERT_TRUE(is_followed_with(second));
  EXPECT_EQ(daemon.log().find("degraded"), std::string::npos) << daemon.log();

  // Too late: nothing is known of what happens meanwhile, and nothing changes.
  server.script().revoke_certificate(second.certificate);
  server.cut_connections(Cut::Reset);
  wait_degraded();
  expect_protected();
  const CertifiedKey third = issue();
  install(third);
  ASSERT_TRUE(is_followed_with(third));
  wait_in_sync();
  expect_protected();
  EXPECT_EQ(daemon.status().transactions, before.transactions);
  EXPECT_EQ(denied.arrived(), 0U);

  server.store().remove("NetworkPolicy/app/only-far");
  wait_generation_after(before.applied->generation);
  expect({{probe("app/api", "app/web"), Outcome::Allowed}});
}

}  // namespace
}  // namespace tierwall::lab
