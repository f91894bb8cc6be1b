#include "tests/netns/cluster.h"

namespace tierwall::lab {
namespace {

LabPlan make_plan() {
  return {
      .pods = {make_machine("app/web", {"10.1.0.1", "fd00:1::1"}), make_machine("app/api", {"10.1.0.2", "fd00:1::2"}),
               make_machine("app/late", {"10.1.0.9", "fd00:1::9"})},
      .remote_pods = {make_machine("app/far", {"10.2.0.1", "fd00:2::1"})}};
}

}  // namespace

const char* const kOnlyFar =
    "podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: far}}}]}]";

std::string pod_manifest(const std::string& name, const std::string& node, const std::vector<std::string>& addresses) {
  std::string text = "apiVersion: v1\nkind: Pod\nmetadata: {name: " + name + ", namespace: app, labels: {app: " + name +
                     "}}\nspec: {nodeName: " + node + ", containers: [{name: c, image: none}]}\nstatus: {phase: ";
  text += addresses.empty() ? "Pending" : "Running, podIPs: [";
  for (const std::string& address : addresses) text += "{ip: '" + address + "'}, ";
  return text + (addresses.empty() ? "}\n" : "]}\n");
}

std::string policy_manifest(const std::string& name, const std::string& spec) {
  return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: " + name +
         ", namespace: app}\nspec: {" + spec + "}\n";
}

ClusterTest::ClusterTest(const std::string& user)
    : lab(make_plan()),
      api(lab.node()),
      daemon(lab.node(), {.tierwalld = TIERWALL_DAEMON_PATH, .tierwall = TIERWALL_CLI_PATH},
             {.kubeconfig = api.kubeconfig(user)}) {
  server.script().accept_token(kToken);
  server.store().put_manifest(
      "{apiVersion: v1, kind: Namespace, metadata: {name: app, labels: {kubernetes.io/metadata.name: app}}}");
  server.store().put_manifest(
      "{apiVersion: v1, kind: Node, metadata: {name: node-1}, spec: {podCIDRs: [10.1.0.0/24, 'fd00:1::/64']}, "
      "status: {addresses: [{type: InternalIP, address: 192.0.2.1}]}}");
  server.store().put_manifest(pod_manifest("web", "node-1", {"10.1.0.1", "fd00:1::1"}));
  server.store().put_manifest(pod_manifest("api", "node-1", {"10.1.0.2", "fd00:1::2"}));
  server.store().put_manifest(pod_manifest("far", "node-2", {"10.2.0.1", "fd00:2::1"}));
  server.store().put_manifest(policy_manifest("only-far", kOnlyFar));
}

Probe ClusterTest::probe(const std::string& from, const std::string& to, policy::Family family) const {
  return {&lab.host(from), &lab.host(to), policy::kTcp, 80, family, true};
}

void ClusterTest::expect(const std::vector<std::pair<Probe, Outcome>>& expectations) const {
  std::vector<Probe> probes;
  std::vector<Outcome> expected;
  for (const auto& [one, outcome] : expectations) {
    probes.push_back(one);
    expected.push_back(outcome);
  }
  const std::vector<Outcome> seen = run_expecting(probes, expected);
  for (std::size_t i = 0; i < probes.size(); ++i) {
    EXPECT_EQ(seen[i], expected[i]) << describe(probes[i]) << ": " << print_outcome(seen[i]);
  }
}

void ClusterTest::expect_protected() const {
  expect({{probe("app/api", "app/web"), Outcome::Dropped},
          {probe("app/api", "app/web", policy::Family::V6), Outcome::Dropped},
          {probe("app/far", "app/web"), Outcome::Allowed},
          {probe("app/far", "app/web", policy::Family::V6), Outcome::Allowed},
          {probe("app/web", "app/api"), Outcome::Allowed}});
}

void ClusterTest::wait_in_sync() const {
  daemon.wait_until([](const daemon::StatusReport& report) { return report.state == daemon::State::InSync; });
}

void ClusterTest::wait_without_policy() const {
  daemon.wait_until([](const daemon::StatusReport& report) {
    return report.state == daemon::State::InSync && report.applied && report.applied->policies == 0;
  });
}

void ClusterTest::wait_degraded() const {
  daemon.wait_until([](const daemon::StatusReport& report) { return report.state == daemon::State::Degraded; });
}

void ClusterTest::wait_generation_after(std::uint64_t before) const {
  daemon.wait_until(
      [before](const daemon::StatusReport& report) { return report.applied && report.applied->generation > before; });
}

}  // namespace tierwall::lab
