#include "daemon/sources/decode_cluster_peer.h"

#include <utility>
#include <vector>

#include "daemon/sources/decode_limits.h"
#include "daemon/sources/decode_selector.h"

namespace tierwall::daemon {

namespace {

using policy::Direction;

std::optional<policy::Selector> read_namespaces(const Cursor& at) {
  auto namespaces = read_label_selector(at);
  if (!namespaces) return std::nullopt;
  return only_pods({over_namespaces(*std::move(namespaces))});
}

/// Both selectors must be written; an empty one selects everything.
std::optional<policy::Selector> read_pods(const Cursor& at) {
  std::optional<policy::Selector> namespaces, pods;
  const std::size_t before = at.errors();
  const bool is_object =
      read_fields(at, {{"namespaceSelector", [&](const Cursor& c) { namespaces = read_label_selector(c); }},
                       {"podSelector", [&](const Cursor& c) { pods = read_label_selector(c); }}});
  if (is_object && !at.find("namespaceSelector")) at.missing("namespaceSelector", "write {} to mean every namespace");
  if (is_object && !at.find("podSelector")) at.missing("podSelector", "write {} to mean every pod");
  if (at.errors() != before) return std::nullopt;
  return only_pods({*std::move(pods), over_namespaces(*std::move(namespaces))});
}

void read_networks(const Cursor& at, std::vector<policy::Prefix>& nets) {
  demand_entries(at, kMaxClusterNetworks);
  for_each_item(at, [&nets](const Cursor& item) {
    const auto text = item.text();
    if (!text) return;
    const auto prefix = policy::parse_prefix(*text);
    if (prefix)
      nets.push_back(*prefix);
    else
      item.error(prefix.error().message);
  });
}

void refuse_domain_names(const Cursor& at) {
  at.error(
      "domainNames are not supported: names are not resolved, so as a peer they allow nothing, and a rule that denies "
      "or passes with them denies everything");
}

void refuse_in_ingress(const Cursor& at) {
  at.error("possible in egress rules only");
}

}  // namespace

std::optional<policy::Selector> read_cluster_subject(const Cursor& at) {
  std::optional<policy::Selector> subject;
  const std::size_t before = at.errors();
  read_fields(at, {{"namespaces", [&](const Cursor& c) { subject = read_namespaces(c); }},
                   {"pods", [&](const Cursor& c) { subject = read_pods(c); }}});
  if (at.errors() == before) demand_one_of(at, {"namespaces", "pods"});
  if (at.errors() != before) return std::nullopt;
  return subject;
}

policy::Peer read_cluster_peer(const Cursor& at, Direction direction, DomainNames domain_names) {
  policy::Peer peer;
  const std::size_t before = at.errors();
  const bool egress = direction == Direction::Egress;
  const auto in_egress = [egress](std::function<void(const Cursor&)> read) {
    return egress ? std::move(read) : refuse_in_ingress;
  };
  std::vector<FieldRow> rows = {{"namespaces", [&](const Cursor& c) { peer.selector = read_namespaces(c); }},
                                {"pods", [&](const Cursor& c) { peer.selector = read_pods(c); }},
                                {"nodes", in_egress([&](const Cursor& c) { peer.nodes = read_label_selector(c); })},
                                {"networks", in_egress([&](const Cursor& c) { read_networks(c, peer.nets); })}};
  if (domain_names == DomainNames::Refused) rows.push_back({"domainNames", in_egress(refuse_domain_names)});
  if (!read_fields(at, rows) || at.errors() != before) return peer;
  if (egress)
    demand_one_of(at, {"namespaces", "pods", "nodes", "networks"});
  else
    demand_one_of(at, {"namespaces", "pods"});
  return peer;
}

}  // namespace tierwall::daemon
