#include "policy/review.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "policy/evaluate.h"
#include "policy/resolve.h"

namespace tierwall::policy {

namespace {

constexpr std::uint16_t kDnsPort = 53;
constexpr std::size_t kProbedSources = 4096;  // clients tried per name server: bounds the work in large clusters

class Review {
 public:
  Review(const Snapshot& snapshot, const Locate& locate) : snapshot_(snapshot), locate_(locate) {}

  std::vector<Diagnostic> run() {
    review_namespaces();
    review_tiers();
    review_addresses();
    review_name_servers(resolve(snapshot_, {.node = std::nullopt, .only = is_name_server}));
    std::ranges::sort(warnings_);
    return std::move(warnings_);
  }

 private:
  void warn(const ResourceKey& key, std::string field, std::string message) {
    const Location where = locate_(key).value_or(Location{});
    warnings_.push_back({where, Severity::Warning, print_key(key), std::move(field), std::move(message)});
  }

  /// One warning per undefined namespace, at the first object that names it.
  void review_namespaces() {
    if (snapshot_.namespaces.empty() && snapshot_.pods.empty()) return;  // policies alone, as in a policy repository
    std::map<std::string, ResourceKey> undefined;
    const auto note = [&](const ResourceKey& key) {
      if (!key.ns.empty() && snapshot_.namespaces.count(key.ns) == 0) undefined.try_emplace(key.ns, key);
    };
    for (const auto& [key, policy] : snapshot_.policies) note(key);
    for (const auto& [key, set] : snapshot_.network_sets) note(key);
    for (const auto& [name, pod] : snapshot_.pods) note({Kind::Pod, pod.ns, pod.name});
    for (const auto& [ns, key] : undefined) {
      warn(key, "metadata.namespace",
           "namespace '" + ns + "' is not defined: namespace selectors do not match its pods");
    }
  }

  void review_tiers() {
    static const std::set<std::string> built_in = {"default", "kube-admin", "kube-baseline"};
    for (const auto& [key, policy] : snapshot_.policies) {
      if (built_in.count(policy.tier) != 0 || snapshot_.tiers.count(policy.tier) != 0) continue;
      warn(key, "spec.tier",
           "tier '" + policy.tier + "' does not exist: the policy is evaluated after all tiers, with Deny at its end");
    }
  }

  void review_addresses() {
    std::map<Address, ResourceKey> first_with;
    for (const auto& [name, pod] : snapshot_.pods) {
      if (!pod.is_endpoint()) continue;
      const ResourceKey key{Kind::Pod, pod.ns, pod.name};
      for (const Address& address : pod.addresses) {
        const auto [entry, added] = first_with.try_emplace(address, key);
        if (added || entry->second == key) continue;
        warn(key, "status.podIPs",
             "address " + print_address(address) + " is also pod " + print_name(entry->second) +
                 "'s: it counts as the running, younger one's");
      }
    }
  }

  /// Policies that leave name servers deaf: an easy accident, since selecting a pod for one port closes the others.
  void review_name_servers(const NodePolicy& policy) {
    std::map<ResourceKey, std::vector<std::string>> deaf;  // by the policy that closes them
    std::map<ResourceKey, std::string> tier_of;
    for (const ResolvedEndpoint& server : policy.endpoints) {
      if (reachable(policy, server)) continue;
      for (const TierStep& step : policy.treatment(server, Direction::Ingress).steps) {
        const ResolvedTier& tier = policy.tiers[step.tier];
        const ResourceKey& closing = tier.policies[step.policies.front()].key;
        if (tier.default_action == TierDefault::Pass) continue;
        deaf[closing].push_back(print_name(server.pod));
        tier_of[closing] = tier.name;
        break;
      }
    }
    for (const auto& [key, servers] : deaf) {
      warn(key, "spec.selector",
           "selects name servers (" + join(servers) + "), and as no policy allows udp 53 to them, tier " +
               tier_of[key] + " denies it: name resolution stops. Allow port 53 to them, or narrow the selector");
    }
  }

  static bool is_name_server(const Pod& pod) {
    const auto app = pod.labels.find("k8s-app");
    if (app == "kube-dns" || app == "coredns") return true;
    return std::ranges::any_of(
        pod.ports, [](const ContainerPort& port) { return port.protocol == kUdp && port.port == kDnsPort; });
  }

  /// Does the server's own policy let any other pod ask it?
  [[nodiscard]] bool reachable(const NodePolicy& policy, const ResolvedEndpoint& server) const {
    if (policy.treatment(server, Direction::Ingress).steps.empty() || server.addresses.empty()) return true;
    std::size_t tried = 0;
    for (const auto& [name, client] : snapshot_.pods) {
      if (!client.is_endpoint() || (client.ns == server.pod.ns && client.name == server.pod.name)) continue;
      const std::optional<Flow> question = dns_question(client, server);
      if (!question) continue;
      if (++tried > kProbedSources) break;
      if (evaluate(policy, server, Direction::Ingress, *question).verdict == Verdict::Allow) return true;
    }
    return tried == 0;
  }

  /// Absent if the two have no address of one family.
  static std::optional<Flow> dns_question(const Pod& client, const ResolvedEndpoint& server) {
    Flow flow;
    flow.destination = server.addresses.front();
    flow.family = flow.destination->family;
    const auto source = std::ranges::find(client.addresses, flow.family, &Address::family);
    if (source == client.addresses.end()) return std::nullopt;
    flow.source = *source;
    flow.protocol = kUdp;
    flow.source_port = 40000;
    flow.destination_port = kDnsPort;
    return flow;
  }

  static std::string join(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
  }

  const Snapshot& snapshot_;
  const Locate& locate_;
  std::vector<Diagnostic> warnings_;
};

}  // namespace

std::vector<Diagnostic> review(const Snapshot& snapshot, const Locate& locate) {
  return Review(snapshot, locate).run();
}

}  // namespace tierwall::policy
