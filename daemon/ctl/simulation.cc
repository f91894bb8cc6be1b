#include "daemon/ctl/simulation.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "daemon/ctl/sentence.h"
#include "daemon/ctl/terminal.h"

namespace tierwall::daemon::ctl {

namespace {

using Fate = ConnectionJudgement::Fate;
using policy::Verdict;

// ---- visitors --------------------------------------------------------------------------------------------------

/// What the rules of host endpoints of one node name as the source: ranges and exact addresses.
using NamedRanges = std::set<std::tuple<policy::Address, std::string>>;  // the first address, the range in words

void add_peer(const policy::NodePolicy& policy, const policy::ResolvedPeer& peer, NamedRanges& named) {
  const auto add_ranges = [&](const policy::RangeSet& nets) {
    for (const policy::AddressRange& range : nets.ranges()) named.emplace(range.first, policy::print_range(range));
  };
  if (peer.nets) add_ranges(*peer.nets);
  if (peer.not_nets) add_ranges(*peer.not_nets);
  for (const auto& id : {peer.in_set, peer.not_in_set}) {
    if (!id) continue;
    const policy::AddressSet& set = policy.address_sets[*id];
    add_ranges(set.nets);
    for (const policy::Address& address : set.addresses) {
      if (policy.find_endpoint(address) == nullptr) named.emplace(address, policy::print_address(address));
    }
  }
}

void add_named(const policy::NodePolicy& policy, const policy::Treatment& treatment, NamedRanges& named) {
  if (treatment.direction != policy::Direction::Ingress) return;
  const auto add_rules = [&](const std::vector<policy::ResolvedRule>& rules) {
    for (const policy::ResolvedRule& rule : rules) add_peer(policy, rule.source, named);
  };
  for (const policy::TierStep& step : treatment.steps) {
    for (const std::size_t at : step.policies) add_rules(policy.tiers[step.tier].policies[at].ingress);
  }
  for (const std::size_t at : treatment.profiles) add_rules(policy.profiles[at].ingress);
}

struct HostSurroundings {
  std::set<std::string> interfaces;  ///< that host endpoints govern
  NamedRanges named;
};

void add_surroundings(const JudgedWorld& judged, const std::string& node, HostSurroundings& surroundings) {
  for (const policy::ResolvedHostEndpoint& endpoint : judged.policy.host_endpoints) {
    if (endpoint.node != node) continue;
    surroundings.interfaces.insert(endpoint.interfaces.begin(), endpoint.interfaces.end());
    if (endpoint.all_interfaces) {
      for (const auto& [name, interface] : judged.world.interfaces) {
        if (name != policy::kLoopback && !interface.addresses.empty()) surroundings.interfaces.insert(name);
      }
    }
    for (const std::size_t treatment : endpoint.treatments)
      add_named(judged.policy, judged.policy.treatments[treatment], surroundings.named);
  }
}

End by_interface(const std::string& interface, std::optional<policy::Address> address) {
  return {.kind = End::Kind::Interface, .pod = {}, .address = address, .interface = interface};
}

void add_outsiders(const HostSurroundings& surroundings, std::vector<Visitor>& visitors) {
  for (const std::string& interface : surroundings.interfaces) {
    visitors.push_back({"anybody else by " + interface, by_interface(interface, std::nullopt), std::nullopt});
    for (const auto& [address, words] : surroundings.named)
      visitors.push_back({fmt::format("{} by {}", words, interface), by_interface(interface, address), address.family});
  }
}

void add_pods(const policy::Snapshot& world, const std::string& node, std::vector<Visitor>& visitors) {
  for (const auto& [name, pod] : world.pods) {
    if (pod.node != node || !pod.is_endpoint() || pod.addresses.empty()) continue;
    const policy::ResourceKey key{.kind = policy::Kind::Pod, .ns = pod.ns, .name = pod.name};
    visitors.push_back({"pod " + policy::print_name(key),
                        {.kind = End::Kind::Pod, .pod = key, .address = {}, .interface = {}},
                        std::nullopt});
  }
}

// ---- sockets ---------------------------------------------------------------------------------------------------

std::string print_socket(const ListeningSocket& socket) {
  std::string text = fmt::format("{} ", policy::print_protocol(socket.protocol));
  if (socket.address) {
    const std::string address = policy::print_address(*socket.address);
    text += socket.address->family == policy::Family::V6 ? fmt::format("[{}]:", address) : address + ":";
  }
  text += fmt::format("{}", socket.port);
  return socket.program.empty() ? text : fmt::format("{} ({})", text, socket.program);
}

std::vector<policy::Family> families(const ListeningSocket& socket, const Visitor& visitor) {
  std::vector<policy::Family> both;
  for (const auto& [spoken, family] : {std::pair{socket.v4, policy::Family::V4}, {socket.v6, policy::Family::V6}}) {
    if (spoken && visitor.family.value_or(family) == family) both.push_back(family);
  }
  return both;
}

FlowText first_packet(const Visitor& visitor, const ListeningSocket& socket, policy::Family family) {
  End node{};
  if (socket.address) node = {.kind = End::Kind::Address, .pod = {}, .address = socket.address, .interface = {}};
  return {.from = visitor.end,
          .to = std::move(node),
          .protocol = socket.protocol,
          .source_port = kDefaultSourcePort,
          .destination_port = socket.port,
          .icmp = {},
          .family = family};
}

/// Who let it through, or did not.
std::string name_decider_of(const Connection& connection) {
  if (connection.closed) return connection.closed->why;
  const std::vector<const policy::Decision*> all = connection.decisions();
  const auto decides = [&](const policy::Decision* decision) {
    return decision->verdict == connection.decision.verdict;
  };
  const auto found = std::ranges::find_if(all, decides);
  return found == all.end() ? "no policy" : name_decider(**found);
}

struct Turned {
  bool closed = false;
  std::string decider;
};

std::optional<Turned> find_turn(const ConnectionJudge& before, const ConnectionJudge& after, const FlowText& flow) {
  const Result<Connection> former = before.judge(flow);
  const Result<Connection> future = after.judge(flow);
  // A visitor of one world only (a pod that comes or goes) has nothing to compare.
  if (!former || !future || former->decision.verdict == future->decision.verdict) return std::nullopt;
  return Turned{future->decision.verdict == Verdict::Deny, name_decider_of(*future)};
}

// ---- in words --------------------------------------------------------------------------------------------------

std::string paint_fate(bool bad, std::string_view bad_word, std::string_view good_word, bool color) {
  return paint(bad ? bad_word : good_word, bad ? Color::Red : Color::Green, color);
}

std::string print_peers(const std::vector<std::string>& peers) {
  constexpr std::size_t kShown = 6;
  const std::vector<std::string> first(peers.begin(),
                                       peers.begin() + static_cast<std::ptrdiff_t>(std::min(kShown, peers.size())));
  const std::string more = peers.size() > kShown ? fmt::format(" and {} more", peers.size() - kShown) : std::string();
  return join(first, ", ") + more;
}

template <typename Turned, typename Print>
void add_shortened(const std::vector<Turned>& all, std::string_view what, std::string& text, Print print) {
  constexpr std::size_t kShown = 50;
  for (std::size_t i = 0; i < std::min(all.size(), kShown); ++i) text += print(all[i]);
  if (all.size() > kShown) text += fmt::format("  and {} more {}; -o json has them all\n", all.size() - kShown, what);
}

}  // namespace

bool Simulation::cuts() const {
  return std::ranges::any_of(connections, &TurnedConnection::cut) ||
         std::ranges::any_of(sockets, &TurnedSocket::closed);
}

void simulate_connections(const daemon::ConnectionJudge& before, const daemon::ConnectionJudge& after,
                          const std::vector<TrackedConnection>& connections, Simulation& simulation) {
  std::set<TurnedConnection> turned(simulation.connections.begin(), simulation.connections.end());
  for (const TrackedConnection& connection : connections) {
    if (connection.over) continue;
    const ConnectionJudgement former = before.judge(connection);
    const ConnectionJudgement future = after.judge(connection);
    if (former.fate == Fate::Unjudged || future.fate == Fate::Unjudged) {
      ++simulation.unjudged;
      continue;
    }
    ++simulation.judged;
    if (former.fate == future.fate) continue;
    const bool cut = future.fate == Fate::Denied;
    turned.insert({cut, after.describe(connection), cut ? future.denier : former.denier});
  }
  simulation.connections.assign(turned.begin(), turned.end());
  std::stable_partition(simulation.connections.begin(), simulation.connections.end(),
                        [](const TurnedConnection& one) { return one.cut; });
}

std::vector<Visitor> find_visitors(const JudgedWorld& before, const JudgedWorld& after, const std::string& node) {
  HostSurroundings surroundings;
  add_surroundings(before, node, surroundings);
  add_surroundings(after, node, surroundings);
  std::vector<Visitor> visitors;
  add_outsiders(surroundings, visitors);
  add_pods(before.world, node, visitors);
  return visitors;
}

void simulate_sockets(const ConnectionJudge& before, const ConnectionJudge& after,
                      const std::vector<ListeningSocket>& sockets, const std::vector<Visitor>& visitors,
                      Simulation& simulation) {
  std::map<std::pair<std::string, bool>, TurnedSocket> turned;
  const std::span<const Visitor> looked_at(visitors.data(), std::min(visitors.size(), kMostVisitors));
  for (const ListeningSocket& socket : sockets) {
    for (const Visitor& visitor : looked_at) {
      for (const policy::Family family : families(socket, visitor)) {
        const auto turn = find_turn(before, after, first_packet(visitor, socket, family));
        if (!turn) continue;
        const std::string words = print_socket(socket);
        TurnedSocket& one =
            turned.try_emplace({words, turn->closed}, TurnedSocket{turn->closed, words, {}, turn->decider})
                .first->second;
        if (std::ranges::find(one.peers, visitor.words) == one.peers.end()) one.peers.push_back(visitor.words);
      }
    }
  }
  simulation.listening += sockets.size();
  simulation.visitors_left_out += visitors.size() - looked_at.size();
  for (auto& [key, socket] : turned) simulation.sockets.push_back(std::move(socket));
}

std::string print_simulation(const Simulation& simulation, bool color) {
  std::string text = fmt::format("connections: {} judged, {} not", simulation.judged, simulation.unjudged);
  text += fmt::format("; listening sockets of this node: {}\n", simulation.listening);
  if (simulation.visitors_left_out > 0)
    text += fmt::format("of the pods and nets that may reach them the first {} were looked at, {} more were not\n",
                        kMostVisitors, simulation.visitors_left_out);
  if (simulation.connections.empty() && simulation.sockets.empty()) return text + "none of them would notice\n";
  add_shortened(simulation.connections, "connections", text, [&](const TurnedConnection& turned) {
    return fmt::format("  {}  {}\n          {} {}\n", paint_fate(turned.cut, "cut   ", "opened", color),
                       turned.connection, turned.cut ? "by" : "so far denied by", turned.denier);
  });
  add_shortened(simulation.sockets, "sockets", text, [&](const TurnedSocket& turned) {
    return fmt::format("  {}  {} for {}\n          by {}\n", paint_fate(turned.closed, "closed", "opened", color),
                       turned.socket, print_peers(turned.peers), turned.decider);
  });
  return text;
}

Json to_json(const Simulation& simulation) {
  Json connections = Json::array();
  for (const TurnedConnection& turned : simulation.connections)
    connections.push_back(
        {{"change", turned.cut ? "cut" : "opened"}, {"connection", turned.connection}, {"denied_by", turned.denier}});
  Json sockets = Json::array();
  for (const TurnedSocket& turned : simulation.sockets)
    sockets.push_back({{"change", turned.closed ? "closed" : "opened"},
                       {"socket", turned.socket},
                       {"peers", turned.peers},
                       {"by", turned.decider}});
  return {{"judged", simulation.judged},           {"unjudged", simulation.unjudged},
          {"connections", std::move(connections)}, {"listening", simulation.listening},
          {"sockets", std::move(sockets)},         {"visitors_left_out", simulation.visitors_left_out}};
}

}  // namespace tierwall::daemon::ctl
