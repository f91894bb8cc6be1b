#include "daemon/sources/decode_calico_rule.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "daemon/sources/decode_calico_peer.h"
#include "daemon/sources/decode_http.h"
#include "daemon/sources/decode_limits.h"

namespace tierwall::daemon {

namespace {

using policy::Action;
using policy::Direction;
using policy::Family;

constexpr Choice<Action> kActions[] = {
    {"Allow", Action::Allow}, {"Deny", Action::Deny}, {"Log", Action::Log}, {"Pass", Action::Pass}};

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

policy::Labels read_annotations(const Cursor& at) {
  policy::Labels annotations;
  std::size_t bytes = 0;
  if (!at.is_object()) return annotations;
  for (const Field& field : at.node().fields) {
    if (field.repeated) {
      at.findings().count_error();
      continue;
    }
    const auto value = at.child(field).text();
    if (!value) continue;
    bytes += field.key.size() + value->size();
    annotations.set(field.key, *value);
  }
  if (bytes > kMaxAnnotationBytes) at.error(fmt::format("at most {} bytes, has {}", kMaxAnnotationBytes, bytes));
  return annotations;
}

/// Which requests an HTTP clause means is not seen at this layer. An Allow is then as wide as the rule without the
/// clause; the other actions would hit what their author did not mean.
void check_http(const Cursor& at, std::optional<Action> action, const policy::Rule& rule, Direction direction) {
  if (action && action != Action::Allow)
    at.error("http is possible in an Allow rule only; HTTP is not enforced at this layer");
  if (direction == Direction::Egress) at.error("http is possible in ingress rules only");
  if (rule.protocol && rule.protocol != policy::kTcp)
    at.error(fmt::format("http needs protocol TCP, not {}", policy::print_protocol(*rule.protocol)));
}

void read_rule(const Cursor& at, int number, const std::string& ns, Direction direction,
               std::vector<policy::Rule>& rules) {
  policy::Rule rule;
  std::optional<Action> action;
  const std::size_t before = at.errors();
  const auto read_metadata = [&rule](const Cursor& c) {
    read_fields(c, {{"annotations", [&rule](const Cursor& list) { rule.annotations = read_annotations(list); }}});
  };
  const auto read_side = [&](policy::Peer& peer, bool is_source) {
    return [&ns, &peer, direction, is_source](const Cursor& c) {
      peer = read_calico_peer(c, {.ns = ns, .direction = direction, .is_source = is_source});
    };
  };
  const bool is_object =
      read_fields(at, {{"action", [&](const Cursor& c) { action = read_choice(c, kActions); }},
                       {"ipVersion", [&](const Cursor& c) { rule.ip_version = read_ip_version(c); }},
                       {"protocol", [&](const Cursor& c) { rule.protocol = read_protocol(c); }},
                       {"notProtocol", [&](const Cursor& c) { rule.not_protocol = read_protocol(c); }},
                       {"icmp", [&](const Cursor& c) { rule.icmp = read_icmp(c); }},
                       {"notICMP", [&](const Cursor& c) { rule.not_icmp = read_icmp(c); }},
                       {"source", read_side(rule.source, true)},
                       {"destination", read_side(rule.destination, false)},
                       {"http", read_http},
                       {"metadata", read_metadata}});
  if (is_object && !at.find("action")) at.missing("action");
  const auto http = at.find("http");
  if (http) check_http(*http, action, rule, direction);
  if (at.errors() == before) check_rule(at, rule);
  rule.action = action.value_or(Action::Deny);
  rule.number = number;
  if (http && at.errors() == before)
    http->warning("HTTP is not enforced at this layer: the rule allows every request that its other fields match");
  rules.push_back(at.errors() == before ? std::move(rule) : closed_rule(rule.action, number));
}

}  // namespace

RuleSection read_calico_rules(const Cursor& at, const std::string& ns, Direction direction) {
  return read_ordered_rules(at, kMaxRules, [&](const Cursor& item, int number, std::vector<policy::Rule>& rules) {
    read_rule(item, number, ns, direction, rules);
  });
}

}  // namespace tierwall::daemon
