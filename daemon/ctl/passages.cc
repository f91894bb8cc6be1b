#include "daemon/ctl/passages.h"

#include <algorithm>

#include <fmt/format.h>

#include "daemon/ctl/reason_text.h"

namespace tierwall::daemon::ctl {

namespace {

using policy::Direction;
using policy::Passage;
using policy::ResolvedHostEndpoint;

constexpr std::size_t kShownNames = 3;

/// Empty: the end is on no node that is known.
std::string node_of(const Party& party) {
  if (party.pod != nullptr) return party.pod->node.text();
  return party.host_of.value_or(party.node);
}

Passage enter_from(const Party& source, const std::string& node) {
  Passage passage{.node = node};
  passage.from_pod = source.pod != nullptr;
  passage.in = passage.from_pod ? std::string(policy::kPodInterface) : source.interface;
  return passage;
}

void leave_to(const Party& destination, Passage& passage) {
  passage.to_pod = destination.pod != nullptr;
  passage.out = passage.to_pod ? std::string(policy::kPodInterface) : destination.interface;
}

/// Which interface stands for one that nobody knows.
class InterfaceChoice {
 public:
  InterfaceChoice(const PolicyView& view, std::vector<std::string>& notes) : view_(view), notes_(notes) {}

  /// Of `node`, towards `peer`.
  std::string choose(const std::string& node, const Party& peer) {
    const ResolvedHostEndpoint* of_all = view_.resolved.find_host_endpoint(node, kUnknownInterface);
    const std::vector<const ResolvedHostEndpoint*> named = find_named(node);
    if (named.empty()) return std::string(kUnknownInterface);
    if (of_all != nullptr) {
      notes_.push_back(
          fmt::format("the interface is not known, so HostEndpoint {} (of all interfaces of node {}) was "
                      "asked{}",
                      of_all->name, node, peer.pod == nullptr ? "; host:INTERFACE:ADDRESS says it exactly" : ""));
    } else if (peer.pod != nullptr) {
      notes_.push_back(fmt::format("the interface between the nodes is not known, so {} of node {} was not asked",
                                   list(named), node));
    } else if (named.size() == 1) {
      notes_.push_back(
          fmt::format("the interface is not known, so {} ({}), the only one of node {}, was asked; "
                      "host:INTERFACE:ADDRESS says it exactly",
                      list(named), named.front()->interfaces.front(), node));
      return named.front()->interfaces.front();
    } else {
      notes_.push_back(
          fmt::format("the interface is not known, and node {} has several: none of {} was asked; "
                      "host:INTERFACE:ADDRESS says it exactly",
                      node, list(named)));
    }
    return std::string(kUnknownInterface);
  }

 private:
  /// Of one interface that can lead to somebody else.
  [[nodiscard]] std::vector<const ResolvedHostEndpoint*> find_named(const std::string& node) const {
    std::vector<const ResolvedHostEndpoint*> named;
    for (const ResolvedHostEndpoint& endpoint : view_.resolved.host_endpoints) {
      const bool leads_out = !endpoint.interfaces.empty() && endpoint.interfaces.front() != policy::kLoopback;
      if (endpoint.node == node && leads_out) named.push_back(&endpoint);
    }
    return named;
  }

  static std::string list(const std::vector<const ResolvedHostEndpoint*>& endpoints) {
    std::vector<std::string> names;
    names.reserve(endpoints.size());
    for (const ResolvedHostEndpoint* endpoint : endpoints) names.push_back("HostEndpoint " + endpoint->name);
    return list_some(names, kShownNames, "and");
  }

  const PolicyView& view_;
  std::vector<std::string>& notes_;
};

/// Manifests do not say which interface has an address.
void note_unplaced(const PolicyView& view, const std::string& node, std::vector<std::string>& notes) {
  for (const auto& [name, endpoint] : view.snapshot.host_endpoints) {
    if (endpoint.node != node || !endpoint.interface_name.empty()) continue;
    if (std::ranges::count(view.resolved.host_endpoints, name, &ResolvedHostEndpoint::name) > 0) continue;
    notes.push_back(
        fmt::format("HostEndpoint {} of node {} is found by its expectedIPs, and no manifest says which "
                    "interface has them: it was not asked",
                    name, node));
  }
}

/// What is for a Service looks otherwise before its address is translated.
void note_translation(const PolicyView& view, const Party& source, const Passage& passage,
                      std::vector<std::string>& notes) {
  if (!passage.to_pod || source.pod != nullptr || !passage.in) return;
  const ResolvedHostEndpoint* endpoint = view.resolved.find_host_endpoint(passage.node, *passage.in);
  if (endpoint == nullptr) return;
  if (view.resolved.treatment(*endpoint, policy::PolicyClass::PreDnat, Direction::Ingress) == nullptr) return;
  notes.push_back(
      fmt::format("preDNAT policy of HostEndpoint {} is asked as if the pod was addressed directly; of "
                  "traffic to a NodePort ask with --to host and that port, too",
                  endpoint->name));
}

}  // namespace

std::vector<Passage> find_passages(const PolicyView& view, const Connection& connection,
                                   std::vector<std::string>& notes) {
  if (connection.to_itself) return {};
  const Party& source = connection.source;
  const Party& destination = connection.destination;
  const std::string from = node_of(source);
  const std::string to = node_of(destination);
  InterfaceChoice choice(view, notes);
  std::vector<Passage> passages;
  if (!from.empty()) {
    passages.push_back(enter_from(source, from));
    if (from == to) {
      leave_to(destination, passages.back());
    } else {
      passages.back().out = choice.choose(from, destination);
    }
  }
  if (!to.empty() && from != to) {
    Passage& passage = passages.emplace_back(Passage{.node = to});
    passage.in = choice.choose(to, source);
    leave_to(destination, passage);
  }
  for (const Passage& passage : passages) {
    note_unplaced(view, passage.node, notes);
    note_translation(view, source, passage, notes);
  }
  return passages;
}

}  // namespace tierwall::daemon::ctl
