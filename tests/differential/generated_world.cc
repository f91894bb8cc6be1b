#include "tests/differential/generated_world.h"

#include <string>

#include "tests/differential/generated_policies.h"
#include "tests/differential/generated_words.h"

namespace tierwall::test {

namespace {

using policy::Address;
using policy::Labels;
using policy::PodPhase;
using policy::TierDefault;

Address address(const std::string& text) {
  return *policy::parse_address(text);
}

class WorldGenerator {
 public:
  WorldGenerator(RandomChoice& random, const WorldOptions& options) : random_(random), options_(options) {}

  GeneratedWorld run() {
    add_namespaces();
    add_pods();
    add_nodes();
    add_services();
    const int sets = random_.number(0, 2);
    for (int i = 0; i < sets; ++i) world_.put(network_set(i));
    add_policies();
    return {std::move(world_), random_.chance(50) ? policy::TieBreak::Calico332 : policy::TieBreak::Calico331};
  }

 private:
  void add_namespaces() {
    for (const char* ns : {"a", "b"}) {
      if (random_.chance(85)) world_.put(policy::Namespace{ns, Labels{{"env", ns}}});
      if (random_.chance(60)) world_.put(policy::ServiceAccount{ns, "ops", Labels{{"role", ns}}});
    }
  }

  void add_pods() {
    const int pods = options_.fixed_pods ? kFixedPods : random_.number(2, 6);
    for (int i = 0; i < pods; ++i) world_.put(pod(i));
    const int others = random_.number(0, 2);
    for (int i = 0; i < others; ++i) world_.put(pod_with_borrowed_address(i));
  }

  policy::Pod nameless_pod() {
    policy::Pod pod;
    pod.ns = random_.pick({"a", "b"});
    pod.labels = some_labels(random_);
    pod.node = random_.chance(80) ? kJudgedNode : "node-2";
    if (random_.chance(30)) pod.service_account = "ops";
    pod.created = random_.pick({0, 1, 2});
    if (random_.chance(60)) pod.ports.push_back(container_port("web"));
    if (random_.chance(30)) pod.ports.push_back(container_port(random_.pick({"dns", "web", ""})));
    return pod;
  }

  policy::Pod pod(int index) {
    policy::Pod pod = nameless_pod();
    pod.name = "p" + std::to_string(index);
    const std::vector<Address> both = fixed_pod_addresses(index);
    if (random_.chance(90)) pod.addresses.push_back(both[0]);
    if (random_.chance(70)) pod.addresses.push_back(both[1]);
    return pod;
  }

  /// A pod that finished, runs in the node's network, or claims an address that another one may hold.
  policy::Pod pod_with_borrowed_address(int index) {
    policy::Pod pod = nameless_pod();
    pod.name = random_.pick({"o", "q"}) + std::to_string(index);
    pod.phase = random_.pick({PodPhase::Running, PodPhase::Pending, PodPhase::Succeeded, PodPhase::Failed});
    pod.host_network = random_.chance(30);
    const Address node = address("192.0.2.1");
    const Address borrowed = random_.pick(fixed_pod_addresses(random_.number(0, kFixedPods - 1)));
    pod.addresses.push_back(pod.host_network ? node : borrowed);
    return pod;
  }

  policy::ContainerPort container_port(const std::string& name) {
    return {name, random_.pick({policy::kTcp, policy::kTcp, policy::kUdp, policy::kSctp}), some_port(random_)};
  }

  void add_nodes() {
    const std::vector<Address> outside = outside_addresses();
    if (random_.chance(80)) {
      world_.put(
          policy::Node{kJudgedNode, Labels{{"zone", "1"}}, {address("192.0.2.1"), address("2001:db8:2::1")}, {}});
    }
    if (random_.chance(70)) world_.put(policy::Node{"node-2", Labels{{"zone", "2"}}, outside, {}});
  }

  void add_services() {
    const int slices = random_.number(0, 4);
    for (int i = 0; i < slices; ++i) {
      policy::EndpointSlice slice;
      slice.ns = random_.pick({"a", "b"});
      slice.name = "slice-" + std::to_string(i);
      if (random_.chance(90)) slice.service = random_.pick({"web", "db"});
      const int endpoints = random_.number(0, 3);
      for (int j = 0; j < endpoints; ++j) slice.addresses.push_back(endpoint_address());
      const int ports = random_.number(0, 2);
      for (int j = 0; j < ports; ++j)
        slice.ports.push_back({random_.pick({policy::kTcp, policy::kUdp, policy::kSctp}), some_port(random_)});
      world_.put(slice);
    }
    if (random_.chance(30)) world_.put(policy::Service{"a", "web", {address("10.96.0.1")}});
  }

  Address endpoint_address() {
    if (random_.chance(10)) return random_.pick(outside_addresses());
    return random_.pick(fixed_pod_addresses(random_.number(0, kFixedPods - 1)));
  }

  policy::NetworkSet network_set(int index) {
    policy::NetworkSet set;
    if (random_.chance(40)) set.ns = random_.pick({"a", "b"});
    set.name = "s" + std::to_string(index);
    set.labels = some_labels(random_);
    const int count = random_.number(0, 3);
    for (int i = 0; i < count; ++i) set.nets.insert(some_prefix(random_));
    return set;
  }

  void add_policies() {
    const int tiers = random_.number(0, 3);
    for (int i = 0; i < tiers; ++i) {
      world_.put(policy::Tier{
          "t" + std::to_string(i),
          random_.chance(80) ? std::optional<double>(random_.pick({1.0, 2.0, 3.0, 2'000'000.0})) : std::nullopt,
          random_.chance(30) ? TierDefault::Pass : TierDefault::Deny});
    }
    PolicyGenerator policies(random_, tiers);
    const bool crowded = random_.chance(5);  // so many that they are merged and split by port
    const int count = crowded ? random_.number(15, 40) : random_.number(0, 7);
    for (int i = 0; i < count; ++i) world_.put(policies.some_policy(i));
    for (const char* profile : {"kns.a", "kns.b"}) {
      if (!random_.chance(12)) continue;
      world_.put(policy::Profile{profile, some_labels(random_), policies.profile_rules(policy::Direction::Ingress),
                                 policies.profile_rules(policy::Direction::Egress)});
    }
  }

  RandomChoice& random_;
  const WorldOptions& options_;
  policy::Snapshot world_;
};

constexpr nft::Flattening kFlattenings[] = {{}, nft::Flattening::always(), nft::Flattening::never()};

}  // namespace

const char* const kJudgedNode = "node-1";

GeneratedWorld generate_world(std::uint32_t seed, const WorldOptions& options) {
  RandomChoice random(seed);
  GeneratedWorld world = WorldGenerator(random, options).run();
  world.flattening = kFlattenings[seed % std::size(kFlattenings)];
  return world;
}

GeneratedWorld generate_world(RandomChoice& random, const WorldOptions& options) {
  const auto flattening = static_cast<std::size_t>(random.number(0, static_cast<int>(std::size(kFlattenings)) - 1));
  GeneratedWorld world = WorldGenerator(random, options).run();
  world.flattening = kFlattenings[flattening];
  return world;
}

std::vector<Address> fixed_pod_addresses(int pod) {
  const std::string number = std::to_string(pod + 1);
  return {address("10.0.0." + number), address("fd00::" + number)};
}

std::vector<Address> outside_addresses() {
  return {address("192.0.2.100"), address("2001:db8:2::100")};
}

}  // namespace tierwall::test
