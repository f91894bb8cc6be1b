#include "tests/bench/pipeline.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace tierwall::bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kNamespaces = 50;
constexpr int kApps = 200;
constexpr const char* kNode = "node-1";

std::string numbered(const char* name, int index) {
  return name + std::to_string(index);
}

/// Kubernetes style: some pods of a namespace take one port from some pods of the same namespace.
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

double since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

}  // namespace

policy::ResourceEvent changed(const policy::Resource& object) {
  return {.source = "kubernetes", .key = policy::key_of(object), .resource = object};
}

policy::Pod make_pod(int index, const WorldShape& shape, bool wanted) {
  policy::Pod pod;
  pod.ns = numbered("ns-", index % kNamespaces);
  pod.name = numbered("pod-", index);
  pod.labels = {{"app", wanted ? numbered("app-", index % kApps) : "none"},
                {"tier", index % 3 == 0 ? "front" : "back"}};
  pod.node = index < shape.local_pods ? kNode : numbered("node-", 2 + index % 99);
  const int number = index + 1;
  pod.addresses = {*policy::parse_address("10." + std::to_string(number >> 16) + "." +
                                          std::to_string(number >> 8 & 255) + "." + std::to_string(number & 255))};
  pod.ports = {{"", policy::kTcp, 8080}};
  return pod;
}

policy::ResourceEvent make_replica(int index, bool comes, const WorldShape& shape) {
  policy::Pod pod = make_pod(index % shape.local_pods, shape);
  pod.name = "replica";
  pod.addresses = {*policy::parse_address("10.200.0.1")};
  if (comes) return changed(pod);
  return {.source = "kubernetes", .key = policy::key_of(pod), .change = policy::ResourceEvent::Change::Gone};
}

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

void print_times(const std::string& what, const WorldShape& shape, std::vector<double> times) {
  std::ranges::sort(times);
  const auto at = [&](double part) {
    return times[static_cast<std::size_t>(part * static_cast<double>(times.size() - 1))];
  };
  std::printf(
      "{\"what\":\"%s\",\"pods\":%d,\"policies\":%d,\"local_pods\":%d,\"runs\":%zu,\"p50_us\":%.0f,"
      "\"p99_us\":%.0f,\"max_us\":%.0f}\n",
      what.c_str(), shape.pods, shape.policies, shape.local_pods, times.size(), at(0.5), at(0.99), times.back());
  std::fflush(stdout);
}

Pipeline::Pipeline(nft::KernelTables& tables, const WorldShape& shape, const char* cold_start)
    : shape_(shape), reconciler_(inventory_, guard_, tables, clock_, journal_, {.node = kNode, .compile = {}}) {
  for (int i = 0; i < kNamespaces; ++i) tell(changed(policy::Namespace{numbered("ns-", i), {}}));
  for (int i = 0; i < shape.pods; ++i) tell(changed(make_pod(i, shape)));
  for (int i = 0; i < shape.policies; ++i) tell(changed(make_policy(i)));
  reconciler_.sources_in_sync();
  const Clock::time_point start = Clock::now();
  step();
  print_times(cold_start, shape_, {since(start)});
}

void Pipeline::measure(const std::string& what, int runs, const std::function<policy::ResourceEvent(int)>& make_event) {
  std::vector<double> times;
  for (int i = 0; i < runs; ++i) {
    const policy::ResourceEvent event = make_event(i);
    const Clock::time_point start = Clock::now();
    tell(event);
    step();
    times.push_back(since(start));
  }
  print_times(what, shape_, std::move(times));
}

void Pipeline::measure_events(const std::string& until) {
  measure("pod of another node" + until, 400, [this](int i) {
    return changed(make_pod(shape_.local_pods + i / 2 % (shape_.pods - shape_.local_pods), shape_, i % 2 == 1));
  });
  measure("label of a pod of this node" + until, 200,
          [this](int i) { return changed(make_pod(i / 2 % shape_.local_pods, shape_, i % 2 == 1)); });
  measure("pod of this node comes or goes" + until, 400,
          [this](int i) { return make_replica(i / 2, i % 2 == 0, shape_); });
  measure("policy that selects every pod of this node" + until, 40, [](int i) { return changed(make_wide_policy(i)); });
}

void Pipeline::tell(const policy::ResourceEvent& event) {
  inventory_.apply(event);
  reconciler_.mark_dirty();
}

void Pipeline::step() {
  reconciler_.hurry();
  reconciler_.step();
  if (reconciler_.trouble()) {
    std::fprintf(stderr, "%s\n", reconciler_.trouble()->c_str());
    std::exit(1);
  }
}

}  // namespace tierwall::bench
