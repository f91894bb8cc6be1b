// NetworkPolicy of networking.k8s.io/v1 (kubernetes.md 1.1 to 1.3), translated the way Calico does
// (calico.md 2.5, 3.5).

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "daemon/sources/decode_kubernetes.h"
#include "daemon/sources/decode_limits.h"
#include "daemon/sources/decode_policy_types.h"
#include "daemon/sources/decode_selector.h"

namespace tierwall::daemon {

namespace {

using policy::Direction;

constexpr int kHighestPort = std::numeric_limits<std::uint16_t>::max();

constexpr Choice<policy::Protocol> kProtocols[] = {
    {"TCP", policy::kTcp}, {"UDP", policy::kUdp}, {"SCTP", policy::kSctp}};

/// The items of a list of which any one may hold. Those that were not understood are left out: a Kubernetes rule only
/// allows, so less of it is safe. Their errors are counted apart, because the rule around them stays good.
template <typename T>
struct Alternatives {
  bool restricts = false;  ///< something is written, so a flow must meet one of the items
  std::vector<T> items;
  std::size_t errors = 0;
};

template <typename T, typename ReadItem>
void read_alternatives(const Cursor& at, Alternatives<T>& alternatives, const ReadItem& read_item) {
  const auto items = at.items();
  if (!items) return;
  alternatives.restricts = !items->empty();
  for (const Cursor& item : *items) {
    const std::size_t before = at.errors();
    T value = read_item(item);
    alternatives.errors += at.errors() - before;
    if (at.errors() == before) alternatives.items.push_back(std::move(value));
  }
}

struct WrittenPort {
  policy::Protocol protocol = policy::kTcp;
  std::optional<policy::PortRange> range;
  std::string name;  ///< without range and name: all ports of the protocol
};

void read_port_number_or_name(const Cursor& at, WrittenPort& port) {
  if (to_integer(at.node())) {
    const auto number = static_cast<std::uint16_t>(at.integer(1, kHighestPort).value_or(1));
    port.range = {number, number};
    return;
  }
  const auto name = at.text();
  if (!name) return;
  port.name = *name;
  if (!name->empty() && name->find_first_not_of("0123456789") == std::string::npos) {
    at.error(fmt::format("in quotes this is the name of a port; write the number {} without quotes", *name));
  } else if (!policy::is_port_name(*name)) {
    at.error(fmt::format("{} is no port name: at most 15 of a-z, 0-9 and '-', with a letter among them", quote(*name)));
  }
}

WrittenPort read_port(const Cursor& at) {
  WrittenPort port;
  const std::size_t before = at.errors();
  std::optional<std::int64_t> end;
  read_fields(
      at, {{"protocol", [&](const Cursor& c) { port.protocol = read_choice(c, kProtocols).value_or(policy::kTcp); }},
           {"port", [&](const Cursor& c) { read_port_number_or_name(c, port); }},
           {"endPort", [&](const Cursor& c) { end = c.integer(1, kHighestPort); }}});
  if (at.errors() != before || !end) return port;
  const Cursor at_end = *at.find("endPort");
  if (!port.range) {
    at_end.error("needs a port that is a number");
  } else if (*end < port.range->first) {
    at_end.error(fmt::format("must not be below port, which is {}, but is {}", port.range->first, *end));
  } else {
    port.range->last = static_cast<std::uint16_t>(*end);
  }
  return port;
}

std::optional<policy::Prefix> read_block(const Cursor& at) {
  const auto text = at.text();
  if (!text) return std::nullopt;
  const auto prefix = policy::parse_legacy_prefix(*text);
  if (!prefix) {
    at.error(prefix.error().message);
    return std::nullopt;
  }
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

/// Pods only, whatever the selectors say: the namespace term and the orchestrator term keep network sets out.
policy::Selector select_pods(std::optional<policy::Selector> pods, std::optional<policy::Selector> namespaces,
                             const std::string& ns) {
  std::vector<policy::Selector> terms;
  terms.push_back(policy::equals(std::string(policy::kOrchestratorLabel), "k8s"));
  if (pods) terms.push_back(*std::move(pods));
  terms.push_back(namespaces
                      ? policy::with_prefix(*std::move(namespaces), policy::kNamespacePrefix, policy::kNamespaceLabel)
                      : policy::equals(std::string(policy::kNamespaceLabel), ns));
  return policy::conjunction(std::move(terms));
}

policy::Peer read_peer(const Cursor& at, const std::string& ns) {
  policy::Peer peer;
  std::optional<policy::Selector> pods, namespaces;
  bool is_block = false, is_selector = false;
  const std::size_t before = at.errors();
  const bool is_object = read_fields(at, {{"podSelector",
                                           [&](const Cursor& c) {
                                             is_selector = true;
                                             pods = read_label_selector(c);
                                           }},
                                          {"namespaceSelector",
                                           [&](const Cursor& c) {
                                             is_selector = true;
                                             namespaces = read_label_selector(c);
                                           }},
                                          {"ipBlock", [&](const Cursor& c) {
                                             is_block = true;
                                             read_ip_block(c, peer);
                                           }}});
  if (is_block && is_selector) at.error("ipBlock cannot stand together with podSelector or namespaceSelector");
  if (is_object && !is_block && !is_selector && at.errors() == before)
    at.error("needs podSelector, namespaceSelector or ipBlock; leave the whole list out to mean everyone");
  if (is_selector && at.errors() == before) peer.selector = select_pods(std::move(pods), std::move(namespaces), ns);
  return peer;
}

/// One protocol of a rule, with the ports it names.
struct ProtocolPorts {
  std::optional<policy::Protocol> protocol;  ///< absent: every protocol
  policy::PortList ports;                    ///< empty: all ports
};

std::vector<ProtocolPorts> group_by_protocol(const Alternatives<WrittenPort>& written) {
  if (!written.restricts) return {ProtocolPorts{}};
  std::vector<ProtocolPorts> groups;
  for (const Choice<policy::Protocol>& protocol : kProtocols) {
    ProtocolPorts group{.protocol = protocol.value, .ports = {}};
    bool named = false, whole = false;
    for (const WrittenPort& port : written.items) {
      if (port.protocol != protocol.value) continue;
      named = true;
      whole = whole || (!port.range && port.name.empty());
      if (port.range) group.ports.ranges.push_back(*port.range);
      if (!port.name.empty()) group.ports.names.push_back(port.name);
    }
    if (!named) continue;
    if (whole) group.ports = {};
    group.ports.ranges = policy::merge_port_ranges(std::move(group.ports.ranges));
    std::sort(group.ports.names.begin(), group.ports.names.end());
    group.ports.names.erase(std::unique(group.ports.names.begin(), group.ports.names.end()), group.ports.names.end());
    groups.push_back(std::move(group));
  }
  return groups;
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
  policy::Rule rule;
  rule.action = policy::Action::Allow;
  rule.number = number;
  rule.understood = at.errors() - before == peers.errors + ports.errors;
  if (!rule.understood) {
    rules.push_back(std::move(rule));
    return;
  }
  const std::vector<ProtocolPorts> groups = group_by_protocol(ports);
  for (const policy::Peer& peer : join_blocks(peers)) {
    for (const ProtocolPorts& group : groups) {
      rule.protocol = group.protocol;
      (direction == Direction::Ingress ? rule.source : rule.destination) = peer;
      rule.destination.ports = group.ports;
      rules.push_back(rule);
    }
  }
}

/// One direction of the policy as written.
struct Section {
  bool written = false;  ///< more than an empty list
  std::vector<policy::Rule> rules;
  std::size_t errors = 0;  ///< inside rules, which close themselves
};

void read_section(const Cursor& at, Direction direction, const std::string& ns, Section& section) {
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

void close_allows(std::vector<policy::Rule>& rules) {
  for (policy::Rule& rule : rules) rule = {.action = rule.action, .number = rule.number, .understood = false};
}

struct Spec {
  std::optional<policy::Selector> pods = policy::all();  ///< absent: not understood
  Section ingress;
  Section egress;
  PolicyTypes types;
};

void read_spec(const Cursor& at, const std::string& ns, Spec& spec) {
  const auto read_ingress = [&](const Cursor& c) { read_section(c, Direction::Ingress, ns, spec.ingress); };
  const auto read_egress = [&](const Cursor& c) { read_section(c, Direction::Egress, ns, spec.egress); };
  const bool is_object = read_fields(at, {{"podSelector", [&](const Cursor& c) { spec.pods = read_label_selector(c); }},
                                          {"ingress", read_ingress},
                                          {"egress", read_egress},
                                          {"policyTypes", [&](const Cursor& c) { read_policy_types(c, spec.types); }}});
  if (!is_object) {
    spec.pods.reset();
    return;
  }
  if (!spec.types.written) {
    spec.types.ingress = true;
    spec.types.egress = spec.egress.written;
  }
  if (!spec.types.ingress && spec.ingress.written) warn_of_ignored(at, "ingress", "Ingress");
  if (!spec.types.egress && spec.egress.written) warn_of_ignored(at, "egress", "Egress");
}

}  // namespace

std::optional<policy::Resource> decode_network_policy(const Cursor& object, const Metadata& metadata) {
  Spec spec;
  const std::size_t before = object.errors();
  read_fields(object, {{"apiVersion", ignore_field},
                       {"kind", ignore_field},
                       {"metadata", ignore_field},
                       {"spec", [&](const Cursor& c) { read_spec(c, metadata.ns, spec); }},
                       {"status", ignore_field}});
  if (!object.find("spec")) {
    object.warning("spec is missing: that selects every pod of the namespace and allows them no ingress");
    spec.types.ingress = true;
  }
  if (!spec.pods) return std::nullopt;
  if (object.errors() - before != spec.ingress.errors + spec.egress.errors) {
    close_allows(spec.ingress.rules);
    close_allows(spec.egress.rules);
  }
  policy::Policy result;
  result.kind = policy::Kind::KubernetesNetworkPolicy;
  result.ns = metadata.ns;
  result.name = metadata.name;
  result.order = policy::kKubernetesPolicyOrder;
  result.subject = select_pods(*std::move(spec.pods), std::nullopt, metadata.ns);
  result.applies_to_ingress = spec.types.ingress;
  result.applies_to_egress = spec.types.egress;
  if (result.applies_to_ingress) result.ingress = std::move(spec.ingress.rules);
  if (result.applies_to_egress) result.egress = std::move(spec.egress.rules);
  return result;
}

}  // namespace tierwall::daemon
