#include "daemon/ctl/description.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include <fmt/format.h>

#include "daemon/control/utc_time.h"
#include "daemon/ctl/rule_words.h"
#include "daemon/ctl/structured_text.h"
#include "daemon/ctl/suggestion.h"
#include "daemon/ctl/terminal.h"
#include "nft/print.h"

namespace tierwall::daemon::ctl {

namespace {

using policy::Direction;

std::string order_in_words(const std::optional<double>& order) {
  return order ? fmt::format("{}", *order) : "none: after everything with an order";
}

std::string print_hits_of(const HitRow& row) {
  const std::string last = row.last_hit_ms == 0 ? "never" : print_utc(std::chrono::milliseconds(row.last_hit_ms));
  return fmt::format("{} {}: {}, last {}", row.direction, row.words, count(row.packets, "packet"), last);
}

/// Of the counters for which `is_asked` holds.
template <typename Predicate>
Fact hits_fact(const DescribedNode& node, Predicate is_asked) {
  Fact fact{"Hits", {}};
  for (const HitRow& row : node.hits) {
    if (is_asked(row)) fact.lines.push_back(print_hits_of(row));
  }
  return fact;
}

/// Who has a treatment for which `is_asked` holds.
template <typename Predicate>
std::vector<std::string> endpoints_with(const policy::NodePolicy& policy, Predicate is_asked) {
  std::vector<std::string> lines;
  for (const policy::ResolvedEndpoint& endpoint : policy.endpoints) {
    if (is_asked(policy.treatments[endpoint.ingress]) || is_asked(policy.treatments[endpoint.egress])) {
      lines.push_back("pod " + policy::print_name(endpoint.pod));
    }
  }
  for (const policy::ResolvedHostEndpoint& endpoint : policy.host_endpoints) {
    const auto has = [&](std::size_t treatment) { return is_asked(policy.treatments[treatment]); };
    if (std::ranges::any_of(endpoint.treatments, has)) lines.push_back("host endpoint " + endpoint.name);
  }
  return lines;
}

// ---- policies ------------------------------------------------------------------------------------------------

/// Where a policy stands among those that select something here.
struct Place {
  std::size_t tier = 0;
  std::size_t policy = 0;
};

std::optional<Place> find_place(const policy::NodePolicy& policy, const policy::ResourceKey& key) {
  for (std::size_t tier = 0; tier < policy.tiers.size(); ++tier) {
    const auto& policies = policy.tiers[tier].policies;
    const auto found = std::ranges::find(policies, key, &policy::ResolvedPolicy::key);
    if (found != policies.end()) return Place{tier, static_cast<std::size_t>(found - policies.begin())};
  }
  return std::nullopt;
}

bool names(const policy::Treatment& treatment, const Place& place) {
  return std::ranges::any_of(treatment.steps, [&](const policy::TierStep& step) {
    return step.tier == place.tier && std::ranges::count(step.policies, place.policy) != 0;
  });
}

std::string print_compiled(const DescribedNode& node, const Place& place) {
  std::size_t rules = 0;
  std::size_t chains = 0;
  for (const auto& [chain, places] : node.table.places.of_rules) {
    const auto is_of_policy = [&](const std::vector<nft::RulePlace>& of_rule) {
      return std::ranges::any_of(of_rule, [&](const nft::RulePlace& of) {
        return of.of == nft::RulePlace::Of::Policy && of.owner == place.tier && of.policy == place.policy;
      });
    };
    const auto in_chain = static_cast<std::size_t>(std::ranges::count_if(places, is_of_policy));
    rules += in_chain;
    chains += in_chain > 0 ? 1 : 0;
  }
  return fmt::format("{} in {}", count(rules, "rule"), count(chains, "chain"));
}

void add_rules(const DescribedNode& node, const policy::ResolvedPolicy& resolved, Description& description) {
  for (const Direction direction : policy::kDirections) {
    Fact fact{direction == Direction::Ingress ? "Ingress rules" : "Egress rules", {}};
    for (const policy::ResolvedRule& rule : resolved.rules(direction)) {
      fact.lines.push_back(fmt::format("{}. {}", rule.number, print_rule(rule, node.policy)));
    }
    if (!fact.lines.empty()) description.facts.push_back(std::move(fact));
  }
}

Description describe_policy(const DescribedNode& node, const policy::ResourceKey& key) {
  const policy::Policy& policy = node.world.policies.at(key);
  Description description{"policy", policy::print_key(key), {}};
  auto& facts = description.facts;
  facts.push_back({"Tier", {policy.tier}});
  facts.push_back({"Order", {order_in_words(policy.order)}});
  facts.push_back({"Types", {print_types(policy)}});
  facts.push_back({"Selector", {policy::print_selector(policy.subject)}});
  const std::optional<Place> place = find_place(node.policy, key);
  if (policy.staged) facts.push_back({"Enforced", {"no: it is staged"}});
  if (!place) {
    facts.push_back({"Selects", {"nothing on this node"}});
    return description;
  }
  const policy::ResolvedTier& tier = node.policy.tiers[place->tier];
  facts.push_back({"Evaluated",
                   {fmt::format("as number {} of {} in tier {} that select something here", place->policy + 1,
                                tier.policies.size(), tier.name)}});
  facts.push_back({"Selects", endpoints_with(node.policy, [&](const policy::Treatment& treatment) {
                     return names(treatment, *place);
                   })});
  add_rules(node, tier.policies[place->policy], description);
  facts.push_back({"Compiled", {print_compiled(node, *place)}});
  facts.push_back(hits_fact(node, [&](const HitRow& row) {
    return row.kind == policy::print_kind(key.kind) && row.ns == key.ns && row.name == key.name;
  }));
  return description;
}

// ---- tiers ---------------------------------------------------------------------------------------------------

Description describe_tier(const DescribedNode& node, const std::string& name) {
  Description description{"tier", name, {}};
  auto& facts = description.facts;
  const auto found = std::ranges::find(node.policy.tiers, name, &policy::ResolvedTier::name);
  const auto written = node.world.tiers.find(name);
  if (found != node.policy.tiers.end()) {
    facts.push_back(
        {"Order", {found->missing ? "there is no such Tier: after all others" : order_in_words(found->order)}});
    facts.push_back({"Default", {found->default_action == policy::TierDefault::Deny ? "Deny" : "Pass"}});
  } else if (written != node.world.tiers.end()) {
    facts.push_back({"Order", {order_in_words(written->second.order)}});
    facts.push_back({"Default", {written->second.default_action == policy::TierDefault::Deny ? "Deny" : "Pass"}});
  }
  Fact policies{"Policies here", {}};
  if (found != node.policy.tiers.end()) {
    for (const policy::ResolvedPolicy& policy : found->policies)
      policies.lines.push_back(policy::print_key(policy.key));
  }
  facts.push_back(std::move(policies));
  const auto position = static_cast<std::size_t>(found - node.policy.tiers.begin());
  facts.push_back({"Judges", endpoints_with(node.policy, [&](const policy::Treatment& treatment) {
                     return std::ranges::count(treatment.steps, position, &policy::TierStep::tier) != 0;
                   })});
  facts.push_back(hits_fact(node, [&](const HitRow& row) { return row.tier == name && row.name.empty(); }));
  return description;
}

// ---- endpoints -----------------------------------------------------------------------------------------------

/// Tier by tier, then the profiles.
std::vector<std::string> print_treatment(const policy::NodePolicy& policy, const policy::Treatment& treatment) {
  std::vector<std::string> lines;
  for (const policy::TierStep& step : treatment.steps) {
    const policy::ResolvedTier& tier = policy.tiers[step.tier];
    std::vector<std::string> keys;
    for (const std::size_t at : step.policies) keys.push_back(policy::print_key(tier.policies[at].key));
    lines.push_back(fmt::format("tier {}: {}; then {}", tier.name, join(keys, ", "),
                                tier.default_action == policy::TierDefault::Deny ? "Deny" : "Pass"));
  }
  for (const std::size_t profile : treatment.profiles) lines.push_back("profile " + policy.profiles[profile].name);
  return lines;
}

/// The sets of policies that hold one of these addresses.
std::vector<std::string> sets_with(const policy::NodePolicy& policy, const std::vector<policy::Address>& addresses) {
  std::vector<std::string> lines;
  for (const policy::AddressSet& set : policy.address_sets) {
    const auto holds = [&](const policy::Address& address) { return set.contains(address); };
    if (std::ranges::any_of(addresses, holds)) lines.push_back(set.description);
  }
  return lines;
}

Description describe_endpoint(const DescribedNode& node, const policy::ResourceKey& key) {
  const policy::ResolvedEndpoint& endpoint = *node.policy.find_endpoint(key);
  Description description{"endpoint", policy::print_name(key), {}};
  auto& facts = description.facts;
  Fact addresses{"Addresses", {}};
  for (const policy::Address& address : endpoint.addresses) addresses.lines.push_back(policy::print_address(address));
  facts.push_back(std::move(addresses));
  facts.push_back({"Labels", {print_labels(node.world.pods.at({key.ns, key.name}).labels)}});
  std::vector<std::string> chains;
  for (const Direction direction : policy::kDirections) {
    const policy::Treatment& treatment = node.policy.treatment(endpoint, direction);
    facts.push_back({direction == Direction::Ingress ? "Ingress" : "Egress", print_treatment(node.policy, treatment)});
    for (const policy::Family family : policy::kFamilies) {
      const auto chain = node.table.parts.chains().find({family, treatment});
      if (chain != node.table.parts.chains().end() && !chain->second.empty()) chains.push_back(chain->second);
    }
  }
  facts.push_back({"Member of", sets_with(node.policy, endpoint.addresses)});
  facts.push_back({"Chains", std::move(chains)});
  return description;
}

Description describe_host_endpoint(const DescribedNode& node, const std::string& name) {
  Description description{"hostendpoint", name, {}};
  auto& facts = description.facts;
  const policy::HostEndpoint& written = node.world.host_endpoints.at(name);
  facts.push_back({"Node", {written.node}});
  facts.push_back({"Labels", {print_labels(written.labels)}});
  const auto found = std::ranges::find(node.policy.host_endpoints, name, &policy::ResolvedHostEndpoint::name);
  if (found == node.policy.host_endpoints.end()) {
    facts.push_back({"Governs", {"nothing on this node"}});
    return description;
  }
  facts.push_back({"Governs", found->all_interfaces ? std::vector<std::string>{"every interface that no other governs"}
                                                    : found->interfaces});
  for (const std::size_t at : found->treatments) {
    const policy::Treatment& treatment = node.policy.treatments[at];
    facts.push_back({fmt::format("{} {}", print_class(treatment.policy_class), print_direction(treatment.direction)),
                     print_treatment(node.policy, treatment)});
  }
  return description;
}

// ---- sets ----------------------------------------------------------------------------------------------------

bool looks_into(const policy::ResolvedPeer& peer, const nft::MemberSet& set) {
  const auto is_in = [&](const std::optional<policy::SetId>& id) {
    return id && std::ranges::count(set.sets, *id) != 0;
  };
  const auto holds = [&](const policy::ResolvedPorts& ports) {
    return std::ranges::any_of(ports.services, [&](policy::SetId id) { return std::ranges::count(set.sets, id) != 0; });
  };
  if (set.part == nft::MemberSet::Part::Services) return holds(peer.ports) || holds(peer.not_ports);
  return is_in(peer.in_set) || is_in(peer.not_in_set);
}

std::vector<std::string> policies_asking(const policy::NodePolicy& policy, const nft::MemberSet& set) {
  std::set<std::string> keys;
  for (const policy::ResolvedTier& tier : policy.tiers) {
    for (const policy::ResolvedPolicy& resolved : tier.policies) {
      for (const Direction direction : policy::kDirections) {
        for (const policy::ResolvedRule& rule : resolved.rules(direction)) {
          if (looks_into(rule.source, set) || looks_into(rule.destination, set)) {
            keys.insert(policy::print_key(resolved.key));
          }
        }
      }
    }
  }
  return {keys.begin(), keys.end()};
}

Description describe_set(const DescribedNode& node, const std::string& name) {
  const nft::Set& set = node.table.ruleset.sets.at(name);
  Description description{"set", name, {}};
  auto& facts = description.facts;
  if (!set.comment.empty()) facts.push_back({"Meaning", {set.comment}});
  const auto& member_sets = node.table.parts.member_sets();
  if (const auto members = member_sets.find(name); members != member_sets.end()) {
    facts.push_back({"Asked by", policies_asking(node.policy, members->second)});
  }
  Fact members{fmt::format("Members ({})", set.elements.size()), {}};
  for (const nft::Element& element : set.elements) members.lines.push_back(nft::print_element(set, element));
  facts.push_back(std::move(members));
  return description;
}

// ---- which one -----------------------------------------------------------------------------------------------

/// Something that can be asked for, under any of these names; the first is its own.
template <typename Id>
struct Candidate {
  Id id;
  std::vector<std::string> names;
};

template <typename Id>
Result<Id> choose(const std::vector<Candidate<Id>>& candidates, std::string_view kind, std::string_view name) {
  std::vector<const Candidate<Id>*> found;
  std::vector<std::string> known;
  for (const Candidate<Id>& candidate : candidates) {
    if (std::ranges::count(candidate.names, name) != 0) found.push_back(&candidate);
    known.insert(known.end(), candidate.names.begin(), candidate.names.end());
  }
  if (found.size() == 1) return found.front()->id;
  if (found.empty()) {
    return Error{ErrorKind::NotFound, fmt::format("no {} '{}' on this node{}", kind, name, suggest(name, known))};
  }
  std::vector<std::string> own;
  own.reserve(found.size());
  for (const Candidate<Id>* candidate : found) own.push_back(candidate->names.front());
  return Error{ErrorKind::Conflict, fmt::format("'{}' may be {}", name, join(own, " or "))};
}

Result<Description> find_policy(const DescribedNode& node, std::string_view name) {
  std::vector<Candidate<policy::ResourceKey>> candidates;
  for (const auto& [key, policy] : node.world.policies) {
    const std::string full = policy::print_name(key);
    candidates.push_back({key, {fmt::format("{}/{}", policy::print_kind(key.kind), full), full}});
    if (!key.ns.empty()) candidates.back().names.push_back(key.name);
  }
  const auto key = choose(candidates, "policy", name);
  if (!key) return key.error();
  return describe_policy(node, *key);
}

Result<Description> find_endpoint(const DescribedNode& node, std::string_view name) {
  std::vector<Candidate<policy::ResourceKey>> candidates;
  for (const policy::ResolvedEndpoint& endpoint : node.policy.endpoints) {
    candidates.push_back({endpoint.pod, {policy::print_name(endpoint.pod), endpoint.pod.name}});
    for (const policy::Address& address : endpoint.addresses) {
      candidates.back().names.push_back(policy::print_address(address));
    }
  }
  const auto key = choose(candidates, "endpoint", name);
  if (!key) return key.error();
  return describe_endpoint(node, *key);
}

/// Things whose name is their key.
template <typename Things>
std::vector<Candidate<std::string>> by_name(const Things& things) {
  std::vector<Candidate<std::string>> candidates;
  candidates.reserve(things.size());
  for (const auto& entry : things) candidates.push_back({entry.first, {entry.first}});
  return candidates;
}

Result<Description> find_tier(const DescribedNode& node, std::string_view name) {
  std::vector<Candidate<std::string>> candidates = by_name(node.world.tiers);
  for (const policy::ResolvedTier& tier : node.policy.tiers) {
    if (!node.world.tiers.contains(tier.name)) candidates.push_back({tier.name, {tier.name}});
  }
  const auto tier = choose(candidates, "tier", name);
  if (!tier) return tier.error();
  return describe_tier(node, *tier);
}

Result<Description> find_host_endpoint(const DescribedNode& node, std::string_view name) {
  const auto endpoint = choose(by_name(node.world.host_endpoints), "host endpoint", name);
  if (!endpoint) return endpoint.error();
  return describe_host_endpoint(node, *endpoint);
}

Result<Description> find_set(const DescribedNode& node, std::string_view name) {
  const auto set = choose(by_name(node.table.ruleset.sets), "set", name);
  if (!set) return set.error();
  return describe_set(node, *set);
}

struct DescribedKind {
  const char* name;
  const char* plural;
  Result<Description> (*find)(const DescribedNode& node, std::string_view name);
};

constexpr DescribedKind kKinds[] = {
    {"tier", "tiers", find_tier},
    {"policy", "policies", find_policy},
    {"endpoint", "endpoints", find_endpoint},
    {"hostendpoint", "hostendpoints", find_host_endpoint},
    {"set", "sets", find_set},
};

std::string print_text(const Description& description) {
  Columns columns;
  columns.add({description.kind, description.name});
  for (const Fact& fact : description.facts) {
    columns.add({fact.label, fact.lines.empty() ? "-" : fact.lines.front()});
    for (std::size_t i = 1; i < fact.lines.size(); ++i) columns.add({"", fact.lines[i]});
  }
  return columns.print();
}

std::string key_of(const Fact& fact) {
  std::string key = fact.label.substr(0, fact.label.find(" ("));
  for (char& letter : key) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
    if (letter == ' ') letter = '_';
  }
  return key;
}

std::string print_facts(const Description& description, Output output) {
  Json facts = Json::object();
  for (const Fact& fact : description.facts) facts[key_of(fact)] = fact.lines;
  return print_structured({{"kind", description.kind}, {"name", description.name}, {"facts", std::move(facts)}},
                          output);
}

}  // namespace

std::vector<std::string> described_kinds() {
  std::vector<std::string> kinds;
  for (const DescribedKind& kind : kKinds) kinds.emplace_back(kind.name);
  return kinds;
}

Result<Description> describe(const DescribedNode& node, std::string_view kind, std::string_view name) {
  for (const DescribedKind& known : kKinds) {
    if (kind == known.name || kind == known.plural) return known.find(node, name);
  }
  return Error{ErrorKind::Malformed, fmt::format("'{}' is none of {}{}", kind, join(described_kinds(), ", "),
                                                 suggest(kind, described_kinds()))};
}

std::string print_description(const Description& description, Output output) {
  return is_structured(output) ? print_facts(description, output) : print_text(description);
}

}  // namespace tierwall::daemon::ctl
