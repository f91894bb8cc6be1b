#include "daemon/ctl/sentence.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "daemon/ctl/reason_text.h"
#include "daemon/ctl/terminal.h"

namespace tierwall::daemon::ctl {

namespace {

using policy::Decision;
using policy::Reason;
using policy::TrailStep;
using policy::Verdict;

/// The policies of the tier that selected the endpoint and had no matching rule.
std::vector<policy::ResourceKey> unmatched_policies(const Decision& decision, const std::string& tier) {
  std::vector<policy::ResourceKey> keys;
  for (const TrailStep& step : decision.trail) {
    if (step.kind == TrailStep::Kind::NoMatch && step.tier == tier && step.policy) keys.push_back(*step.policy);
  }
  return keys;
}

/// Enough to find the place, short enough for one sentence.
std::string list_unmatched(const Decision& decision) {
  constexpr std::size_t kShown = 2;
  std::vector<std::string> names;
  for (const policy::ResourceKey& key : unmatched_policies(decision, decision.tier)) {
    names.push_back(policy::print_key(key));
  }
  return list_some(names, kShown, "or");
}

std::string_view verb(Verdict verdict) {
  return verdict == Verdict::Allow ? "allows" : "denies";
}

/// Why one side decided as it did, about `what`: "what pod a/x sends to pod a/y on tcp 80".
std::string describe(const Decision& decision, const std::string& what) {
  switch (decision.reason) {
    case Reason::Rule:
      return fmt::format("{} {} {}", name_decider(decision), verb(decision.verdict), what);
    case Reason::TierDefault:
      return fmt::format("no rule of {} (tier {}) allows {}, and the end of the tier denies it",
                         list_unmatched(decision), decision.tier, what);
    case Reason::Profile:
      return fmt::format("no policy decides, so {} {} {}", policy::print_key(*decision.policy), verb(decision.verdict),
                         what);
    case Reason::NoPolicy:
      return "no policy judges " + what;
    case Reason::HostToPod:
      return "a node always reaches its own pods, so no policy judges " + what;
    case Reason::NeighbourDiscovery:
      return "neighbour discovery always passes, so no policy judges " + what;
    case Reason::Failsafe:
      return "a failsafe port always stays open, so no policy judges " + what;
    case Reason::Dhcpv6:
      return "DHCPv6 always passes, so no policy judges " + what;
  }
  TIERWALL_CHECK(false);
  return {};
}

std::string describe_sides(const Connection& connection) {
  const policy::ConnectionDecision& decision = connection.decision;
  const std::string service = print_service(connection.flow);
  const std::string& source = connection.source.words;
  const std::string& destination = connection.destination.words;
  // The verdict is of those who agree with it; the first clause says what it is all about.
  const auto counts = [&](const std::optional<Decision>& side) { return side && side->verdict == decision.verdict; };
  const std::string sent = fmt::format("what {} sends to {} on {}", source, destination, service);
  if (!counts(decision.egress)) {
    return describe(*decision.ingress, fmt::format("what {} receives from {} on {}", destination, source, service));
  }
  if (!counts(decision.ingress)) return describe(*decision.egress, sent);
  if (decision.egress->reason == Reason::NoPolicy && decision.ingress->reason == Reason::NoPolicy) {
    return fmt::format("no policy judges {}, on either side", sent);
  }
  return fmt::format("{}; and {}", describe(*decision.egress, sent),
                     describe(*decision.ingress, fmt::format("what {} receives", destination)));
}

std::string describe_unjudged(const Connection& connection) {
  if (connection.to_itself) return fmt::format("{} reaches itself, which no policy judges", connection.source.words);
  return fmt::format("neither {} nor {} is a pod, so no policy judges what they exchange on {}",
                     connection.source.words, connection.destination.words, print_service(connection.flow));
}

bool names_policy(const policy::ResourceKey& key, const std::string& text) {
  if (policy::print_key(key) == text) return true;
  return key.kind == policy::Kind::KubernetesNetworkPolicy && "NetworkPolicy " + policy::print_name(key) == text;
}

}  // namespace

std::string summarise(const Connection& connection) {
  const bool judged = connection.decision.egress || connection.decision.ingress;
  return fmt::format("{}: {}.", connection.decision.verdict == Verdict::Allow ? "Allowed" : "Denied",
                     judged ? describe_sides(connection) : describe_unjudged(connection));
}

std::string name_decider(const Decision& decision) {
  switch (decision.reason) {
    case Reason::Rule:
      return fmt::format("{} (tier {}) rule {}", policy::print_key(*decision.policy), decision.tier,
                         decision.rule.value_or(0));
    case Reason::TierDefault:
      return "the end of tier " + decision.tier;
    case Reason::Profile:
      return policy::print_key(*decision.policy);
    case Reason::NoPolicy:
      return "no policy";
    case Reason::HostToPod:
      return "the way of a node to its own pods";
    case Reason::NeighbourDiscovery:
      return "neighbour discovery, which always passes";
    case Reason::Failsafe:
      return "a failsafe port";
    case Reason::Dhcpv6:
      return "DHCPv6, which always passes";
  }
  TIERWALL_CHECK(false);
  return {};
}

bool is_because_of(const Decision& decision, const std::string& text) {
  if (!decision.tier.empty() && text == "tier " + decision.tier) return true;
  if (decision.reason == Reason::TierDefault) {
    return std::ranges::any_of(unmatched_policies(decision, decision.tier),
                               [&](const policy::ResourceKey& key) { return names_policy(key, text); });
  }
  if (decision.reason != Reason::Rule && decision.reason != Reason::Profile) return false;
  return decision.policy && names_policy(*decision.policy, text);
}

}  // namespace tierwall::daemon::ctl
