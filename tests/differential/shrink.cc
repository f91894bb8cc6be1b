#include "tests/differential/shrink.h"

#include <utility>
#include <vector>

#include "tests/differential/generated_policies.h"

namespace tierwall::test {

namespace {

using policy::Peer;
using policy::Policy;
using policy::Rule;
using policy::Selector;
using policy::Snapshot;

using RuleEdit = std::function<void(Rule&)>;

/// Takes one item off the list at a time, through `part`, which finds the list in a rule.
template <typename Part>
void append_removals(std::vector<RuleEdit>& edits, const Rule& rule, Part part) {
  Rule copy = rule;
  for (std::size_t i = 0; i < part(copy).size(); ++i) {
    edits.push_back([part, i](Rule& r) { part(r).erase(part(r).begin() + static_cast<std::ptrdiff_t>(i)); });
  }
}

/// Smaller selectors: everything, or one of the operands alone.
std::vector<Selector> smaller_selectors(const Selector& selector) {
  std::vector<Selector> smaller;
  if (selector != policy::all()) smaller.push_back(policy::all());
  smaller.insert(smaller.end(), selector.operands.begin(), selector.operands.end());
  return smaller;
}

/// `peer` finds the side in a rule.
template <typename Side>
void append_peer_edits(std::vector<RuleEdit>& edits, const Rule& rule, Side peer) {
  edits.push_back([peer](Rule& r) { peer(r) = Peer{}; });
  edits.push_back([peer](Rule& r) { peer(r).selector.reset(); });
  edits.push_back([peer](Rule& r) { peer(r).not_selector.reset(); });
  edits.push_back([peer](Rule& r) { peer(r).service.reset(); });
  edits.push_back([peer](Rule& r) { peer(r).nodes.reset(); });
  edits.push_back([peer](Rule& r) { peer(r).ports = {}; });
  edits.push_back([peer](Rule& r) { peer(r).not_ports = {}; });
  append_removals(
      edits, rule, [peer](Rule & r) -> auto& { return peer(r).nets; });
  append_removals(
      edits, rule, [peer](Rule & r) -> auto& { return peer(r).not_nets; });
  append_removals(
      edits, rule, [peer](Rule & r) -> auto& { return peer(r).ports.ranges; });
  append_removals(
      edits, rule, [peer](Rule & r) -> auto& { return peer(r).ports.names; });
  append_removals(
      edits, rule, [peer](Rule & r) -> auto& { return peer(r).not_ports.ranges; });
  append_removals(
      edits, rule, [peer](Rule & r) -> auto& { return peer(r).not_ports.names; });
  Rule copy = rule;
  for (const auto part : {&Peer::selector, &Peer::not_selector, &Peer::nodes}) {
    if (!(peer(copy).*part)) continue;
    for (const Selector& smaller : smaller_selectors(*(peer(copy).*part)))
      edits.push_back([peer, part, smaller](Rule& r) { peer(r).*part = smaller; });
  }
}

std::vector<RuleEdit> edits_of(const Rule& rule) {
  std::vector<RuleEdit> edits;
  append_peer_edits(edits, rule, [](Rule& r) -> Peer& { return r.source; });
  append_peer_edits(edits, rule, [](Rule& r) -> Peer& { return r.destination; });
  edits.push_back([](Rule& r) { r.ip_version.reset(); });
  edits.push_back([](Rule& r) { r.protocol.reset(); });
  edits.push_back([](Rule& r) { r.not_protocol.reset(); });
  edits.push_back([](Rule& r) { r.icmp.reset(); });
  edits.push_back([](Rule& r) { r.not_icmp.reset(); });
  edits.push_back([](Rule& r) {
    if (r.icmp) r.icmp->code.reset();
  });
  edits.push_back([](Rule& r) {
    if (r.not_icmp) r.not_icmp->code.reset();
  });
  edits.push_back([](Rule& r) { r.annotations = {}; });
  edits.push_back([](Rule& r) { r.understood = true; });
  return edits;
}

class Shrinker {
 public:
  Shrinker(Snapshot world, const StillWrong& still_wrong) : world_(std::move(world)), still_wrong_(still_wrong) {}

  Snapshot run() {
    do {
      changed_ = false;
      remove_objects();
      remove_rules();
      simplify_policies();
      simplify_rules();
      simplify_others();
    } while (changed_);
    return std::move(world_);
  }

 private:
  /// Keeps the edit if the world is still wrong with it.
  template <typename Edit>
  bool attempt(Edit edit) {
    Snapshot smaller = world_;
    edit(smaller);
    if (smaller == world_ || !still_wrong_(smaller)) return false;
    world_ = std::move(smaller);
    return changed_ = true;
  }

  template <typename Objects>
  static auto keys_of(const Objects& objects) {
    std::vector<typename Objects::key_type> keys;
    for (const auto& entry : objects) keys.push_back(entry.first);
    return keys;
  }

  /// `objects`: a map of the snapshot. Runs the edit on each object on its own.
  template <typename Objects, typename Edit>
  void attempt_each(Objects Snapshot::*objects, Edit edit) {
    for (const auto& key : keys_of(world_.*objects)) {
      attempt([&](Snapshot& world) { edit((world.*objects).at(key)); });
    }
  }

  template <typename Objects>
  void remove_each(Objects Snapshot::*objects) {
    for (const auto& key : keys_of(world_.*objects)) {
      attempt([&](Snapshot& world) { (world.*objects).erase(key); });
    }
  }

  void remove_objects() {
    remove_each(&Snapshot::policies);
    remove_each(&Snapshot::profiles);
    remove_each(&Snapshot::network_sets);
    remove_each(&Snapshot::endpoint_slices);
    remove_each(&Snapshot::services);
    remove_each(&Snapshot::nodes);
    remove_each(&Snapshot::tiers);
    remove_each(&Snapshot::service_accounts);
    remove_each(&Snapshot::namespaces);
    remove_each(&Snapshot::pods);
  }

  /// Visits every rule from the last to the first, so that removing one leaves the places of the others.
  template <typename Visit>
  void for_each_rule(Visit visit) {
    visit_rules(&Snapshot::policies, visit);
    visit_rules(&Snapshot::profiles, visit);
  }

  template <typename Objects, typename Visit>
  void visit_rules(Objects Snapshot::*objects, Visit visit) {
    using Holder = typename Objects::mapped_type;
    for (const auto& key : keys_of(world_.*objects)) {
      for (const auto list : {&Holder::ingress, &Holder::egress}) {
        for (std::size_t i = ((world_.*objects).at(key).*list).size(); i-- > 0;) {
          visit([=](Snapshot& world) -> std::vector<Rule>& { return (world.*objects).at(key).*list; }, i);
        }
      }
    }
  }

  void remove_rules() {
    for_each_rule([this](const auto& rules_in, std::size_t i) {
      attempt([&](Snapshot& world) {
        std::vector<Rule>& rules = rules_in(world);
        rules.erase(rules.begin() + static_cast<std::ptrdiff_t>(i));
      });
    });
  }

  void simplify_rules() {
    for_each_rule([this](const auto& rules_in, std::size_t i) {
      // An edit that took makes the others of the list obsolete: positions in lists have changed.
      for (bool again = true; again;) {
        again = false;
        for (const RuleEdit& edit : edits_of(rules_in(world_)[i])) {
          Rule smaller = rules_in(world_)[i];
          edit(smaller);
          if (!decodable(smaller)) continue;
          again = attempt([&](Snapshot& world) { rules_in(world)[i] = smaller; });
          if (again) break;
        }
      }
    });
  }

  void simplify_policies() {
    attempt_each(&Snapshot::policies, [](Policy& policy) { policy.applies_to_ingress = false; });
    attempt_each(&Snapshot::policies, [](Policy& policy) { policy.applies_to_egress = false; });
    attempt_each(&Snapshot::policies, [](Policy& policy) { policy.order.reset(); });
    for (const auto& key : keys_of(world_.policies)) {
      for (const Selector& smaller : smaller_selectors(world_.policies.at(key).subject)) {
        if (attempt([&](Snapshot& world) { world.policies.at(key).subject = smaller; })) break;
      }
    }
  }

  /// Takes the items of a list away, last one first.
  template <typename Objects, typename List>
  void shorten_each(Objects Snapshot::*objects, List Objects::mapped_type::*list) {
    for (const auto& key : keys_of(world_.*objects)) {
      for (std::size_t i = ((world_.*objects).at(key).*list).size(); i-- > 0;) {
        attempt([&](Snapshot& world) {
          List& items = (world.*objects).at(key).*list;
          items.erase(items.begin() + static_cast<std::ptrdiff_t>(i));
        });
      }
    }
  }

  void simplify_others() {
    attempt_each(&Snapshot::pods, [](policy::Pod& pod) { pod.labels = {}; });
    attempt_each(&Snapshot::pods, [](policy::Pod& pod) { pod.service_account = "default"; });
    attempt_each(&Snapshot::pods, [](policy::Pod& pod) { pod.created = {}; });
    attempt_each(&Snapshot::pods, [](policy::Pod& pod) { pod.phase = policy::PodPhase::Running; });
    attempt_each(&Snapshot::tiers, [](policy::Tier& tier) { tier.order.reset(); });
    attempt_each(&Snapshot::network_sets, [](policy::NetworkSet& set) { set.labels = {}; });
    attempt_each(&Snapshot::profiles, [](policy::Profile& profile) { profile.labels_to_apply = {}; });
    shorten_each(&Snapshot::pods, &policy::Pod::ports);
    shorten_each(&Snapshot::pods, &policy::Pod::addresses);
    shorten_each(&Snapshot::endpoint_slices, &policy::EndpointSlice::ports);
    shorten_each(&Snapshot::endpoint_slices, &policy::EndpointSlice::addresses);
    shorten_each(&Snapshot::nodes, &policy::Node::addresses);
    shorten_sets();
  }

  void shorten_sets() {
    for (const auto& key : keys_of(world_.network_sets)) {
      const std::vector<policy::AddressRange> ranges = world_.network_sets.at(key).nets.ranges();
      for (std::size_t left_out = 0; left_out < ranges.size(); ++left_out) {
        policy::RangeSet fewer;
        for (std::size_t i = 0; i < ranges.size(); ++i) {
          if (i != left_out) fewer.insert(ranges[i]);
        }
        if (attempt([&](Snapshot& world) { world.network_sets.at(key).nets = fewer; })) break;
      }
    }
  }

  Snapshot world_;
  const StillWrong& still_wrong_;
  bool changed_ = false;
};

}  // namespace

Snapshot shrink(Snapshot world, const StillWrong& still_wrong) {
  TIERWALL_CHECK(still_wrong(world));
  return Shrinker(std::move(world), still_wrong).run();
}

}  // namespace tierwall::test
