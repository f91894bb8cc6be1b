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

/// The policies of the tier that selected the endpoint and had no matching rule; of a host endpoint those of the class
/// that decided.
std::vector<policy::ResourceKey> unmatched_policies(const Decision& decision, const std::string& tier) {
  std::vector<policy::ResourceKey> keys;
  for (const TrailStep& step : decision.trail) {
    if (step.kind == TrailStep::Kind::Undecided) keys.clear();
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

std::string name_reason(const Decision& decision) {
  switch (decision.reason) {
    case Reason::Rule:
      return fmt::format("{} (tier {}) rule {}", policy::print_key(*decision.policy), decision.tier,
                         decision.rule.value_or(0));
    case Reason::TierDefault:
      return "the end of tier " + decision.tier;
    case Reason::Profile:
      return decision.policy ? policy::print_key(*decision.policy) : "the lack of a profile";
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

std::string_view verb(Verdict verdict) {
  return verdict == Verdict::Allow ? "allows" : "denies";
}

/// Why one side decided as it did, about `what`: "what pod a/x sends to pod a/y on tcp 80".
std::string describe(const Decision& decision, const std::string& what) {
  switch (decision.reason) {
    case Reason::Rule:
      return fmt::format("{} {} {}", name_reason(decision), verb(decision.verdict), what);
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

/// The same of a host endpoint, which is named with the class of its policy.
std::string describe_host(const Decision& decision, const std::string& what) {
  const std::string endpoint = "HostEndpoint " + decision.host->endpoint;
  const std::string_view policy_class = policy::print_class(decision.host->policy_class);
  switch (decision.reason) {
    case Reason::Rule:
    case Reason::TierDefault:
      return fmt::format("{}, by the {} policy of {}", describe(decision, what), policy_class, endpoint);
    case Reason::Profile:
      if (!decision.policy)
        return fmt::format("no policy decides and {} has no profile, which denies {}", endpoint, what);
      return fmt::format("no policy decides, so {} of {} {} {}", policy::print_key(*decision.policy), endpoint,
                         verb(decision.verdict), what);
    case Reason::NoPolicy:
      if (decision.verdict == Verdict::Allow) return fmt::format("no policy of {} judges {}", endpoint, what);
      return fmt::format("{} has neither policy nor profile for {}, which closes all but failsafe ports", endpoint,
                         what);
    case Reason::Failsafe:
      return fmt::format("a failsafe port of the default lists always stays open, so {} policy of {} does not judge {}",
                         policy_class, endpoint, what);
    default:
      return describe(decision, what);
  }
}

/// One of those who were asked, with what it was asked about: in full, and where that was said already.
struct Clause {
  const Decision* decision;
  std::string whole;
  std::string brief;
};

std::string what_is_sent(const Connection& connection) {
  return fmt::format("what {} sends to {} on {}", connection.source.words, connection.destination.words,
                     print_service(connection.flow));
}

std::vector<Clause> list_clauses(const Connection& connection) {
  const std::string service = print_service(connection.flow);
  const std::string& source = connection.source.words;
  const std::string& destination = connection.destination.words;
  const std::string sent = what_is_sent(connection);
  std::vector<Clause> clauses;
  if (connection.decision.egress) {
    clauses.push_back({&*connection.decision.egress, sent, fmt::format("what {} sends", source)});
  }
  for (const HostAnswer& answer : connection.crossing) {
    const std::string where = fmt::format(
        "as it {} node {}", answer.decision.host->direction == policy::Direction::Ingress ? "enters" : "leaves",
        answer.passage.node);
    clauses.push_back({&answer.decision, fmt::format("{} {}", sent, where), "it " + where});
  }
  if (connection.decision.ingress) {
    clauses.push_back({&*connection.decision.ingress,
                       fmt::format("what {} receives from {} on {}", destination, source, service),
                       fmt::format("what {} receives", destination)});
  }
  return clauses;
}

/// Those who agree with the verdict, without those who had nothing to say if somebody had.
std::string describe_way(const Connection& connection) {
  std::vector<Clause> clauses = list_clauses(connection);
  std::erase_if(clauses, [&](const Clause& clause) { return clause.decision->verdict != connection.decision.verdict; });
  const auto is_silent = [](const Clause& clause) {
    return clause.decision->reason == Reason::NoPolicy && clause.decision->verdict == Verdict::Allow;
  };
  if (std::ranges::all_of(clauses, is_silent)) {
    return fmt::format("no policy judges {}, anywhere on its way", what_is_sent(connection));
  }
  std::erase_if(clauses, is_silent);
  std::string text;
  for (const Clause& clause : clauses) {
    const std::string& what = text.empty() ? clause.whole : clause.brief;
    text += (text.empty() ? "" : "; and ") +
            (clause.decision->host ? describe_host(*clause.decision, what) : describe(*clause.decision, what));
  }
  return text;
}

bool meets_host_endpoints(const Connection& connection) {
  const std::vector<const Decision*> decisions = connection.decisions();
  return std::ranges::any_of(decisions, [](const Decision* decision) { return decision->host.has_value(); });
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
  return fmt::format("neither {} nor {} is a pod{}, so no policy judges what they exchange on {}",
                     connection.source.words, connection.destination.words,
                     connection.among_host_endpoints ? " and no host endpoint is between them" : "",
                     print_service(connection.flow));
}

bool names_policy(const policy::ResourceKey& key, const std::string& text) {
  if (policy::print_key(key) == text) return true;
  return key.kind == policy::Kind::KubernetesNetworkPolicy && "NetworkPolicy " + policy::print_name(key) == text;
}

}  // namespace

std::string summarise(const Connection& connection) {
  const std::string why = connection.closed                  ? connection.closed->why
                          : connection.decisions().empty()   ? describe_unjudged(connection)
                          : meets_host_endpoints(connection) ? describe_way(connection)
                                                             : describe_sides(connection);
  return fmt::format("{}: {}.", connection.decision.verdict == Verdict::Allow ? "Allowed" : "Denied", why);
}

std::string name_decider(const Decision& decision) {
  return name_reason(decision) + (decision.host ? " at HostEndpoint " + decision.host->endpoint : std::string());
}

bool is_because_of(const Decision& decision, const std::string& text) {
  if (!decision.tier.empty() && text == "tier " + decision.tier) return true;
  if (decision.host && text == "HostEndpoint " + decision.host->endpoint) return true;
  if (decision.reason == Reason::TierDefault) {
    return std::ranges::any_of(unmatched_policies(decision, decision.tier),
                               [&](const policy::ResourceKey& key) { return names_policy(key, text); });
  }
  if (decision.reason != Reason::Rule && decision.reason != Reason::Profile) return false;
  return decision.policy && names_policy(*decision.policy, text);
}

}  // namespace tierwall::daemon::ctl
