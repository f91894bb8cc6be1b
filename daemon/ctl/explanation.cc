#include "daemon/ctl/explanation.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "daemon/ctl/terminal.h"

namespace tierwall::daemon::ctl {

namespace {

using policy::Decision;
using policy::Direction;
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

/// "X", "X or Y", "X, Y or 3 more": enough to find the place, short enough for one line.
std::string list_some(const std::vector<policy::ResourceKey>& keys) {
  constexpr std::size_t kShown = 2;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(keys.size(), kShown); ++i) names.push_back(policy::print_key(keys[i]));
  const std::string shown = join(names, keys.size() == kShown ? " or " : ", ");
  return keys.size() <= kShown ? shown : fmt::format("{} or {} more", shown, keys.size() - kShown);
}

std::string_view verb(Verdict verdict) {
  return verdict == Verdict::Allow ? "allows" : "denies";
}

/// Why one side decided as it did.
std::string describe(const Decision& decision) {
  switch (decision.reason) {
    case Reason::Rule:
      return fmt::format("rule {} of {} in tier '{}' {} it", decision.rule.value_or(0),
                         policy::print_key(*decision.policy), decision.tier, verb(decision.verdict));
    case Reason::TierDefault:
      return fmt::format("no rule of {} allows it, and tier '{}' denies the rest",
                         list_some(unmatched_policies(decision, decision.tier)), decision.tier);
    case Reason::Profile:
      return fmt::format("no policy decides, and {} {} it", policy::print_key(*decision.policy),
                         verb(decision.verdict));
    case Reason::NoPolicy:
      return "no policy applies";
    case Reason::HostToPod:
      return "a node always reaches its own pods";
    case Reason::NeighbourDiscovery:
      return "neighbour discovery is never judged";
  }
  TIERWALL_CHECK(false);
  return {};
}

bool is_denied(const std::optional<Decision>& decision) {
  return decision && decision->verdict == Verdict::Deny;
}

/// Denied: what denies. Allowed: what each side says.
std::string describe_sides(const Connection& connection) {
  const policy::ConnectionDecision& decision = connection.decision;
  std::vector<std::string> sides;
  const bool denied = decision.verdict == Verdict::Deny;
  if (decision.egress && (!denied || is_denied(decision.egress)))
    sides.push_back("egress: " + describe(*decision.egress));
  if (decision.ingress && (!denied || is_denied(decision.ingress))) {
    sides.push_back("ingress: " + describe(*decision.ingress));
  }
  if (connection.to_itself) return "a pod's traffic to itself is never judged";
  return sides.empty() ? "neither end is a pod, so no policy judges it" : join(sides, "; ");
}

// ---- the walk ------------------------------------------------------------------------------------------------

/// What became of one policy: all its steps in one cell.
std::string outcome_of(const Decision& decision, const std::string& tier, const policy::ResourceKey& key) {
  std::vector<std::string> words;
  for (const TrailStep& step : decision.trail) {
    if (step.tier != tier || step.policy != key) continue;
    words.push_back(step.rule ? fmt::format("rule {}: {}", *step.rule, step.outcome) : step.outcome);
  }
  return words.empty() ? "not reached" : join(words, ", ");
}

void add_tier(Columns& columns, const Decision& decision, const policy::ResolvedTier& tier,
              const std::vector<std::size_t>& policies) {
  columns.add({fmt::format("tier '{}'{}", tier.name, tier.missing ? " (no such Tier)" : "")});
  for (const std::size_t index : policies) {
    const policy::ResourceKey& key = tier.policies[index].key;
    columns.add({"  " + policy::print_key(key), outcome_of(decision, tier.name, key)});
  }
  for (const TrailStep& step : decision.trail) {
    if (step.kind == TrailStep::Kind::TierDefault && step.tier == tier.name) {
      columns.add({"  end of tier", step.outcome});
    }
  }
}

std::string print_walk(const Decision& decision, const policy::NodePolicy& policy, const policy::Treatment& treatment) {
  Columns columns(2);
  for (const policy::TierStep& step : treatment.steps) {
    add_tier(columns, decision, policy.tiers[step.tier], step.policies);
  }
  for (const TrailStep& step : decision.trail) {
    if (step.kind == TrailStep::Kind::NoPolicy) columns.add({step.outcome});
    if (step.kind != TrailStep::Kind::Profile || !step.policy) continue;
    columns.add({policy::print_key(*step.policy),
                 step.rule ? fmt::format("rule {}: {}", *step.rule, step.outcome) : step.outcome});
  }
  return columns.print();
}

std::string print_side(const std::string& title, const Party& party, const std::optional<Decision>& decision,
                       Direction direction, const policy::NodePolicy& policy, bool color) {
  if (!decision || party.endpoint == nullptr) return {};
  const bool allowed = decision->verdict == Verdict::Allow;
  std::string text = fmt::format(
      "\n{} of {}{}: {}\n", title, party.words, party.address ? " (" + policy::print_address(*party.address) + ")" : "",
      paint(policy::print_verdict(decision->verdict), allowed ? Color::Green : Color::Red, color));
  if (decision->trail.empty()) return text + "  " + describe(*decision) + "\n";
  return text + print_walk(*decision, policy, policy.treatment(*party.endpoint, direction));
}

// ---- JSON ----------------------------------------------------------------------------------------------------

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

/// The keys that say which policy is meant, null where none is.
void put_policy(Json& json, const std::string& tier, const std::optional<policy::ResourceKey>& key,
                std::optional<int> rule) {
  json["tier"] = text_or_null(tier);
  json["kind"] = key ? Json(policy::print_kind(key->kind)) : Json(nullptr);
  json["namespace"] = key ? text_or_null(key->ns) : Json(nullptr);
  json["name"] = key ? Json(key->name) : Json(nullptr);
  json["rule"] = rule ? Json(*rule) : Json(nullptr);
}

Json to_json(const std::optional<Decision>& decision) {
  if (!decision) return nullptr;
  // That a namespace allows what no policy judges is not the doing of an object anyone could look up.
  const bool nobody = decision->reason == Reason::NoPolicy;
  Json json;
  json["verdict"] = policy::print_verdict(decision->verdict);
  json["by"] = policy::print_reason(decision->reason);
  put_policy(json, decision->tier, nobody ? std::nullopt : decision->policy, decision->rule);
  json["trail"] = Json::array();
  for (const TrailStep& step : decision->trail) {
    Json entry;
    put_policy(entry, step.tier, step.kind == TrailStep::Kind::NoPolicy ? std::nullopt : step.policy, step.rule);
    entry["outcome"] = step.outcome;
    json["trail"].push_back(std::move(entry));
  }
  return json;
}

bool names_policy(const policy::ResourceKey& key, const std::string& text) {
  if (policy::print_key(key) == text) return true;
  return key.kind == policy::Kind::KubernetesNetworkPolicy && "NetworkPolicy " + policy::print_name(key) == text;
}

}  // namespace

std::string summarise(const Connection& connection) {
  const bool allowed = connection.decision.verdict == Verdict::Allow;
  return fmt::format("{}: {} {} send to {} on {}: {}", allowed ? "allowed" : "denied", connection.source.words,
                     allowed ? "may" : "may not", connection.to_itself ? "itself" : connection.destination.words,
                     print_service(connection.flow), describe_sides(connection));
}

std::string explain_in_text(const Connection& connection, const policy::NodePolicy& policy, bool color) {
  const bool allowed = connection.decision.verdict == Verdict::Allow;
  const std::string sentence = summarise(connection);
  const std::size_t first_word = sentence.find(':');
  std::string text = paint(sentence.substr(0, first_word), allowed ? Color::Green : Color::Red, color) +
                     sentence.substr(first_word) + "\n";
  for (const std::string& note : connection.notes) text += "note: " + note + "\n";
  if (connection.to_itself) {
    text += "note: through a Service the same packet crosses the node and is judged like any flow\n";
  }
  text += print_side("egress", connection.source, connection.decision.egress, Direction::Egress, policy, color);
  text += print_side("ingress", connection.destination, connection.decision.ingress, Direction::Ingress, policy, color);
  return text;
}

Json explain_in_json(const Connection& connection, const std::optional<std::string>& disagreement) {
  Json json;
  json["verdict"] = policy::print_verdict(connection.decision.verdict);
  json["egress"] = to_json(connection.decision.egress);
  json["ingress"] = to_json(connection.decision.ingress);
  if (disagreement) json["disagreement"] = *disagreement;
  return json;
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
