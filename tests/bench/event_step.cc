// How long one event takes from the inventory to the operations for the kernel, in this process and without a kernel:
// resolve, guard, compile, diff, and taking the result in. One JSON object per line and sort of event:
//
//   {"what":"pod of another node","pods":10000,"policies":1000,"local_pods":100,"runs":200,"p50_us":...,"p99_us":...}
//
//   event-step [PODS...]     10000 by default

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "daemon/reconciler.h"
#include "policy/inventory.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_journal.h"
#include "tests/fakes/fake_management_flows.h"

namespace tierwall {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kNamespaces = 50;
constexpr int kApps = 200;
constexpr int kPolicies = 1000;
constexpr int kLocalPods = 100;

/// A kernel that takes everything and keeps nothing.
class WillingTables final : public nft::KernelTables {
 public:
  nft::CommitOutcome commit(const nft::ChangeSet& changes) override {
    operations += changes.operations.size();
    return nft::Committed{};
  }
  Result<void> can_own() override { return {}; }
  std::size_t operations = 0;
};

std::string numbered(const char* name, int index) {
  return name + std::to_string(index);
}

/// As tests/bench/cluster_objects.h has them.
policy::Pod make_pod(int index, bool wanted = true) {
  policy::Pod pod;
  pod.ns = numbered("ns-", index % kNamespaces);
  pod.name = numbered("pod-", index);
  pod.labels = {{"app", wanted ? numbered("app-", index % kApps) : "none"},
                {"tier", index % 3 == 0 ? "front" : "back"}};
  pod.node = index < kLocalPods ? "node-1" : numbered("node-", 2 + index % 99);
  const int number = index + 1;
  pod.addresses = {*policy::parse_address("10." + std::to_string(number >> 16) + "." +
                                          std::to_string(number >> 8 & 255) + "." + std::to_string(number & 255))};
  pod.ports = {{"", policy::kTcp, 8080}};
  return pod;
}

policy::Policy make_policy(int index) {
  const std::string ns = numbered("ns-", index % kNamespaces);
  const auto of_namespace = [&](std::vector<policy::Selector> parts) {
    parts.push_back(policy::equals(std::string(policy::kNamespaceLabel), ns));
    parts.push_back(policy::equals(std::string(policy::kOrchestratorLabel), "k8s"));
    return policy::conjunction(std::move(parts));
  };
  policy::Policy policy{.kind = policy::Kind::KubernetesNetworkPolicy, .ns = ns, .name = numbered("policy-", index)};
  policy.order = policy::kKubernetesPolicyOrder;
  policy.subject = of_namespace({policy::equals("tier", index % 2 == 0 ? "front" : "back")});
  policy.applies_to_egress = false;
  policy::Rule rule{.action = policy::Action::Allow, .protocol = policy::kTcp};
  rule.source.selector = of_namespace({policy::equals("app", numbered("app-", index % kApps))});
  rule.destination.ports.ranges = {{8080, 8080}};
  policy.ingress = {rule};
  return policy;
}

/// Selects every pod of the node, and allows from one app of the whole cluster.
policy::Policy make_wide_policy(int version) {
  policy::Policy policy{.kind = policy::Kind::GlobalNetworkPolicy, .name = "wide"};
  policy.order = 1;
  policy.subject = policy::equals(std::string(policy::kOrchestratorLabel), "k8s");
  policy.applies_to_egress = false;
  policy::Rule rule{.action = policy::Action::Allow, .protocol = policy::kTcp};
  rule.source.selector = policy::equals("app", numbered("app-", version % kApps));
  policy.ingress = {rule};
  return policy;
}

policy::ResourceEvent changed(const policy::Resource& object) {
  return {.source = "kubernetes", .key = policy::key_of(object), .resource = object};
}

/// One more pod like one of this node, or its end.
policy::ResourceEvent replica(int index, bool comes) {
  policy::Pod pod = make_pod(index % kLocalPods);
  pod.name = "replica";
  pod.addresses = {*policy::parse_address("10.200.0.1")};
  if (comes) return changed(pod);
  return {.source = "kubernetes", .key = policy::key_of(pod), .change = policy::ResourceEvent::Change::Gone};
}

class Node {
 public:
  explicit Node(int pods) : pods_(pods) {
    for (int i = 0; i < kNamespaces; ++i) tell(policy::Namespace{numbered("ns-", i), {}});
    for (int i = 0; i < pods; ++i) tell(make_pod(i));
    for (int i = 0; i < kPolicies; ++i) tell(make_policy(i));
    reconciler_.sources_in_sync();
    step();
  }

  void measure(const char* what, int runs, const std::function<policy::ResourceEvent(int)>& make_event) {
    std::vector<double> times;
    const std::size_t before = tables_.operations;
    for (int i = 0; i < runs; ++i) {
      const policy::ResourceEvent event = make_event(i);
      const Clock::time_point start = Clock::now();
      tell(event);
      step();
      times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
    }
    std::ranges::sort(times);
    const auto at = [&](double part) {
      return times[static_cast<std::size_t>(part * static_cast<double>(times.size() - 1))];
    };
    std::printf(
        "{\"what\":\"%s\",\"pods\":%d,\"policies\":%d,\"local_pods\":%d,\"runs\":%d,\"operations\":%zu,"
        "\"p50_us\":%.0f,\"p99_us\":%.0f,\"max_us\":%.0f}\n",
        what, pods_, kPolicies, kLocalPods, runs, tables_.operations - before, at(0.5), at(0.99), times.back());
    std::fflush(stdout);
  }

 private:
  void tell(const policy::ResourceEvent& event) {
    inventory_.apply(event);
    reconciler_.mark_dirty();
  }
  void tell(const policy::Resource& object) { tell(changed(object)); }
  void step() {
    reconciler_.hurry();
    reconciler_.step();
  }

  int pods_;
  policy::Inventory inventory_;
  WillingTables tables_;
  test::FakeClock clock_;
  test::FakeJournal journal_;
  test::FakeManagementFlows flows_;
  daemon::Guard guard_{flows_};
  daemon::Reconciler reconciler_{inventory_, guard_, tables_, clock_, journal_, {.node = "node-1", .compile = {}}};
};

void run(int pods) {
  const Clock::time_point start = Clock::now();
  Node node(pods);
  std::printf("{\"what\":\"objects in memory to applied\",\"pods\":%d,\"policies\":%d,\"ms\":%.0f}\n", pods, kPolicies,
              std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  node.measure("pod of another node", 400,
               [&](int i) { return changed(make_pod(kLocalPods + i / 2 % (pods - kLocalPods), i % 2 == 1)); });
  node.measure("label of a pod of this node", 200,
               [](int i) { return changed(make_pod(i / 2 % kLocalPods, i % 2 == 1)); });
  node.measure("pod like another comes to this node, or goes", 400, [](int i) { return replica(i / 2, i % 2 == 0); });
  node.measure("policy that selects every pod of this node", 40, [](int i) { return changed(make_wide_policy(i)); });
}

}  // namespace
}  // namespace tierwall

int main(int argc, char** argv) {
  std::vector<int> sizes;
  for (int i = 1; i < argc; ++i) sizes.push_back(std::atoi(argv[i]));
  if (sizes.empty()) sizes = {10'000};
  for (const int pods : sizes) tierwall::run(pods);
}
