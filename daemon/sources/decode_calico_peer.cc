#include "daemon/sources/decode_calico_peer.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "daemon/sources/decode_limits.h"
#include "daemon/sources/decode_metadata.h"
#include "daemon/sources/decode_selector.h"

namespace tierwall::daemon {

namespace {

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

/// A Service of the policy's own namespace unless it says which; Calico's documents say so too, its code forgets.
policy::ServiceName read_services(const Cursor& at, const PeerPlace& place) {
  policy::ServiceName service{.ns = place.ns, .name = {}};
  const std::size_t before = at.errors();
  const auto read_label = [](std::string& label, std::string_view what) {
    return [&label, what](const Cursor& c) {
      label = c.text().value_or("");
      if (!label.empty() && !is_dns_label(label)) c.error(fmt::format("{} is no valid {}", quote(label), what));
    };
  };
  read_fields(at, {{"name", read_label(service.name, "name of a service")},
                   {"namespace", read_label(service.ns, "namespace")}});
  if (at.errors() != before) return service;
  if (service.name.empty()) at.missing("name");
  if (service.ns.empty() && place.ns.empty()) at.missing("namespace", "objects without a namespace have none to mean");
  if (service.ns.empty()) service.ns = place.ns;
  return service;
}

/// A Service says by itself whose addresses are meant, and as a destination which ports.
void check_beside_services(const Cursor& peer, const Cursor& services, const PeerPlace& place) {
  if (place.is_source != (place.direction == policy::Direction::Ingress))
    services.error("possible in the source of ingress rules and the destination of egress rules only");
  const auto refuse = [&](std::string_view name) {
    const auto field = peer.find(name);
    if (field && !is_empty(field->node())) field->error("cannot stand together with services");
  };
  for (const std::string_view name :
       {"nets", "notNets", "selector", "podSelector", "notSelector", "namespaceSelector", "serviceAccounts"})
    refuse(name);
  if (place.is_source) return;
  refuse("ports");
  refuse("notPorts");
}

void read_written_peer(const Cursor& at, const PeerPlace& place, WrittenPeer& written) {
  policy::Peer& peer = written.peer;
  read_fields(at, {{"nets", [&](const Cursor& c) { read_nets(c, peer.nets, false); }},
                   {"notNets", [&](const Cursor& c) { read_nets(c, peer.not_nets, true); }},
                   {"selector", [&](const Cursor& c) { written.selector = read_entity_selector(c); }},
                   {"podSelector", [&](const Cursor& c) { written.pod_selector = read_entity_selector(c); }},
                   {"notSelector", [&](const Cursor& c) { written.not_selector = read_entity_selector(c); }},
                   {"namespaceSelector", [&](const Cursor& c) { written.namespaces = read_namespace_selector(c); }},
                   {"serviceAccounts", [&](const Cursor& c) { read_service_accounts(c, written); }},
                   {"services", [&](const Cursor& c) { peer.service = read_services(c, place); }},
                   {"ports", [&](const Cursor& c) { read_ports(c, peer.ports); }},
                   {"notPorts", [&](const Cursor& c) { read_ports(c, peer.not_ports); }}});
  if (at.find("selector") && at.find("podSelector"))
    at.error("selector and podSelector are two names of one field; write one of them");
  if (const auto services = at.find("services")) check_beside_services(at, *services, place);
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
    terms.push_back(in_namespace(ns));
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

}  // namespace

policy::Peer read_calico_peer(const Cursor& at, const PeerPlace& place) {
  const std::size_t before = at.errors();
  WrittenPeer written;
  read_written_peer(at, place, written);
  return at.errors() == before ? compose_peer(std::move(written), place.ns) : policy::Peer{};
}

}  // namespace tierwall::daemon
