#include "daemon/ctl/reason_text.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "daemon/ctl/flow_text.h"
#include "daemon/ctl/terminal.h"

namespace tierwall::daemon::ctl {

namespace {

using policy::Action;
using policy::Condition;
using policy::Family;

/// Nets and ports of one rule that a line shows.
constexpr std::size_t kShownItems = 6;

/// One end of the flow, as the peer of a rule sees it.
struct Side {
  std::string_view word;  ///< "source"
  const policy::ResolvedPeer& peer;
  const std::optional<policy::Address>& address;
  std::uint16_t port;
};

/// "the source 10.0.1.5", "the source, whose address nobody knows,".
std::string name(const Side& side) {
  if (!side.address) return fmt::format("the {}, whose address nobody knows,", side.word);
  return fmt::format("the {} {}", side.word, policy::print_address(*side.address));
}

/// "the pods of shop with app == 'api'" and its kin, as members of which an end is or is not.
std::string describe_members(const policy::AddressSet& set) {
  const std::string& text = set.description;
  if (text.starts_with("service ")) return "the endpoints of " + text;
  if (text.starts_with("pods") || text.starts_with("endpoints") || text.starts_with("nodes")) return "the " + text;
  if (text == "all()" || text == "global()") return "the pods and network sets of these manifests";
  return "the pods and network sets with " + text;
}

std::string describe_set(const policy::NodePolicy& resolved, const Side& side, policy::SetId id, bool wanted) {
  const policy::AddressSet& set = resolved.address_sets[id];
  const std::string members = describe_members(set);
  if (!wanted) return fmt::format("{} is one of {}, whom it leaves out", name(side), members);
  const bool nobody = set.addresses.empty() && set.nets.empty();
  return fmt::format("{} is not one of {}{}", name(side), members, nobody ? " (there are none)" : "");
}

std::string list_nets(const policy::RangeSet& nets) {
  std::vector<std::string> items;
  for (const policy::AddressRange& range : nets.ranges()) items.push_back(policy::print_range(range));
  return list_some(items, kShownItems, "or");
}

std::string describe_excluded_net(const Side& side) {
  const auto& ranges = side.peer.not_nets->ranges();
  const auto holds = [&](const policy::AddressRange& range) {
    return side.address && range.first.family == side.address->family && range.first <= *side.address &&
           *side.address <= range.last;
  };
  const auto found = std::ranges::find_if(ranges, holds);
  TIERWALL_CHECK(found != ranges.end());
  return fmt::format("{} is in {}, which it leaves out", name(side), policy::print_range(*found));
}

std::string list_ports(const policy::NodePolicy& resolved, const policy::ResolvedPorts& ports) {
  std::vector<std::string> items;
  for (const policy::PortRange range : ports.ranges) items.push_back(policy::print_port_range(range));
  for (const policy::SetId id : ports.services) {
    const policy::ServiceSet& set = resolved.service_sets[id];
    const std::string_view among = set.description.starts_with("service ") ? "a port of " : "";
    items.push_back(fmt::format("{}{}{}", among, set.description, set.members.empty() ? " (there is none)" : ""));
  }
  return list_some(items, kShownItems, "or");
}

std::string describe_ports(const policy::NodePolicy& resolved, const Side& side, const policy::Flow& flow) {
  const std::string wanted = list_ports(resolved, side.peer.ports);
  if (!policy::has_ports(flow.protocol)) {
    return fmt::format("asks for port {}, and {} has no ports", wanted, policy::print_protocol(flow.protocol));
  }
  const std::string_view which = side.word == "source" ? "source port" : "port";
  return fmt::format("{} {} is not {}", which, side.port, wanted);
}

std::string print_icmp(const policy::Icmp& icmp) {
  if (!icmp.type) return "icmp";
  return icmp.code ? fmt::format("icmp {}/{}", *icmp.type, *icmp.code) : fmt::format("icmp type {}", *icmp.type);
}

std::string describe_family(const policy::ResolvedRule& rule, Family family) {
  const Family other = family == Family::V4 ? Family::V6 : Family::V4;
  return fmt::format("{} {}, the flow is {}", rule.family ? "is about" : "its nets are", print_family(other),
                     print_family(family));
}

std::string describe_peer(const policy::NodePolicy& resolved, const Side& side, Condition condition,
                          const policy::Flow& flow) {
  switch (condition) {
    case Condition::Selector:
      return describe_set(resolved, side, *side.peer.in_set, true);
    case Condition::NotSelector:
      return describe_set(resolved, side, *side.peer.not_in_set, false);
    case Condition::Nets:
      return fmt::format("{} is not in {}", name(side), list_nets(*side.peer.nets));
    case Condition::NotNets:
      return describe_excluded_net(side);
    case Condition::Ports:
      return describe_ports(resolved, side, flow);
    default:
      return fmt::format("{}port {} is among those it leaves out: {}", side.word == "source" ? "source " : "",
                         side.port, list_ports(resolved, side.peer.not_ports));
  }
}

}  // namespace

std::string_view print_family(policy::Family family) {
  return family == policy::Family::V4 ? "IPv4" : "IPv6";
}

std::string describe_unmet(const policy::NodePolicy& resolved, const policy::ResolvedRule& rule,
                           const policy::Unmet& unmet, const policy::Flow& flow) {
  const std::string protocol = policy::print_protocol(flow.protocol);
  switch (unmet.condition) {
    case Condition::Understood:
      return fmt::format("could not be understood, so it {} nothing", rule.action == Action::Log ? "logs" : "allows");
    case Condition::Family:
      return describe_family(rule, flow.family);
    case Condition::Protocol:
      return fmt::format("is about {}, the flow is {}", policy::print_protocol(*rule.protocol), protocol);
    case Condition::NotProtocol:
      return fmt::format("is about everything but {}, and the flow is {}", protocol, protocol);
    case Condition::Icmp:
      return fmt::format("is about {}, the flow is {}", print_icmp(*rule.icmp), print_service(flow));
    case Condition::NotIcmp:
      return fmt::format("is about everything but {}, and the flow is that", print_icmp(*rule.not_icmp));
    default:
      break;
  }
  const Side side = unmet.at_source ? Side{"source", rule.source, flow.source, flow.source_port}
                                    : Side{"destination", rule.destination, flow.destination, flow.destination_port};
  return describe_peer(resolved, side, unmet.condition, flow);
}

std::string describe_match(const policy::ResolvedRule& rule) {
  // Only rules that deny what they do not understand match without having been understood.
  if (!rule.understood) return "could not be understood, so it denies all that reaches it";
  switch (rule.action) {
    case Action::Allow:
      return "matches, and allows";
    case Action::Deny:
      return "matches, and denies";
    case Action::Pass:
      return "matches, and passes on: the rest of the tier is not asked";
    case Action::Log:
      return "matches, and logs; the next rule is asked";
  }
  TIERWALL_CHECK(false);
  return {};
}

std::string_view describe_skip(Skip why, const Walk& walk) {
  switch (why) {
    case Skip::OtherEndpoints:
      return walk.of_host ? "does not select this host endpoint" : "does not select this pod";
    case Skip::OtherDirection:
      return walk.direction == policy::Direction::Egress ? "only ingress" : "only egress";
    case Skip::Staged:
      return "staged, not enforced";
    case Skip::HostsOnly:
      return "for host endpoints only";
    case Skip::NotOnForward:
      return "without applyOnForward";
  }
  TIERWALL_CHECK(false);
  return {};
}

std::string describe_tier(const WalkedTier& tier) {
  const bool built_in =
      tier.name == policy::kDefaultTier || tier.name == policy::kAdminTier || tier.name == policy::kBaselineTier;
  if (tier.missing) return fmt::format("tier {} (no such Tier exists: asked last, default Deny)", tier.name);
  return fmt::format("tier {} ({}, default {}{})", tier.name,
                     tier.order ? fmt::format("order {}", *tier.order) : "no order: asked late",
                     tier.default_action == policy::TierDefault::Deny ? "Deny" : "Pass", built_in ? ", built in" : "");
}

std::string list_some(const std::vector<std::string>& items, std::size_t shown, std::string_view last) {
  if (items.size() <= 1) return items.empty() ? std::string() : items.front();
  std::vector<std::string> words(items.begin(),
                                 items.begin() + static_cast<std::ptrdiff_t>(std::min(items.size(), shown)));
  const std::size_t more = items.size() - words.size();
  if (more > 0) words.push_back(fmt::format("{} more", more));
  const std::string end = words.back();
  words.pop_back();
  return fmt::format("{} {} {}", join(words, ", "), last, end);
}

}  // namespace tierwall::daemon::ctl
