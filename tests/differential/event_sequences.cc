#include "tests/differential/event_sequences.h"

#include <algorithm>
#include <map>

#include "tests/differential/generated_policies.h"
#include "tests/differential/generated_words.h"
#include "tests/differential/generated_world.h"
#include "tests/differential/random_choice.h"

namespace tierwall::test {

namespace {

using policy::Kind;
using policy::Resource;
using policy::ResourceEvent;
using policy::ResourceKey;

constexpr int kWorlds = 5;  // whose objects are versions of each other

/// Versions of objects, by their keys: every event takes one of them, or removes the object.
class VersionPool {
 public:
  explicit VersionPool(RandomChoice& random) : random_(random) {
    for (int i = 0; i < kWorlds; ++i) add_world(generate_world(random).snapshot);
    for (int i = 0; i < 40; ++i) add(host_object());
    for (int i = 0; i < 12; ++i) add(host_policy(i % 4));
    for (int i = 0; i < 12; ++i) add(sandbox());
    for (int i = 0; i < 6; ++i) add(waiting_pod());
    for (int i = 0; i < 6; ++i) add(changed_namespace());
    for (const auto& [key, versions] : versions_) keys_.push_back(key);
  }

  [[nodiscard]] ResourceEvent event(RandomChoice& course) const {
    const ResourceKey key = course.pick(keys_);
    ResourceEvent event{.source = "directory", .key = key};
    if (course.chance(25)) {
      event.change = ResourceEvent::Change::Gone;
    } else {
      event.resource = course.pick(versions_.at(key));
    }
    return event;
  }

 private:
  void add(const Resource& object) { versions_[policy::key_of(object)].push_back(object); }

  void add_world(const policy::Snapshot& world) {
    const auto add_all = [this](const auto& objects) {
      for (const auto& entry : objects) add(entry.second);
    };
    add_all(world.namespaces);
    add_all(world.service_accounts);
    add_all(world.pods);
    add_all(world.nodes);
    add_all(world.services);
    add_all(world.endpoint_slices);
    add_all(world.tiers);
    add_all(world.profiles);
    add_all(world.network_sets);
    add_all(world.policies);
  }

  std::vector<policy::Address> some_addresses() {
    const std::vector<policy::Address> both = fixed_pod_addresses(random_.number(0, kFixedPods - 1));
    return {both[static_cast<std::size_t>(random_.number(0, 1))]};
  }

  Resource host_object() {
    const std::string interface = random_.pick({"eth0", "eth1"});
    const int sort = random_.number(0, 9);
    if (sort < 2) return policy::NetworkInterface{interface, some_addresses()};
    if (sort < 3) {
      PolicyGenerator policies(random_, 2);
      return policy::Profile{"site", some_labels(random_), policies.profile_rules(policy::Direction::Ingress), {}};
    }
    policy::HostEndpoint endpoint;
    endpoint.name = random_.pick({"h0", "h1", "h2"});
    endpoint.labels = some_labels(random_);
    endpoint.node = random_.chance(75) ? kJudgedNode : "node-2";
    endpoint.interface_name = random_.pick({"eth0", "*", ""});
    endpoint.expected_addresses = some_addresses();
    endpoint.profiles = {random_.pick({"site", "kns.a", "projectcalico-default-allow"})};
    if (random_.chance(50)) endpoint.profiles.emplace_back("kns.b");
    if (random_.chance(50)) endpoint.ports.push_back({"web", policy::kTcp, some_port(random_)});
    return endpoint;
  }

  Resource host_policy(int index) {
    policy::Policy policy = PolicyGenerator(random_, 2).some_policy(index);
    policy.kind = Kind::GlobalNetworkPolicy;
    policy.ns.clear();
    policy.name = "host-" + std::to_string(index);
    policy.staged.reset();
    policy.subject = some_selector(random_, 1);
    policy.stage = random_.pick({policy::Stage::Tracked, policy::Stage::Untracked, policy::Stage::PreDnat});
    policy.apply_on_forward = policy.stage != policy::Stage::Tracked || random_.chance(50);
    if (policy.stage == policy::Stage::PreDnat) policy.applies_to_egress = false;
    return policy;
  }

  Resource sandbox() {
    return policy::PodSandbox{random_.pick({"a", "b"}), random_.pick({"x", "y", "z"}),
                              "p" + std::to_string(random_.number(0, 3)), some_addresses()};
  }

  /// Its status names no address yet.
  Resource waiting_pod() {
    policy::Pod pod;
    pod.ns = random_.pick({"a", "b"});
    pod.name = "p" + std::to_string(random_.number(0, 3));
    pod.labels = some_labels(random_);
    pod.node = kJudgedNode;
    pod.phase = policy::PodPhase::Pending;
    if (random_.chance(50)) pod.ports.push_back({"web", policy::kTcp, some_port(random_)});
    return pod;
  }

  Resource changed_namespace() {
    const std::string ns = random_.pick({"a", "b"});
    if (random_.chance(50))
      return policy::ServiceAccount{ns, "ops", policy::Labels{{"role", random_.pick({"a", "b"})}}};
    return policy::Namespace{ns, policy::Labels{{"env", random_.pick({"a", "b", "c"})}}};
  }

  RandomChoice& random_;
  std::map<ResourceKey, std::vector<Resource>> versions_;
  std::vector<ResourceKey> keys_;
};

}  // namespace

EventBatches generate_events(std::uint32_t seed, std::size_t count) {
  RandomChoice objects(seed);
  RandomChoice course(seed + 1);
  return generate_events(objects, course, count);
}

EventBatches generate_events(RandomChoice& objects, RandomChoice& course, std::size_t count) {
  const VersionPool pool(objects);
  EventBatches batches;
  // The first batch is a world, so that what follows finds something to change.
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<ResourceEvent>& batch = batches.emplace_back();
    const int events = i == 0 ? 40 : course.chance(60) ? 1 : course.number(2, 8);
    for (int j = 0; j < events; ++j) batch.push_back(pool.event(course));
  }
  return batches;
}

std::string print_batch(const std::vector<ResourceEvent>& batch) {
  std::string text;
  for (const ResourceEvent& event : batch) {
    if (!text.empty()) text += "; ";
    text += event.change == ResourceEvent::Change::Gone ? "remove " : "put ";
    text += policy::print_key(event.key);
  }
  return text;
}

}  // namespace tierwall::test
