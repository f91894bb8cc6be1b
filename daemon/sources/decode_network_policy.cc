// NetworkPolicy of networking.k8s.io/v1 (kubernetes.md 1.1 to 1.3), translated the way Calico does
// (calico.md 2.5, 3.5), and Calico's staged form of it.

#include <utility>

#include <fmt/format.h>

#include "daemon/sources/decode_alternatives.h"
#include "daemon/sources/decode_kubernetes.h"
#include "daemon/sources/decode_policy_types.h"
#include "daemon/sources/decode_rules.h"
#include "daemon/sources/decode_selector.h"
#include "daemon/sources/decode_staged.h"

namespace tierwall::daemon {

namespace {

using policy::Direction;

void read_number_or_name(const Cursor& at, WrittenPort& port) {
  if (!to_integer(at.node())) {
    read_port_name(at, port.name);
  } else if (const auto number = read_port_number(at)) {
    port.range = {*number, *number};
  }
}

WrittenPort read_port(const Cursor& at) {
  WrittenPort port;
  const std::size_t before = at.errors();
  std::optional<std::uint16_t> end;
  read_fields(at, {{"protocol", [&](const Cursor& c) { port.protocol = read_transport(c); }},
                   {"port", [&](const Cursor& c) { read_number_or_name(c, port); }},
                   {"endPort", [&](const Cursor& c) { end = read_port_number(c); }}});
  if (at.errors() != before) return port;
  if (!at.find("protocol") && !at.find("port") && !end)
    at.warning("empty means every TCP port and no other protocol; leave ports out to mean every protocol");
  if (!end) return port;
  const Cursor at_end = *at.find("endPort");
  if (!port.range) {
    at_end.error("needs a port that is a number");
  } else if (*end < port.range->first) {
    at_end.error(fmt::format("must not be below port, which is {}, but is {}", port.range->first, *end));
  } else {
    port.range->last = *end;
  }
  return port;
}

/// What stored objects may hold although the API server takes it no longer (kubernetes.md 1.3), and how it is read.
void warn_of_legacy(const Cursor& at, const std::string& text, const policy::Prefix& prefix) {
  const bool v6_text = text.find(':') != std::string::npos;
  const std::string address = text.substr(0, text.find('/'));
  std::vector<std::string_view> oddities;
  if (v6_text && prefix.base.family == policy::Family::V4) {
    oddities.emplace_back("is IPv4-mapped");
  } else if (!policy::parse_prefix(text)) {
    oddities.emplace_back("has leading zeros (taken as decimal)");
  }
  const auto whole = policy::parse_legacy_prefix(address + (v6_text ? "/128" : "/32"));
  if (whole && whole->base != prefix.base) oddities.emplace_back("has bits set behind its prefix length");
  if (oddities.empty()) return;
  at.warning(fmt::format("{} {}: read as {}", quote(text), fmt::join(oddities, " and "), policy::print_prefix(prefix)));
}

std::optional<policy::Prefix> read_block(const Cursor& at) {
  const auto text = at.text();
  if (!text) return std::nullopt;
  const auto prefix = policy::parse_legacy_prefix(*text);
  if (!prefix) {
    at.error(prefix.error().message);
    return std::nullopt;
  }
  warn_of_legacy(at, *text, *prefix);
  return *prefix;
}

void read_exceptions(const Cursor& at, policy::Peer& peer) {
  const auto items = at.items();
  if (!items) return;
  for (const Cursor& item : *items) {
    const auto except = read_block(item);
    if (!except) continue;
    peer.not_nets.push_back(*except);
    if (peer.nets.empty()) continue;
    const policy::Prefix& cidr = peer.nets.front();
    if (!cidr.contains(*except) || except->length <= cidr.length)
      item.error(fmt::format("must be inside cidr {} and smaller", policy::print_prefix(cidr)));
  }
}

void read_ip_block(const Cursor& at, policy::Peer& peer) {
  read_fields(at, {{"cidr", ignore_field}, {"except", ignore_field}});
  if (at.node().kind != Node::Kind::Map) return;
  const auto cidr = at.find("cidr");
  if (!cidr) {
    at.missing("cidr");
    return;
  }
  if (const auto block = read_block(*cidr)) peer.nets.push_back(*block);
  if (const auto except = at.find("except")) read_exceptions(*except, peer);
}

/// Without a namespace selector the policy's own namespace is meant.
policy::Selector select_pods(std::optional<policy::Selector> pods, std::optional<policy::Selector> namespaces,
                             const std::string& ns) {
  return only_pods({std::move(pods).value_or(policy::all()),
                    namespaces ? over_namespaces(*std::move(namespaces)) : in_namespace(ns)});
}

policy::Peer read_peer(const Cursor& at, const std::string& ns) {
  policy::Peer peer;
  std::optional<policy::Selector> pods, namespaces;
  const std::size_t before = at.errors();
  const bool is_object =
      read_fields(at, {{"podSelector", [&](const Cursor& c) { pods = read_label_selector(c); }},
                       {"namespaceSelector", [&](const Cursor& c) { namespaces = read_label_selector(c); }},
                       {"ipBlock", [&](const Cursor& c) { read_ip_block(c, peer); }}});
  const bool is_block = at.find("ipBlock").has_value();
  const bool is_selector = at.find("podSelector") || at.find("namespaceSelector");
  if (is_block && is_selector) at.error("ipBlock cannot stand together with podSelector or namespaceSelector");
  if (is_object && !is_block && !is_selector && at.errors() == before)
    at.error("needs podSelector, namespaceSelector or ipBlock; leave the whole list out to mean everyone");
  if (is_selector && at.errors() == before) peer.selector = select_pods(std::move(pods), std::move(namespaces), ns);
  return peer;
}

/// Blocks without exceptions join into one peer: a rule with a thousand of them stays one rule.
std::vector<policy::Peer> join_blocks(const Alternatives<policy::Peer>& written) {
  if (!written.restricts) return {policy::Peer{}};
  std::vector<policy::Peer> peers;
  std::optional<std::size_t> blocks;
  for (const policy::Peer& peer : written.items) {
    const bool plain = !peer.selector && peer.not_nets.empty();
    if (plain && blocks) {
      peers[*blocks].nets.insert(peers[*blocks].nets.end(), peer.nets.begin(), peer.nets.end());
      continue;
    }
    if (plain) blocks = peers.size();
    peers.push_back(peer);
  }
  return peers;
}

void read_rule(const Cursor& at, int number, Direction direction, const std::string& ns,
               std::vector<policy::Rule>& rules) {
  Alternatives<policy::Peer> peers;
  Alternatives<WrittenPort> ports;
  const std::size_t before = at.errors();
  const auto read_peers = [&](const Cursor& c) {
    read_alternatives(c, peers, [&ns](const Cursor& item) { return read_peer(item, ns); });
  };
  read_fields(at, {{direction == Direction::Ingress ? "from" : "to", read_peers},
                   {"ports", [&](const Cursor& c) { read_alternatives(c, ports, read_port); }}});
  if (at.errors() - before != peers.errors + ports.errors) {
    rules.push_back(closed_rule(policy::Action::Allow, number));
    return;
  }
  append_rules({.action = policy::Action::Allow, .number = number}, direction, join_blocks(peers), ports, rules);
}

/// Rules only allow here, so a list that cannot be read allows nothing.
void read_section(const Cursor& at, Direction direction, const std::string& ns, RuleSection& section) {
  section.written = true;
  const auto items = at.items();
  if (!items) return;
  section.written = !items->empty();
  const std::size_t before = at.errors();
  int number = 0;
  for (const Cursor& item : *items) read_rule(item, ++number, direction, ns, section.rules);
  section.errors = at.errors() - before;
}

void warn_of_ignored(const Cursor& spec, std::string_view section, std::string_view type) {
  if (const auto at = spec.find(section))
    at->warning(fmt::format("ignored, because policyTypes does not name {}", type));
}

struct NetworkSpec {
  std::optional<policy::Selector> pods = policy::all();  ///< absent: not understood
  RuleSection ingress;
  RuleSection egress;
  PolicyTypes types;
  std::optional<policy::StagedAction> staged;
};

void settle_types(const Cursor& at, NetworkSpec& spec) {
  if (!spec.types.written) {
    spec.types.ingress = true;
    spec.types.egress = spec.egress.written;
  }
  if (!spec.types.ingress && spec.ingress.written) warn_of_ignored(at, "ingress", "Ingress");
  if (!spec.types.egress && spec.egress.written) warn_of_ignored(at, "egress", "Egress");
}

void read_policy_spec(const Cursor& at, const std::string& ns, NetworkSpec& spec) {
  const auto read_ingress = [&](const Cursor& c) { read_section(c, Direction::Ingress, ns, spec.ingress); };
  const auto read_egress = [&](const Cursor& c) { read_section(c, Direction::Egress, ns, spec.egress); };
  std::vector<FieldRow> rows = {{"podSelector", [&](const Cursor& c) { spec.pods = read_label_selector(c); }},
                                {"ingress", read_ingress},
                                {"egress", read_egress},
                                {"policyTypes", [&](const Cursor& c) { read_policy_types(c, spec.types); }}};
  if (spec.staged) rows.push_back({"stagedAction", [&](const Cursor& c) { spec.staged = read_staged_action(c); }});
  if (!read_fields(at, rows)) {
    spec.pods.reset();
    return;
  }
  if (spec.staged == policy::StagedAction::Delete) demand_only_deletion(at);
  settle_types(at, spec);
}

std::optional<policy::Resource> decode_kubernetes_policy(policy::Kind kind, std::optional<policy::StagedAction> staged,
                                                         const Cursor& object, const Metadata& metadata) {
  NetworkSpec spec;
  spec.staged = staged;
  const std::size_t before = object.errors();
  read_spec(object, [&](const Cursor& c) { read_policy_spec(c, metadata.ns, spec); });
  if (!object.find("spec")) {
    object.warning("spec is missing: that selects every pod of the namespace and allows them no ingress");
    spec.types.ingress = true;
  }
  if (!spec.pods) return std::nullopt;
  close_if_surrounded(object.errors() - before, spec.ingress, spec.egress);
  policy::Policy result;
  result.kind = kind;
  result.ns = metadata.ns;
  result.name = metadata.name;
  result.order = policy::kKubernetesPolicyOrder;
  result.subject = select_pods(std::move(spec.pods), std::nullopt, metadata.ns);
  result.applies_to_ingress = spec.types.ingress;
  result.applies_to_egress = spec.types.egress;
  if (result.applies_to_ingress) result.ingress = std::move(spec.ingress.rules);
  if (result.applies_to_egress) result.egress = std::move(spec.egress.rules);
  result.staged = spec.staged;
  return result;
}

}  // namespace

std::optional<policy::Resource> decode_network_policy(const Cursor& object, const Metadata& metadata) {
  return decode_kubernetes_policy(policy::Kind::KubernetesNetworkPolicy, std::nullopt, object, metadata);
}

std::optional<policy::Resource> decode_staged_kubernetes_network_policy(const Cursor& object,
                                                                        const Metadata& metadata) {
  return decode_kubernetes_policy(policy::Kind::StagedKubernetesNetworkPolicy, policy::StagedAction::Set, object,
                                  metadata);
}

}  // namespace tierwall::daemon
