// A scenario is a list of world states: which manifest files exist with which text. Each list is replayed as written,
// reversed, with the empty world between, squashed to its last state, and with the events of each step shuffled and
// doubled. However a world is reached, the table is the one that world alone would give, and after every commit it
// judges as the evaluator does for the world it stands for.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "daemon/sources/manifest_set.h"
#include "nft/compile.h"
#include "nft/diff.h"
#include "nft/print.h"
#include "nft/simulate.h"
#include "policy/evaluate.h"
#include "policy/resolve.h"
#include "tests/fakes/fake_kernel_tables.h"
#include "tests/scenario/event_orders.h"

namespace tierwall {
namespace {

using WorldState = std::map<std::string, std::string>;  // file -> manifests
using Scenario = std::vector<WorldState>;
using test::Events;

std::string pod(const std::string& name, const std::string& app, const std::string& address) {
  return "apiVersion: v1\nkind: Pod\nmetadata: {name: " + name + ", namespace: shop, labels: {app: " + app + "}}\n" +
         "spec: {nodeName: node-1, containers: [{name: c, image: none, ports: [{name: http, containerPort: 80}]}]}\n" +
         "status: {phase: Running, podIPs: [{ip: " + address + "}]}\n---\n";
}

const std::string kPods = pod("web", "web", "10.0.0.1") + pod("db", "db", "10.0.0.2");
const std::string kDeny = R"(
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
)";
const std::string kOpen = R"(
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: open, namespace: shop}
spec: {podSelector: {}, ingress: [{ports: [{port: http}]}], egress: [{to: [{podSelector: {matchLabels: {app: db}}}]}]}
)";
const std::string kTier = R"(
apiVersion: projectcalico.org/v3
kind: Tier
metadata: {name: security}
spec: {order: 10}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: quarantine}
spec: {tier: security, selector: app == 'web', ingress: [{action: Deny, source: {selector: app == 'db'}}, {action: Pass}], egress: [{action: Pass}]}
)";

/// The daemon's path from file texts to the table, without the daemon.
class Pipeline {
 public:
  explicit Pipeline(unsigned seed) : random_(seed) {}

  void become(const WorldState& state, bool shuffle) {
    Events events;
    const auto add = [&](Events more) { events.insert(events.end(), more.begin(), more.end()); };
    for (const auto& [file, text] : files_) {
      if (state.count(file) == 0) add(manifests_.remove(file));
    }
    for (const auto& [file, text] : state) add(manifests_.put(file, daemon::decode_manifest(text, file)));
    files_ = state;
    if (shuffle) events = test::doubled(test::shuffled(events, random_));
    for (const policy::ResourceEvent& event : events) inventory_.apply(event);
    commit();
  }

  [[nodiscard]] const nft::Ruleset& table() const { return applied_; }
  [[nodiscard]] const policy::Snapshot& snapshot() const { return inventory_.snapshot(); }

 private:
  void commit() {
    const policy::NodePolicy policy = policy::resolve(inventory_.snapshot(), {"node-1"});
    const nft::Ruleset desired = *nft::compile(policy, {});
    const nft::ChangeSet changes = started_ ? nft::diff(applied_, desired) : nft::rebuild(desired);
    started_ = true;
    ASSERT_TRUE(std::holds_alternative<nft::Committed>(kernel_.commit(changes))) << print(changes);
    applied_ = desired;
    ASSERT_EQ(print(kernel_.ruleset()), print(desired));
    expect_judges_alike(policy);
  }

  void expect_judges_alike(const policy::NodePolicy& policy) {
    for (const policy::ResolvedEndpoint& from : policy.endpoints) {
      for (const policy::ResolvedEndpoint& to : policy.endpoints) {
        if (&from == &to) continue;
        for (const std::uint16_t port : {std::uint16_t{80}, std::uint16_t{81}}) {
          const policy::Flow flow{
              from.addresses[0], to.addresses[0], policy::Family::V4, policy::kTcp, 40000, port, {}};
          const bool allowed = policy::evaluate_connection(policy, &from, &to, flow).verdict == policy::Verdict::Allow;
          EXPECT_EQ(nft::simulate(kernel_.ruleset(), nft::to_packet(flow)).end == nft::Walk::End::Accepted, allowed);
        }
      }
    }
  }

  test::RandomChoice random_;
  daemon::ManifestSet manifests_{"directory"};
  WorldState files_;
  policy::Inventory inventory_;
  test::FakeKernelTables kernel_;
  nft::Ruleset applied_;
  bool started_ = false;
};

std::string table_after(const Scenario& states, bool shuffle, unsigned seed = 1) {
  Pipeline pipeline(seed);
  for (const WorldState& state : states) pipeline.become(state, shuffle);
  return print(pipeline.table());
}

Scenario with_empty_between(const Scenario& states) {
  Scenario result;
  for (const WorldState& state : states) {
    result.push_back({});
    result.push_back(state);
  }
  return result;
}

void replay_all_ways(Scenario states) {
  for (int reversed = 0; reversed < 2; ++reversed) {
    const std::string expected = table_after({states.back()}, false);
    EXPECT_EQ(table_after(states, false), expected) << "as written";
    EXPECT_EQ(table_after(with_empty_between(states), false), expected) << "with the empty world between";
    for (unsigned seed = 1; seed <= 5; ++seed)
      EXPECT_EQ(table_after(states, true, seed), expected) << "shuffled " << seed;
    std::ranges::reverse(states);
  }
}

TEST(WorldStates, PoliciesComeAndGo) {
  replay_all_ways({{{"pods.yaml", kPods}},
                   {{"pods.yaml", kPods}, {"deny.yaml", kDeny}},
                   {{"pods.yaml", kPods}, {"deny.yaml", kDeny}, {"open.yaml", kOpen}},
                   {{"pods.yaml", kPods}, {"deny.yaml", kDeny}, {"open.yaml", kOpen}, {"tier.yaml", kTier}},
                   {{"pods.yaml", kPods}, {"tier.yaml", kTier}}});
}

TEST(WorldStates, PodsChurnUnderPolicy) {
  const std::string policies = kDeny + "---\n" + kOpen + "---\n" + kTier;
  replay_all_ways(
      {{{"policy.yaml", policies}},
       {{"policy.yaml", policies}, {"pods.yaml", kPods}},
       {{"policy.yaml", policies}, {"pods.yaml", kPods + pod("db-2", "db", "10.0.0.3")}},
       {{"policy.yaml", policies}, {"pods.yaml", pod("web", "db", "10.0.0.1") + pod("db", "web", "10.0.0.2")}},
       {{"policy.yaml", policies}, {"pods.yaml", pod("web", "web", "10.0.0.2") + pod("db", "db", "10.0.0.1")}}});
}

TEST(WorldStates, AnObjectMovesBetweenFilesAndIsWrittenTwice) {
  replay_all_ways({{{"a.yaml", kPods + kDeny}},
                   {{"a.yaml", kPods}, {"b.yaml", kDeny}},
                   {{"a.yaml", kPods + kDeny}, {"b.yaml", kDeny}},
                   {{"b.yaml", kPods}, {"c.yaml", kDeny}}});
}

}  // namespace
}  // namespace tierwall
