// How long the path from an event to the kernel takes, on the shape of design section 5: 10,000 pods of which 100 are
// here, 1,000 policies. One JSON object per line:
//
//   {"what":"pod
//   event","pods":10000,"policies":1000,"local_pods":100,"runs":200,"p50_us":...,"p99_us":...,"max_us":...}
//
//   commit-latency [PODS POLICIES LOCAL_PODS]
//
// Everything is real but the source: resolve, compile, diff, encode, and commits into a network namespace of its own.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "nft/compile.h"
#include "nft/diff.h"
#include "nft/netlink_tables.h"
#include "policy/resolve.h"
#include "tests/lab/net_namespace.h"

namespace tierwall {
namespace {

struct Shape {
  int pods = 10'000;
  int policies = 1'000;
  int local_pods = 100;
};

constexpr int kNamespaces = 50;

std::string namespace_name(int index) {
  return "ns-" + std::to_string(index % kNamespaces);
}

policy::Address pod_address(int index) {
  return *policy::parse_address("10." + std::to_string(index >> 16 & 255) + "." + std::to_string(index >> 8 & 255) +
                                "." + std::to_string(index & 255));
}

policy::Pod make_pod(int index, const Shape& shape) {
  policy::Pod pod;
  pod.ns = namespace_name(index);
  pod.name = "pod-" + std::to_string(index);
  pod.labels.set("app", "app-" + std::to_string(index % 200));
  pod.labels.set("tier", index % 3 == 0 ? "front" : "back");
  pod.node = index < shape.local_pods ? "here" : "there";
  pod.addresses = {pod_address(index + 1)};
  pod.ports = {{"http", policy::kTcp, 8080}};
  return pod;
}

/// Kubernetes style: some pods of a namespace take one port from some pods of the same namespace.
policy::Policy make_policy(int index, std::uint16_t port) {
  policy::Policy made;
  made.kind = policy::Kind::KubernetesNetworkPolicy;
  made.ns = namespace_name(index);
  made.name = "policy-" + std::to_string(index);
  made.order = policy::kKubernetesPolicyOrder;
  const auto in_namespace = policy::equals(std::string(policy::kNamespaceLabel), made.ns);
  made.subject = policy::conjunction({policy::equals("tier", index % 2 == 0 ? "front" : "back"), in_namespace});
  made.applies_to_egress = false;
  policy::Rule rule;
  rule.action = policy::Action::Allow;
  rule.protocol = policy::kTcp;
  rule.source.selector =
      policy::conjunction({policy::equals("app", "app-" + std::to_string(index % 200)), in_namespace});
  rule.destination.ports.ranges = {{port, port}};
  made.ingress = {rule};
  return made;
}

policy::Snapshot make_world(const Shape& shape) {
  policy::Snapshot world;
  for (int i = 0; i < kNamespaces; ++i) world.put(policy::Namespace{namespace_name(i), {}});
  for (int i = 0; i < shape.pods; ++i) world.put(make_pod(i, shape));
  for (int i = 0; i < shape.policies; ++i) world.put(make_policy(i, 8080));
  return world;
}

/// The pipeline behind the inventory, as the daemon's reconciler runs it.
class Pipeline {
 public:
  explicit Pipeline(nft::KernelTables& tables) : tables_(tables) {}

  void commit(const policy::Snapshot& world) {
    const nft::Ruleset desired = *nft::compile(policy::resolve(world, {"here"}), {});
    const nft::ChangeSet changes = started_ ? nft::diff(applied_, desired) : nft::rebuild(desired);
    const nft::CommitOutcome outcome = tables_.commit(changes);
    if (const auto* rejected = std::get_if<nft::Rejected>(&outcome)) {
      std::fprintf(stderr, "the kernel refused: %s\n", rejected->message.c_str());
      std::exit(1);
    }
    applied_ = desired;
    started_ = true;
  }

 private:
  nft::KernelTables& tables_;
  nft::Ruleset applied_;
  bool started_ = false;
};

void report(const char* what, const Shape& shape, std::vector<double> times) {
  std::ranges::sort(times);
  const auto at = [&](double part) {
    return times[static_cast<std::size_t>(part * static_cast<double>(times.size() - 1))];
  };
  std::printf(
      "{\"what\":\"%s\",\"pods\":%d,\"policies\":%d,\"local_pods\":%d,\"runs\":%zu,\"p50_us\":%.0f,\"p99_us\":%.0f,"
      "\"max_us\":%.0f}\n",
      what, shape.pods, shape.policies, shape.local_pods, times.size(), at(0.5), at(0.99), times.back());
}

double time_us(const std::function<void()>& work) {
  const auto started = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - started).count();
}

void run(const Shape& shape, nft::KernelTables& tables) {
  policy::Snapshot world = make_world(shape);
  Pipeline pipeline(tables);
  report("cold start: objects in memory to committed", shape, {time_us([&] { pipeline.commit(world); })});

  std::vector<double> pod_events;
  std::vector<double> policy_events;
  for (int i = 0; i < 50; ++i) {
    policy::Pod pod = make_pod(shape.local_pods + i, shape);
    pod.labels.set("app", "app-" + std::to_string((i * 7) % 200));
    world.put(pod);
    pod_events.push_back(time_us([&] { pipeline.commit(world); }));
    world.put(make_policy(i % kNamespaces, static_cast<std::uint16_t>(9000 + i)));
    policy_events.push_back(time_us([&] { pipeline.commit(world); }));
  }
  report("pod event to committed", shape, pod_events);
  report("policy event to committed", shape, policy_events);

  const nft::Set one{"bench", {nft::FieldType::Ipv4Addr}, false, false, "", {}};
  nft::Set with_element = one;
  with_element.elements = {{nft::make_key(pod_address(1)), {}, std::nullopt, {}}};
  static_cast<void>(tables.commit({{nft::AddSet{one}}}));
  std::vector<double> elements;
  for (int i = 0; i < 2'000; ++i) {
    elements.push_back(time_us([&] { static_cast<void>(tables.commit({{nft::AddElements{with_element}}})); }));
    elements.push_back(time_us([&] { static_cast<void>(tables.commit({{nft::DeleteElements{with_element}}})); }));
  }
  report("one set element, encode to committed", shape, elements);
}

}  // namespace
}  // namespace tierwall

int main(int argc, char** argv) {
  tierwall::Shape shape;
  if (argc == 4) shape = {std::atoi(argv[1]), std::atoi(argv[2]), std::atoi(argv[3])};
  const auto network = tierwall::lab::NetNamespace::create();
  const auto tables = network.run([] { return tierwall::nft::NetlinkTables::open(); });
  if (!tables) {
    std::fprintf(stderr, "commit-latency: %s (root is needed)\n", tables.error().message.c_str());
    return 1;
  }
  tierwall::run(shape, **tables);
}
