#include "daemon/sources/decode_cluster_policy.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "daemon/sources/decode_alternatives.h"
#include "daemon/sources/decode_cluster_peer.h"
#include "daemon/sources/decode_cluster_ports.h"
#include "daemon/sources/decode_limits.h"
#include "daemon/sources/decode_rules.h"

namespace tierwall::daemon {

namespace {

using policy::Action;
using policy::Direction;

constexpr std::string_view kBaselineName = "default";
constexpr double kBaselineOrder = 1000;  ///< a BaselineAdminNetworkPolicy has no priority (calico.md 3.5)

constexpr Choice<std::string_view> kTiers[] = {{"Admin", policy::kAdminTier}, {"Baseline", policy::kBaselineTier}};
constexpr Choice<Action> kClusterActions[] = {
    {"Accept", Action::Allow}, {"Deny", Action::Deny}, {"Pass", Action::Pass}};
constexpr Choice<Action> kAdminActions[] = {{"Allow", Action::Allow}, {"Deny", Action::Deny}, {"Pass", Action::Pass}};
constexpr Choice<Action> kBaselineActions[] = {{"Allow", Action::Allow}, {"Deny", Action::Deny}};

/// What a kind calls things, and how much of them it takes.
struct Dialect {
  policy::Kind kind;
  std::size_t most;  ///< rules of a direction, peers of a rule, ports of a rule
  std::optional<Action> (*read_action)(const Cursor& at);
  std::string_view ports;  ///< the field
  std::string_view named_port;
  WrittenPort (*read_port)(const Cursor& at);
  DomainNames domain_names;
};

constexpr Dialect kCluster = {.kind = policy::Kind::KubernetesClusterNetworkPolicy,
                              .most = kMaxClusterEntries,
                              .read_action = [](const Cursor& at) { return read_choice(at, kClusterActions); },
                              .ports = "protocols",
                              .named_port = "destinationNamedPort",
                              .read_port = read_cluster_protocol,
                              .domain_names = DomainNames::Refused};
constexpr Dialect kAdmin = {.kind = policy::Kind::KubernetesAdminNetworkPolicy,
                            .most = kMaxAdminEntries,
                            .read_action = [](const Cursor& at) { return read_choice(at, kAdminActions); },
                            .ports = "ports",
                            .named_port = "namedPort",
                            .read_port = read_admin_port,
                            .domain_names = DomainNames::Refused};
constexpr Dialect kBaseline = {.kind = policy::Kind::KubernetesBaselineAdminNetworkPolicy,
                               .most = kMaxAdminEntries,
                               .read_action = [](const Cursor& at) { return read_choice(at, kBaselineActions); },
                               .ports = "ports",
                               .named_port = "namedPort",
                               .read_port = read_admin_port,
                               .domain_names = DomainNames::Unknown};

/// A rule as written.
struct WrittenRule {
  std::optional<Action> action;
  policy::Labels annotations;
  Alternatives<policy::Peer> peers;
  Alternatives<WrittenPort> ports;
};

void read_rule_name(const Cursor& at, policy::Labels& annotations) {
  const auto name = at.text();
  if (!name || name->empty()) return;
  if (name->size() > kMaxClusterRuleName)
    at.error(fmt::format("at most {} characters, has {}", kMaxClusterRuleName, name->size()));
  annotations.set("name", *name);
}

/// Only pods have named ports; beside other peers nobody could say what such a rule means.
void check_named_ports(const Cursor& at, const Dialect& dialect, const WrittenRule& rule) {
  const auto is_named = [](const WrittenPort& port) { return !port.name.empty(); };
  const auto is_no_pod = [](const policy::Peer& peer) { return !peer.selector; };
  if (std::none_of(rule.ports.items.begin(), rule.ports.items.end(), is_named)) return;
  if (std::none_of(rule.peers.items.begin(), rule.peers.items.end(), is_no_pod)) return;
  at.error(fmt::format("{} needs peers that are pods: nodes and networks have no named ports", dialect.named_port));
}

WrittenRule read_written_rule(const Cursor& at, Direction direction, const Dialect& dialect) {
  WrittenRule rule;
  const std::string_view peers = direction == Direction::Ingress ? "from" : "to";
  const auto read_peers = [&](const Cursor& c) {
    demand_entries(c, dialect.most);
    read_alternatives(c, rule.peers,
                      [&](const Cursor& item) { return read_cluster_peer(item, direction, dialect.domain_names); });
  };
  const auto read_ports = [&](const Cursor& c) {
    demand_entries(c, dialect.most);
    read_alternatives(c, rule.ports, dialect.read_port);
  };
  const bool is_object = read_fields(at, {{"name", [&](const Cursor& c) { read_rule_name(c, rule.annotations); }},
                                          {"action", [&](const Cursor& c) { rule.action = dialect.read_action(c); }},
                                          {peers, read_peers},
                                          {dialect.ports, read_ports}});
  if (!is_object) return rule;
  if (!at.find("action")) at.missing("action");
  if (!at.find(peers)) at.missing(peers, "a rule names at least one peer");
  check_named_ports(at, dialect, rule);
  return rule;
}

void read_rule(const Cursor& at, int number, Direction direction, const Dialect& dialect,
               std::vector<policy::Rule>& rules) {
  const std::size_t before = at.errors();
  WrittenRule written = read_written_rule(at, direction, dialect);
  const std::size_t errors = at.errors() - before;
  const Action action = written.action.value_or(Action::Deny);
  const bool allows = action == Action::Allow;
  const bool understood = errors == (allows ? written.peers.errors + written.ports.errors : 0);
  policy::Rule rule = closed_rule(action, number);
  rule.annotations = std::move(written.annotations);
  if (!understood) {
    rules.push_back(std::move(rule));
    return;
  }
  rule.understood = true;
  append_rules(std::move(rule), direction, written.peers.items, written.ports, rules);
}

struct ClusterSpec {
  std::string tier{policy::kAdminTier};
  std::optional<double> order;
  std::optional<policy::Selector> subject;
  RuleSection ingress;
  RuleSection egress;
};

std::vector<FieldRow> rows_of(const Dialect& dialect, ClusterSpec& spec) {
  const auto rules = [&dialect](RuleSection& section, Direction direction) {
    return [&dialect, &section, direction](const Cursor& c) {
      section = read_ordered_rules(
          c, dialect.most, [&dialect, direction](const Cursor& item, int number, std::vector<policy::Rule>& into) {
            read_rule(item, number, direction, dialect, into);
          });
    };
  };
  return {{"subject", [&spec](const Cursor& c) { spec.subject = read_cluster_subject(c); }},
          {"ingress", rules(spec.ingress, Direction::Ingress)},
          {"egress", rules(spec.egress, Direction::Egress)}};
}

void read_priority(const Cursor& at, ClusterSpec& spec) {
  if (const auto priority = at.integer(0, kMaxClusterPriority)) spec.order = static_cast<double>(*priority);
}

/// An unknown tier may be the one that is evaluated first: there, with nothing allowed and behind all others, what the
/// policy denies is denied early, and what it passes skips nobody.
void read_tier(const Cursor& at, ClusterSpec& spec, bool& tier_known) {
  const auto tier = read_choice(at, kTiers);
  tier_known = tier.has_value();
  if (tier) spec.tier = *tier;
}

void read_spec_of(const Dialect& dialect, const Cursor& at, ClusterSpec& spec) {
  std::vector<FieldRow> rows = rows_of(dialect, spec);
  const bool has_tier = dialect.kind == policy::Kind::KubernetesClusterNetworkPolicy;
  const bool has_priority = dialect.kind != policy::Kind::KubernetesBaselineAdminNetworkPolicy;
  bool tier_known = !has_tier;
  if (has_tier) rows.push_back({"tier", [&](const Cursor& c) { read_tier(c, spec, tier_known); }});
  if (has_priority) rows.push_back({"priority", [&](const Cursor& c) { read_priority(c, spec); }});
  if (!has_priority) {
    spec.tier = policy::kBaselineTier;
    spec.order = kBaselineOrder;
  }
  if (!read_fields(at, rows)) return;
  if (has_tier && !at.find("tier")) at.missing("tier", "Admin or Baseline");
  if (has_priority && !at.find("priority")) at.missing("priority", "from 0, which comes first, to 1000");
  if (!at.find("subject")) at.missing("subject", "nobody knows which pods the policy is about");
  if (!tier_known) spec.order.reset();
}

void check_baseline_name(const Cursor& object, const Metadata& metadata) {
  const auto at = object.find("metadata");
  const auto name = at ? at->find("name") : std::nullopt;
  if (metadata.certain && name && metadata.name != kBaselineName)
    name->error(fmt::format("must be {}: there is only one policy of this kind", quote(kBaselineName)));
}

std::optional<policy::Resource> decode_dialect(const Dialect& dialect, const Cursor& object, const Metadata& metadata) {
  ClusterSpec spec;
  const std::size_t before = object.errors();
  if (dialect.kind == policy::Kind::KubernetesBaselineAdminNetworkPolicy) check_baseline_name(object, metadata);
  read_spec(object, [&](const Cursor& c) { read_spec_of(dialect, c, spec); });
  if (!object.find("spec")) object.missing("spec");
  if (!spec.subject) return std::nullopt;
  close_if_surrounded(object.errors() - before, spec.ingress, spec.egress);
  policy::Policy result;
  result.kind = dialect.kind;
  result.name = metadata.name;
  result.tier = std::move(spec.tier);
  result.order = spec.order;
  result.subject = *std::move(spec.subject);
  result.applies_to_ingress = spec.ingress.written;
  result.applies_to_egress = spec.egress.written;
  result.ingress = std::move(spec.ingress.rules);
  result.egress = std::move(spec.egress.rules);
  return result;
}

}  // namespace

std::optional<policy::Resource> decode_cluster_network_policy(const Cursor& object, const Metadata& metadata) {
  return decode_dialect(kCluster, object, metadata);
}

std::optional<policy::Resource> decode_admin_network_policy(const Cursor& object, const Metadata& metadata) {
  return decode_dialect(kAdmin, object, metadata);
}

std::optional<policy::Resource> decode_baseline_admin_network_policy(const Cursor& object, const Metadata& metadata) {
  return decode_dialect(kBaseline, object, metadata);
}

}  // namespace tierwall::daemon
