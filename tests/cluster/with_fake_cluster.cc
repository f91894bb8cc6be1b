// with_fake_cluster [--less-rights] PROGRAM [ARGUMENT...]: runs a program whose TIERWALL_TEST_KUBECONFIG leads to the
// fake API server, which lets it do everything, or write nothing and read not everything. So what is written for real
// clusters runs where there is none.

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "daemon/sources/kubernetes/base64.h"
#include "tests/fake_api/fake_api_server.h"
#include "tests/lab/child_process.h"

namespace tierwall::fake_api {
namespace {

constexpr const char* kToken = "a-token";

/// A little of everything that a cluster with Calico's resources has.
void fill(ObjectStore& store) {
  store.serve("/apis/crd.projectcalico.org/v1");
  store.put_manifest(
      "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n---\n"
      "{apiVersion: v1, kind: Node, metadata: {name: node-1}, spec: {podCIDRs: [10.1.0.0/24]}}\n---\n"
      "{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: shop}}\n---\n"
      "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}, spec: {nodeName: node-1, containers: []}, "
      "status: {phase: Running, podIPs: [{ip: 10.1.0.1}]}}\n---\n"
      "{apiVersion: crd.projectcalico.org/v1, kind: Tier, metadata: {name: security}, spec: {order: 100}}\n");
}

std::string kubeconfig(const FakeApiServer& server, const CertificateAuthority& authority) {
  return "apiVersion: v1\nkind: Config\ncurrent-context: fake\nclusters:\n- name: fake\n  cluster:\n    server: " +
         server.url() + "\n    certificate-authority-data: " + daemon::encode_base64(authority.certificate()) +
         "\nusers:\n- name: tester\n  user: {token: " + kToken +
         "}\ncontexts:\n- name: fake\n  context: {cluster: fake, user: tester}\n";
}

int run(const std::vector<std::string>& program, bool less_rights) {
  const CertificateAuthority authority;
  FakeApiServer server(FakeApiServer::listen_on("127.0.0.1"), {.server = authority.issue_server()});
  server.script().accept_token(kToken);
  server.script().behave({.read_only = less_rights});
  if (less_rights) server.script().forbid("/api/v1/services");
  fill(server.store());
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("tierwall-fake-cluster-" + std::to_string(server.port()));
  std::ofstream(file) << kubeconfig(server, authority);
  lab::ChildProcess child({.argv = program, .environment = {"TIERWALL_TEST_KUBECONFIG=" + file.string()}});
  const int status = child.wait(std::chrono::minutes(5)).value_or(EXIT_FAILURE);
  std::filesystem::remove(file);
  // The program's own figures cannot tell whether it wrote at all.
  if (!less_rights && server.script().count_requests("/api/v1/namespaces/tierwall-test-") == 0) return EXIT_FAILURE;
  return status;
}

}  // namespace
}  // namespace tierwall::fake_api

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  const bool less_rights = !words.empty() && words.front() == "--less-rights";
  if (less_rights) words.erase(words.begin());
  if (words.empty()) {
    std::fputs("usage: with_fake_cluster [--less-rights] PROGRAM [ARGUMENT...]\n", stderr);
    return 2;
  }
  return tierwall::fake_api::run(words, less_rights);
}
