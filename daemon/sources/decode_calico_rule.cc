#include "daemon/sources/decode_calico_rule.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "daemon/sources/decode_limits.h"
#include "daemon/sources/decode_metadata.h"
#include "daemon/sources/decode_selector.h"

namespace tierwall::daemon {

namespace {

using policy::Action;
using policy::Family;

constexpr Choice<Action> kActions[] = {
    {"Allow", Action::Allow}, {"Deny", Action::Deny}, {"Log", Action::Log}, {"Pass", Action::Pass}};

/// A selector field of one side, before namespaces are composed into it.
struct WrittenSelector {
  policy::Selector selector;
  bool is_object = false;  ///< a Kubernetes label selector rather than Calico's text
};

/// One side of a rule as written.
struct WrittenPeer {
  std::optional<WrittenSelector> selector, pod_selector, not_selector, namespaces;
  std::vector<std::string> accounts;
  std::optional<policy::Selector> account_selector;
  policy::Peer peer;  ///< the parts that need no composing
};

/// Empty text is as good as nothing written; an empty object selects everything.
std::optional<WrittenSelector> read_selector(const Cursor& at) {
  WrittenSelector written;
  written.is_object = at.node().kind == Node::Kind::Map;
  if (!written.is_object && at.node().kind == Node::Kind::Scalar && at.node().text.empty()) return std::nullopt;
  auto selector = written.is_object ? read_label_selector(at) : read_selector_text(at);
  if (!selector) return std::nullopt;
  written.selector = *std::move(selector);
  return written;
}

std::optional<WrittenSelector> read_entity_selector(const Cursor& at) {
  auto written = read_selector(at);
  if (written && policy::mentions_global(written->selector)) at.error("global() is possible in namespaceSelector only");
  return written;
}

std::optional<WrittenSelector> read_namespace_selector(const Cursor& at) {
  auto written = read_selector(at);
  if (written && policy::mentions_global(written->selector) && written->selector.op != policy::Selector::Op::Global)
    at.error("global() must be the whole selector");
  return written;
}

void read_nets(const Cursor& at, std::vector<policy::Prefix>& nets, bool negated) {
  const auto items = at.items();
  if (!items) return;
  if (items->size() > kMaxNetsPerList)
    at.error(fmt::format("at most {} entries, has {}", kMaxNetsPerList, items->size()));
  for (const Cursor& item : *items) {
    const auto text = item.text();
    if (!text) continue;
    const auto prefix = policy::parse_prefix(*text);
    if (!prefix) {
      item.error(prefix.error().message);
    } else if (negated && prefix->length == 0) {
      item.error("the whole address space cannot be excluded");
    } else {
      nets.push_back(*prefix);
    }
  }
}

void read_port(const Cursor& at, policy::PortList& ports) {
  const bool is_number = to_integer(at.node()).has_value();
  const auto text = is_number ? at.node().text : at.text();
  if (!text) return;
  if (is_number) {
    if (const auto port = at.integer(1, std::numeric_limits<std::uint16_t>::max()))
      ports.ranges.push_back({static_cast<std::uint16_t>(*port), static_cast<std::uint16_t>(*port)});
  } else if (!text->empty() && text->find_first_not_of("0123456789:") == std::string::npos) {
    const auto range = policy::parse_port_range(*text);
    if (range)
      ports.ranges.push_back(*range);
    else
      at.error(range.error().message);
  } else if (policy::is_port_name(*text)) {
    ports.names.push_back(*text);
  } else {
    at.error(fmt::format("{} is no port: write 80, \"8000:8100\" or the name of a container port", quote(*text)));
  }
}

void read_ports(const Cursor& at, policy::PortList& ports) {
  const auto items = at.items();
  if (!items) return;
  if (items->size() > kMaxPortsPerList)
    at.error(fmt::format("at most {} entries, has {}", kMaxPortsPerList, items->size()));
  for (const Cursor& item : *items) read_port(item, ports);
  ports.ranges = policy::merge_port_ranges(std::move(ports.ranges));
  std::sort(ports.names.begin(), ports.names.end());
  ports.names.erase(std::unique(ports.names.begin(), ports.names.end()), ports.names.end());
}

void read_account_names(const Cursor& at, std::vector<std::string>& names) {
  const auto items = at.items();
  if (!items) return;
  for (const Cursor& item : *items) {
    const auto name = item.text();
    if (!name) continue;
    if (!is_dns_subdomain(*name)) item.error(fmt::format("{} is no valid name of a service account", quote(*name)));
    names.push_back(*name);
  }
}

void read_service_accounts(const Cursor& at, WrittenPeer& written) {
  const auto read_account_selector = [&](const Cursor& c) {
    if (auto selector = read_entity_selector(c)) written.account_selector = std::move(selector->selector);
  };
  read_fields(at, {{"names", [&](const Cursor& c) { read_account_names(c, written.accounts); }},
                   {"selector", read_account_selector}});
}

void read_written_peer(const Cursor& at, WrittenPeer& written) {
  policy::Peer& peer = written.peer;
  const auto refuse_services = [](const Cursor& c) { c.error("services as peers are not supported by this version"); };
  read_fields(at, {{"nets", [&](const Cursor& c) { read_nets(c, peer.nets, false); }},
                   {"notNets", [&](const Cursor& c) { read_nets(c, peer.not_nets, true); }},
                   {"selector", [&](const Cursor& c) { written.selector = read_entity_selector(c); }},
                   {"podSelector", [&](const Cursor& c) { written.pod_selector = read_entity_selector(c); }},
                   {"notSelector", [&](const Cursor& c) { written.not_selector = read_entity_selector(c); }},
                   {"namespaceSelector", [&](const Cursor& c) { written.namespaces = read_namespace_selector(c); }},
                   {"serviceAccounts", [&](const Cursor& c) { read_service_accounts(c, written); }},
                   {"services", refuse_services},
                   {"ports", [&](const Cursor& c) { read_ports(c, peer.ports); }},
                   {"notPorts", [&](const Cursor& c) { read_ports(c, peer.not_ports); }}});
  if (at.find("selector") && at.find("podSelector"))
    at.error("selector and podSelector are two names of one field; write one of them");
}

/// What a namespace selector denotes: members of those namespaces, or for global() what is in none.
policy::Selector namespace_term(WrittenSelector namespaces) {
  if (namespaces.selector.op == policy::Selector::Op::Global)
    return policy::negation(policy::has(std::string(policy::kNamespaceLabel)));
  policy::Selector term = over_namespaces(std::move(namespaces.selector));
  // A label selector object picks namespaces, so `DoesNotExist` must not let in what is in no namespace.
  const bool lets_in_others = namespaces.is_object && policy::matches(term, policy::Labels{});
  if (!lets_in_others) return term;
  return policy::conjunction({policy::has(std::string(policy::kNamespaceLabel)), std::move(term)});
}

/// calico.md 2.6. In a namespaced policy a side that selects anything by labels means its own namespace unless it says
/// which; a side with nets only is never namespaced.
policy::Peer compose_peer(WrittenPeer written, const std::string& ns) {
  policy::Peer peer = std::move(written.peer);
  const bool pods_only = written.pod_selector && written.pod_selector->is_object;
  std::optional<WrittenSelector> main = std::move(written.pod_selector ? written.pod_selector : written.selector);
  std::vector<policy::Selector> terms;
  if (pods_only) terms.push_back(policy::equals(std::string(policy::kOrchestratorLabel), "k8s"));
  const bool by_labels = main || written.not_selector || written.account_selector || !written.accounts.empty();
  if (main) terms.push_back(std::move(main->selector));
  if (written.namespaces) {
    terms.push_back(namespace_term(*std::move(written.namespaces)));
  } else if (by_labels && !ns.empty()) {
    terms.push_back(policy::equals(std::string(policy::kNamespaceLabel), ns));
  }
  if (!written.accounts.empty())
    terms.push_back(policy::in(std::string(policy::kServiceAccountLabel), std::move(written.accounts)));
  if (written.account_selector) terms.push_back(over_service_accounts(*std::move(written.account_selector)));
  if (terms.empty()) {
    if (written.not_selector) peer.not_selector = std::move(written.not_selector->selector);
    return peer;
  }
  if (written.not_selector) terms.push_back(policy::negation(std::move(written.not_selector->selector)));
  peer.selector = policy::conjunction(std::move(terms));
  return peer;
}

policy::Peer read_peer(const Cursor& at, const std::string& ns) {
  const std::size_t before = at.errors();
  WrittenPeer written;
  read_written_peer(at, written);
  return at.errors() == before ? compose_peer(std::move(written), ns) : policy::Peer{};
}

std::optional<policy::Protocol> read_protocol(const Cursor& at) {
  const bool is_number = to_integer(at.node()).has_value();
  const auto text = is_number ? at.node().text : at.text();
  if (!text) return std::nullopt;
  const auto protocol = policy::parse_protocol(*text);
  if (!protocol) {
    at.error(protocol.error().message);
    return std::nullopt;
  }
  return *protocol;
}

std::optional<Family> read_ip_version(const Cursor& at) {
  const auto version = at.integer(4, 6);
  if (!version) return std::nullopt;
  if (*version == 5) {
    at.error("must be 4 or 6, but is 5");
    return std::nullopt;
  }
  return *version == 4 ? Family::V4 : Family::V6;
}

policy::Icmp read_icmp(const Cursor& at) {
  policy::Icmp icmp;
  const auto read_into = [](std::optional<std::uint8_t>& field, int highest) {
    return [&field, highest](const Cursor& c) {
      if (const auto value = c.integer(0, highest)) field = static_cast<std::uint8_t>(*value);
    };
  };
  read_fields(at, {{"type", read_into(icmp.type, kMaxIcmpType)}, {"code", read_into(icmp.code, kMaxIcmpCode)}});
  if (icmp.code && !icmp.type) at.missing("type", "a code means nothing without it");
  return icmp;
}

std::optional<Action> read_action(const Cursor& at) {
  return read_choice(at, kActions);
}

bool is_icmp(std::optional<policy::Protocol> protocol) {
  return protocol == policy::kIcmp || protocol == policy::kIcmpv6;
}

/// All CIDRs of a rule are of one family, and the rule is then about that family only: `notNets: [10.0.0.0/8]` says
/// nothing about IPv6 and must not let it through. The words ICMP and ICMPv6 name a family as well, their numbers do
/// not.
void settle_family(const Cursor& at, policy::Rule& rule) {
  std::optional<Family> family = rule.ip_version;
  const auto agree = [&](Family other, std::string_view what) {
    if (family && *family != other) {
      at.error(fmt::format("{} cannot meet in a rule that is about IPv{}", what, static_cast<int>(*family)));
      return;
    }
    family = other;
  };
  const auto protocol = at.find("protocol");
  if (protocol && !to_integer(protocol->node()) && is_icmp(rule.protocol))
    agree(rule.protocol == policy::kIcmp ? Family::V4 : Family::V6, policy::print_protocol(*rule.protocol));
  for (const std::vector<policy::Prefix>* nets :
       {&rule.source.nets, &rule.source.not_nets, &rule.destination.nets, &rule.destination.not_nets}) {
    for (const policy::Prefix& net : *nets) {
      if (family != net.base.family) agree(net.base.family, policy::print_prefix(net));
    }
  }
  rule.ip_version = family;
}

void check_ports(const Cursor& at, const policy::Rule& rule) {
  bool numbers = false, names = false;
  for (const policy::PortList* ports :
       {&rule.source.ports, &rule.source.not_ports, &rule.destination.ports, &rule.destination.not_ports}) {
    numbers = numbers || !ports->ranges.empty();
    names = names || !ports->names.empty();
  }
  const bool fits = rule.protocol ? policy::has_ports(*rule.protocol) : !numbers;
  if ((numbers || names) && !fits) at.error("ports need protocol TCP, UDP or SCTP");
}

void check_rule(const Cursor& at, policy::Rule& rule) {
  if (rule.icmp && !is_icmp(rule.protocol)) at.error("icmp needs protocol ICMP or ICMPv6");
  check_ports(at, rule);
  settle_family(at, rule);
}

policy::Rule read_rule(const Cursor& at, int number, const std::string& ns) {
  policy::Rule rule;
  std::optional<Action> action;
  const std::size_t before = at.errors();
  const auto read_annotations = [](const Cursor& c) { read_fields(c, {{"annotations", ignore_field}}); };
  const auto refuse_http = [](const Cursor& c) { c.error("HTTP is not enforced at this layer"); };
  const bool is_object =
      read_fields(at, {{"action", [&](const Cursor& c) { action = read_action(c); }},
                       {"ipVersion", [&](const Cursor& c) { rule.ip_version = read_ip_version(c); }},
                       {"protocol", [&](const Cursor& c) { rule.protocol = read_protocol(c); }},
                       {"notProtocol", [&](const Cursor& c) { rule.not_protocol = read_protocol(c); }},
                       {"icmp", [&](const Cursor& c) { rule.icmp = read_icmp(c); }},
                       {"notICMP", [&](const Cursor& c) { rule.not_icmp = read_icmp(c); }},
                       {"source", [&](const Cursor& c) { rule.source = read_peer(c, ns); }},
                       {"destination", [&](const Cursor& c) { rule.destination = read_peer(c, ns); }},
                       {"http", refuse_http},
                       {"metadata", read_annotations}});
  if (is_object && !at.find("action")) at.missing("action");
  if (at.errors() == before) check_rule(at, rule);
  rule.action = action.value_or(Action::Deny);
  rule.number = number;
  if (at.errors() == before) return rule;
  return {.action = rule.action, .number = number, .understood = false};
}

policy::Rule denial(int number) {
  return {.action = Action::Deny, .number = number, .understood = false};
}

}  // namespace

CalicoRules read_calico_rules(const Cursor& at, const std::string& ns) {
  CalicoRules result;
  result.written = true;
  const auto items = at.items();
  if (!items) {
    result.rules.push_back(denial(1));
    return result;
  }
  result.written = !items->empty();
  int number = 0;
  for (const Cursor& item : *items) {
    ++number;
    if (static_cast<std::size_t>(number) > kMaxRules) {
      at.error(fmt::format("at most {} rules, has {}", kMaxRules, items->size()));
      result.rules.push_back(denial(number));
      break;
    }
    const std::size_t before = at.errors();
    result.rules.push_back(read_rule(item, number, ns));
    result.errors += at.errors() - before;
  }
  return result;
}

policy::Selector over_namespaces(policy::Selector selector) {
  return policy::with_prefix(std::move(selector), policy::kNamespacePrefix, policy::kNamespaceLabel);
}

policy::Selector over_service_accounts(policy::Selector selector) {
  return policy::with_prefix(std::move(selector), policy::kServiceAccountPrefix, policy::kServiceAccountLabel);
}

}  // namespace tierwall::daemon
