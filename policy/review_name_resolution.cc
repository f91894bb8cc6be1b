#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "policy/evaluate.h"
#include "policy/resolve.h"
#include "policy/review_parts.h"

namespace tierwall::policy {

namespace {

constexpr std::uint16_t kDnsPort = 53;
constexpr std::size_t kProbedClients = 1024;  // pods that ask, and pods tried per name server: bounds the work
constexpr std::size_t kProbedServers = 8;

bool is_name_server(const Pod& pod) {
  const auto app = pod.labels.find("k8s-app");
  if (app == "kube-dns" || app == "coredns") return true;
  return std::ranges::any_of(pod.ports,
                             [](const ContainerPort& port) { return port.protocol == kUdp && port.port == kDnsPort; });
}

/// Absent if the two have no address of one family.
std::optional<Flow> dns_question(const std::vector<Address>& clients, const std::vector<Address>& servers) {
  for (const Address& server : servers) {
    const auto client = std::ranges::find(clients, server.family, &Address::family);
    if (client == clients.end()) continue;
    Flow flow;
    flow.source = *client;
    flow.destination = server;
    flow.family = server.family;
    flow.protocol = kUdp;
    flow.source_port = 40000;
    flow.destination_port = kDnsPort;
    return flow;
  }
  return std::nullopt;
}

/// The first policy of the tier that denies at its end: what one would have to change.
struct Closing {
  ResourceKey policy;
  std::string tier;
};

std::optional<Closing> closing_policy(const NodePolicy& policy, const ResolvedEndpoint& endpoint, Direction direction) {
  for (const TierStep& step : policy.treatment(endpoint, direction).steps) {
    const ResolvedTier& tier = policy.tiers[step.tier];
    if (tier.default_action == TierDefault::Deny) return Closing{tier.policies[step.policies.front()].key, tier.name};
  }
  return std::nullopt;
}

class NameResolutionReview {
 public:
  NameResolutionReview(const Snapshot& snapshot, TieBreak tie_break) : snapshot_(snapshot), tie_break_(tie_break) {}

  std::vector<Warning> run() {
    servers_ = resolve(snapshot_, {.node = std::nullopt, .only = is_name_server}, tie_break_);
    review_servers();
    if (!servers_.endpoints.empty()) review_clients();
    return std::move(warnings_);
  }

 private:
  using Affected = std::map<ResourceKey, std::pair<std::string, std::vector<std::string>>>;  // policy -> tier, pods

  static void note(Affected& affected, const NodePolicy& policy, const ResolvedEndpoint& endpoint,
                   Direction direction) {
    const std::optional<Closing> closing = closing_policy(policy, endpoint, direction);
    if (!closing) return;
    auto& [tier, pods] = affected[closing->policy];
    tier = closing->tier;
    pods.push_back(print_name(endpoint.pod));
  }

  /// Policies that leave name servers deaf: an easy accident, since selecting a pod for one port closes the others.
  void review_servers() {
    Affected deaf;
    for (const ResolvedEndpoint& server : servers_.endpoints) {
      if (!reachable(server)) note(deaf, servers_, server, Direction::Ingress);
    }
    for (const auto& [key, what] : deaf) {
      warnings_.push_back({key, "spec.selector",
                           "selects name servers (" + list_names(what.second) +
                               "), and as no policy allows udp 53 to them, tier " + what.first +
                               " denies it: name resolution stops. Allow port 53 to them, or narrow the selector"});
    }
  }

  /// Does the server's own policy let any other pod ask it?
  [[nodiscard]] bool reachable(const ResolvedEndpoint& server) const {
    if (servers_.treatment(server, Direction::Ingress).steps.empty() || server.addresses.empty()) return true;
    std::size_t tried = 0;
    for (const auto& [name, client] : snapshot_.pods) {
      if (!client.is_endpoint() || (client.ns == server.pod.ns && client.name == server.pod.name)) continue;
      const std::optional<Flow> question = dns_question(client.addresses, server.addresses);
      if (!question) continue;
      if (++tried > kProbedClients) break;
      if (evaluate(servers_, server, Direction::Ingress, *question).verdict == Verdict::Allow) return true;
    }
    return tried == 0;
  }

  /// Pods whose egress policy lets them ask none of the name servers. Pods that may send nothing at all are meant to be
  /// mute, and nothing is said of them.
  void review_clients() {
    std::size_t taken = 0;
    const auto asks = [&taken](const Pod& pod) { return !is_name_server(pod) && taken++ < kProbedClients; };
    const NodePolicy clients = resolve(snapshot_, {.node = std::nullopt, .only = asks}, tie_break_);
    Affected mute;
    for (const ResolvedEndpoint& client : clients.endpoints) {
      if (may_send_anything(clients, client) && !may_ask(clients, client)) {
        note(mute, clients, client, Direction::Egress);
      }
    }
    for (const auto& [key, what] : mute) {
      warnings_.push_back({key, "spec.egress",
                           "cuts pods off from name resolution (" + list_names(what.second) +
                               "): no policy allows them udp 53 to a name server, and tier " + what.first +
                               " denies the rest. Allow port 53 to the name servers"});
    }
  }

  static bool may_send_anything(const NodePolicy& policy, const ResolvedEndpoint& client) {
    const std::vector<TierStep>& steps = policy.treatment(client, Direction::Egress).steps;
    return std::ranges::any_of(steps, [&](const TierStep& step) {
      return std::ranges::any_of(step.policies, [&](std::size_t index) {
        return std::ranges::any_of(policy.tiers[step.tier].policies[index].egress,
                                   [](const ResolvedRule& rule) { return rule.action == Action::Allow; });
      });
    });
  }

  [[nodiscard]] bool may_ask(const NodePolicy& policy, const ResolvedEndpoint& client) const {
    std::size_t tried = 0;
    for (const ResolvedEndpoint& server : servers_.endpoints) {
      const std::optional<Flow> question = dns_question(client.addresses, server.addresses);
      if (!question) continue;
      if (evaluate(policy, client, Direction::Egress, *question).verdict == Verdict::Allow) return true;
      if (++tried == kProbedServers) break;
    }
    return tried == 0;
  }

  const Snapshot& snapshot_;
  TieBreak tie_break_;
  NodePolicy servers_;
  std::vector<Warning> warnings_;
};

}  // namespace

std::vector<Warning> review_name_resolution(const Snapshot& snapshot, TieBreak tie_break) {
  return NameResolutionReview(snapshot, tie_break).run();
}

}  // namespace tierwall::policy
