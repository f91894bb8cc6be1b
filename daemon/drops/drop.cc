#include "daemon/drops/drop.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "nft/rule_place.h"
#include "policy/evaluate_host.h"

namespace tierwall::daemon {

namespace {

using nft::Hook;
using policy::Decision;
using policy::Direction;
using policy::Reason;
using policy::Verdict;

std::string_view print_hook(Hook hook) {
  switch (hook) {
    case Hook::Prerouting:
      return "prerouting";
    case Hook::Input:
      return "input";
    case Hook::Forward:
      return "forward";
    case Hook::Output:
      return "output";
    case Hook::Postrouting:
      return "postrouting";
  }
  TIERWALL_CHECK(false);
  return {};
}

policy::Flow flow_of(const PacketHeaders& headers) {
  policy::Flow flow{.source = headers.source, .destination = headers.destination, .family = headers.source.family};
  flow.protocol = headers.protocol;
  flow.source_port = headers.source_port;
  flow.destination_port = headers.destination_port;
  flow.icmp = {headers.icmp_type, headers.icmp_code};
  return flow;
}

/// What the rule of a decision counts, as its counter and its words say it.
nft::CountedRules counted_by(const Decision& decision, Direction direction) {
  const bool profile = decision.reason == Reason::Profile;
  return {.direction = direction,
          .action = policy::Action::Deny,
          .tier = decision.tier,
          .profile = profile && decision.policy ? decision.policy->name : std::string(),
          .policy = decision.reason == Reason::Rule ? decision.policy : std::nullopt,
          .rule = decision.rule ? static_cast<std::uint32_t>(*decision.rule) : 0,
          .at_end = decision.reason == Reason::TierDefault || (profile && !decision.rule)};
}

/// Finds who denies the packet, in the order in which the table asks.
class Blame {
 public:
  Blame(const DeniedPacket& packet, const policy::NodePolicy& policy, const nft::CompileOptions& options)
      : packet_(packet),
        policy_(policy),
        options_(options),
        flow_(flow_of(packet.headers)),
        source_(policy.find_endpoint(packet.headers.source)),
        destination_(policy.find_endpoint(packet.headers.destination)) {}

  void find(Drop& drop) const {
    const std::vector<Decision> of_hosts = policy::judge_passage(policy_, passage(), flow_, options_.failsafes);
    const auto denies = [&](Direction direction) {
      return std::ranges::find_if(of_hosts, [&](const Decision& decision) {
        return decision.verdict == Verdict::Deny && decision.host->direction == direction;
      });
    };
    const auto entering = denies(Direction::Ingress);
    const auto leaving = denies(Direction::Egress);
    // In the input hook pods come before the node's own policy.
    if (packet_.hook == Hook::Input && find_in_pods(drop)) return;
    if (entering != of_hosts.end()) return tell(*entering, Direction::Ingress, drop);
    if (packet_.hook == Hook::Forward && find_in_pods(drop)) return;
    if (leaving != of_hosts.end()) return tell(*leaving, Direction::Egress, drop);
    drop.by = "changed";
    drop.words = "policy as it is now does not deny it";
  }

 private:
  [[nodiscard]] policy::Passage passage() const {
    policy::Passage passage{.node = options_.node};
    if (!packet_.in_interface.empty()) passage.in = packet_.in_interface;
    if (!packet_.out_interface.empty()) passage.out = packet_.out_interface;
    passage.from_pod = source_ != nullptr && passage.in;
    passage.to_pod = destination_ != nullptr && passage.out;
    return passage;
  }

  bool find_in_pods(Drop& drop) const {
    if (find_unknown_pod(drop)) return true;
    if (source_ != nullptr && denies(*source_, Direction::Egress, drop)) return true;
    if (packet_.hook == Hook::Forward)
      return destination_ != nullptr && denies(*destination_, Direction::Ingress, drop);
    if (source_ == nullptr || options_.endpoint_to_host != nft::CompileOptions::EndpointToHost::Drop) return false;
    drop.by = "endpoint-to-host";
    drop.words = "no pod may reach its own node (host.endpoint_to_host)";
    return true;
  }

  bool find_unknown_pod(Drop& drop) const {
    if (options_.unknown_pod == nft::CompileOptions::UnknownPod::Allow) return false;
    const auto is_unknown = [&](const policy::Address& address, const policy::ResolvedEndpoint* endpoint) {
      return endpoint == nullptr && std::ranges::any_of(options_.pod_cidrs, [&](const policy::Prefix& prefix) {
               return prefix.contains(address);
             });
    };
    const bool to_unknown = packet_.hook == Hook::Forward && is_unknown(packet_.headers.destination, destination_);
    if (!to_unknown && !is_unknown(packet_.headers.source, source_)) return false;
    drop.by = "unknown-pod";
    drop.words = fmt::format("{} is in this node's pod network, and no pod is known to have it (dataplane.unknown_pod)",
                             policy::print_address(to_unknown ? packet_.headers.destination : packet_.headers.source));
    return true;
  }

  bool denies(const policy::ResolvedEndpoint& endpoint, Direction direction, Drop& drop) const {
    const Decision decision = policy::evaluate(policy_, endpoint, direction, flow_);
    if (decision.verdict == Verdict::Allow) return false;
    tell(decision, direction, drop);
    return true;
  }

  static void tell(const Decision& decision, Direction direction, Drop& drop) {
    drop.by = policy::print_reason(decision.reason);
    drop.direction = policy::print_direction(direction);
    if (decision.host) drop.endpoint = decision.host->endpoint;
    drop.tier = decision.tier;
    drop.rule = decision.rule.value_or(0);
    if (decision.policy && decision.reason != Reason::NoPolicy) {
      drop.kind = policy::print_kind(decision.policy->kind);
      drop.ns = decision.policy->ns;
      drop.name = decision.policy->name;
    }
    const nft::CountedRules counted = counted_by(decision, direction);
    drop.words =
        decision.reason == Reason::NoPolicy ? "neither policy nor profile allows anything" : nft::describe(counted);
    if (decision.reason != Reason::NoPolicy) drop.counter = nft::make_counter(counted).name;
  }

  const DeniedPacket& packet_;
  const policy::NodePolicy& policy_;
  const nft::CompileOptions& options_;
  policy::Flow flow_;
  const policy::ResolvedEndpoint* source_;
  const policy::ResolvedEndpoint* destination_;
};

DropEnd describe_end(const policy::Address& address, const policy::NodePolicy& policy) {
  const policy::ResolvedEndpoint* endpoint = policy.find_endpoint(address);
  return {policy::print_address(address), endpoint == nullptr ? std::string() : policy::print_name(endpoint->pod)};
}

}  // namespace

std::string name_decider(const Drop& drop) {
  std::string text = drop.direction.empty() ? drop.words : drop.direction + ", " + drop.words;
  if (!drop.endpoint.empty()) text += " (HostEndpoint " + drop.endpoint + ")";
  return text;
}

Drop explain_drop(const DeniedPacket& packet, const policy::NodePolicy& policy, const nft::CompileOptions& options) {
  const PacketHeaders& headers = packet.headers;
  Drop drop{.source = describe_end(headers.source, policy),
            .destination = describe_end(headers.destination, policy),
            .protocol = policy::print_protocol(headers.protocol),
            .source_port = headers.source_port,
            .destination_port = headers.destination_port,
            .hook = std::string(print_hook(packet.hook)),
            .in_interface = packet.in_interface,
            .out_interface = packet.out_interface};
  if (headers.protocol == policy::kIcmp || headers.protocol == policy::kIcmpv6) {
    drop.icmp = fmt::format("{}/{}", headers.icmp_type, headers.icmp_code);
  }
  Blame(packet, policy, options).find(drop);
  return drop;
}

}  // namespace tierwall::daemon
