#include "tests/netns/firewall.h"

#include <utility>

namespace tierwall::lab {
namespace {

struct PodText {
  const char* name;
  const char* node;
  const char* v4;
  const char* v6;
};

constexpr PodText kPods[] = {{"web", "node-1", "10.1.0.1", "fd00:1::1"},
                             {"api", "node-1", "10.1.0.2", "fd00:1::2"},
                             {"db", "node-1", "10.1.0.3", "fd00:1::3"},
                             {"far", "node-2", "10.2.0.1", "fd00:2::1"}};

LabPlan make_plan() {
  LabPlan plan;
  for (const PodText& pod : kPods) {
    const Machine machine = make_machine(std::string("app/") + pod.name, {pod.v4, pod.v6});
    (pod.node == kPods[0].node ? plan.pods : plan.remote_pods).push_back(machine);
  }
  return plan;
}

std::string pods_manifest() {
  std::string text =
      "apiVersion: v1\nkind: Namespace\nmetadata: {name: app, labels: {kubernetes.io/metadata.name: app}}\n";
  for (const PodText& pod : kPods) {
    text += std::string("---\napiVersion: v1\nkind: Pod\nmetadata: {name: ") + pod.name +
            ", namespace: app, labels: {app: " + pod.name + "}}\nspec: {nodeName: " + pod.node +
            ", containers: [{name: c, image: none}]}\nstatus: {phase: Running, podIPs: [{ip: '" + pod.v4 +
            "'}, {ip: '" + pod.v6 + "'}]}\n";
  }
  return text;
}

std::string without_owner(std::string listing) {
  if (const std::size_t owner = listing.find(" # progname"); owner != std::string::npos) {
    listing.erase(owner, listing.find('\n') - owner);
  }
  if (const std::size_t flags = listing.find("\tflags "); flags != std::string::npos) {
    listing.erase(flags, listing.find("\n\n", flags) + 2 - flags);
  }
  return listing;
}

}  // namespace

const char* const kDenyAll = "podSelector: {}, policyTypes: [Ingress, Egress]";
const char* const kDenyIngress = "podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]";

std::string network_policy(const std::string& name, const std::string& spec) {
  return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: " + name +
         ", namespace: app}\nspec: {" + spec + "}\n";
}

FirewallTest::FirewallTest(const DaemonOptions& options)
    : lab(make_plan()),
      daemon(lab.node(), {.tierwalld = TIERWALL_DAEMON_PATH, .tierwall = TIERWALL_CLI_PATH}, options) {
  daemon.write_manifest("pods.yaml", pods_manifest());
}

daemon::StatusReport FirewallTest::apply(const std::string& name, const std::string& text) {
  const std::uint64_t before = daemon.generation();
  daemon.write_manifest(name, text);
  return daemon.wait_applied(before);
}

daemon::StatusReport FirewallTest::remove(const std::string& name) {
  const std::uint64_t before = daemon.generation();
  daemon.remove_manifest(name);
  return daemon.wait_applied(before);
}

Probe FirewallTest::probe(const std::string& from, const std::string& to, policy::Protocol protocol, std::uint16_t port,
                          policy::Family family) const {
  return {&lab.host(from), &lab.host(to), protocol, port, family, true};
}

Probe FirewallTest::unheard(const std::string& from, const std::string& to, std::uint16_t port) const {
  Probe one = probe(from, to, policy::kTcp, port);
  one.listening = false;
  return one;
}

void FirewallTest::expect_all(const std::vector<Expectation>& expectations) const {
  std::vector<Probe> probes;
  std::vector<Outcome> expected;
  for (const Expectation& expectation : expectations) {
    probes.push_back(expectation.probe);
    expected.push_back(expectation.outcome);
  }
  const std::vector<Outcome> seen = run_expecting(probes, expected);
  for (std::size_t i = 0; i < probes.size(); ++i) {
    EXPECT_EQ(seen[i], expected[i]) << describe(probes[i]) << ": " << print_outcome(seen[i]) << ", expected "
                                    << print_outcome(expected[i]);
  }
}

std::string FirewallTest::nft(std::vector<std::string> words, const std::string& input) const {
  words.insert(words.begin(), "nft");
  return run_on_node(words, input);
}

std::string FirewallTest::table() const {
  return without_owner(nft({"list", "table", "inet", "tierwall"}));
}

std::string FirewallTest::uncounted_table() const {
  return without_owner(nft({"--stateless", "list", "table", "inet", "tierwall"}));
}

std::string FirewallTest::run_on_node(const std::vector<std::string>& words, const std::string& input) const {
  return require_command({.argv = words, .inside = &lab.node().network}, input);
}

}  // namespace tierwall::lab
