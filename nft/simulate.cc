#include "nft/simulate.h"

#include <algorithm>
#include <utility>

#include "nft/canonical.h"
#include "nft/field.h"
#include "nft/print.h"
#include "policy/model.h"

namespace tierwall::nft {

namespace {

bool is_v4(const Packet& packet) {
  return packet.source.family == policy::Family::V4;
}

/// What a field holds in this packet: an address, the name of an interface, or a number. Nothing if the packet has no
/// such field.
struct Value {
  std::optional<policy::Address> address;
  std::uint32_t number = 0;
  std::optional<std::string> name = {};
};

std::optional<Value> of_number(bool present, std::uint32_t number) {
  if (!present) return std::nullopt;
  return Value{.address = std::nullopt, .number = number};
}

/// Only the loopback interface has a number that is the same everywhere.
std::optional<Value> of_interface(const Packet& packet, const std::string& name) {
  const bool loopback = packet.loopback || name == policy::kLoopback;
  return of_number(true, loopback ? kLoopbackInterface : kLoopbackInterface + 1);
}

/// Where a hook has no such interface its name is empty, and differs from every other.
std::optional<Value> of_name(const std::string& name) {
  return Value{.address = std::nullopt, .number = 0, .name = name};
}

bool has_connection(const Packet& packet) {
  return (packet.ct_state & (ct_state::kInvalid | ct_state::kUntracked)) == 0;
}

std::optional<Value> of_port(const Packet& packet, Field field) {
  const bool source = layout(field).offset == 0;
  return of_number(policy::carries_ports(packet.protocol), source ? packet.source_port : packet.destination_port);
}

std::optional<Value> read(const Packet& packet, Field field) {
  const FieldLayout& row = layout(field);
  const std::uint8_t nfproto = is_v4(packet) ? kNfprotoIpv4 : kNfprotoIpv6;
  if (row.nfproto != 0 && row.nfproto != nfproto) return std::nullopt;
  if (row.l4proto != 0 && row.l4proto != packet.protocol.number) return std::nullopt;
  switch (field) {
    case Field::NfProto:
      return of_number(true, nfproto);
    case Field::L4Proto:
      return of_number(true, packet.protocol.number);
    case Field::CtState:
      return of_number(true, packet.ct_state);
    case Field::Iif:
      return of_interface(packet, packet.in_interface);
    case Field::Oif:
      return of_interface(packet, packet.out_interface);
    case Field::IifName:
      return of_name(packet.in_interface);
    case Field::OifName:
      return of_name(packet.out_interface);
    case Field::CtStatus:
      return of_number(has_connection(packet), packet.ct_status);
    case Field::CtMark:
      return of_number(has_connection(packet), packet.ct_mark);
    case Field::Mark:
      return of_number(true, packet.mark);
    case Field::FibSaddrType:
      return of_number(true, packet.source_is_local ? kLocalAddress : kLocalAddress - 1);
    case Field::IpSaddr:
    case Field::Ip6Saddr:
      return Value{.address = packet.source, .number = 0};
    case Field::IpDaddr:
    case Field::Ip6Daddr:
      return Value{.address = packet.destination, .number = 0};
    case Field::IcmpType:
    case Field::Icmpv6Type:
      return of_number(true, packet.icmp_type);
    case Field::IcmpCode:
    case Field::Icmpv6Code:
      return of_number(true, packet.icmp_code);
    default:
      return of_port(packet, field);
  }
}

Key to_key(const Value& value, FieldType type, std::size_t fields) {
  if (value.name) return value.name->empty() ? Key(layout(type).length, '\0') : make_interface_key(*value.name);
  Key key = value.address ? make_key(*value.address) : Key();
  if (!value.address) {
    for (std::size_t i = layout(type).length; i-- > 0;) {
      key += static_cast<char>(value.number >> (8 * i) & 0xff);
    }
  }
  TIERWALL_CHECK(key.size() == layout(type).length);
  key.resize(padded_length(type, fields), '\0');
  return key;
}

/// The element that covers the key; elements are sorted and disjoint.
const Element* find_element(const Set& set, const Key& key) {
  const auto after = std::ranges::upper_bound(set.elements, key, {}, &Element::key);
  if (after == set.elements.begin()) return nullptr;
  const Element& candidate = *(after - 1);
  const Key& last = candidate.last.empty() ? candidate.key : candidate.last;
  return key <= last ? &candidate : nullptr;
}

/// Connection tracking: hooks of a lower priority do not know yet what it will say.
constexpr int kConntrackPriority = -200;

class Simulation {
 public:
  Simulation(const Ruleset& ruleset, Packet packet) : ruleset_(ruleset), packet_(std::move(packet)) {}

  Walk run();

 private:
  /// What became of the packet in a chain: a verdict that ends the base chain, or nothing (go on behind the jump).
  using Outcome = std::optional<Verdict::Code>;
  enum class Flow { NextRule, LeaveChain };
  struct Step {
    Flow flow = Flow::NextRule;
    Outcome outcome;
  };

  Outcome run_base_chain(const Chain& chain);
  Outcome run_chain(const std::string& name);
  Step run_rule(const Chain& chain, const Rule& rule);
  Step obey(const Verdict& verdict);
  std::optional<Verdict> action_of(const Rule& rule);
  bool matches(const Match& match) const;
  const Set& set(const std::string& name) const;
  /// The element of the set that the packet's fields name; nothing if it lacks one of them.
  std::optional<const Element*> look_up(const std::string& name, const std::vector<Field>& fields) const;

  const Ruleset& ruleset_;
  Packet packet_;
  bool tracking_over_ = true;  ///< has connection tracking seen it?
  bool untracked_ = false;
  std::vector<Walk::Step> steps_;
};

const Set& Simulation::set(const std::string& name) const {
  const auto found = ruleset_.sets.find(name);
  TIERWALL_CHECK(found != ruleset_.sets.end());
  return found->second;
}

std::optional<const Element*> Simulation::look_up(const std::string& name, const std::vector<Field>& fields) const {
  const Set& looked_into = set(name);
  TIERWALL_CHECK(looked_into.type.size() == fields.size());
  Key key;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto value = read(packet_, fields[i]);
    if (!value) return std::nullopt;
    key += to_key(*value, looked_into.type[i], fields.size());
  }
  return find_element(looked_into, key);
}

bool Simulation::matches(const Match& match) const {
  TIERWALL_CHECK(!match.fields.empty());
  if (const auto* in = std::get_if<InSet>(&match.right)) {
    const auto found = look_up(in->set, match.fields);
    return found && (*found != nullptr) != match.negated;
  }
  const auto value = read(packet_, match.fields.front());
  if (!value) return false;  // a negated match needs the field as much as a plain one
  if (const auto* bits = std::get_if<Bits>(&match.right)) return ((value->number & bits->mask) != 0) != match.negated;
  if (const auto* numbers = std::get_if<Numbers>(&match.right)) {
    const auto covers = [&value](const Interval& i) { return i.first <= value->number && value->number <= i.last; };
    return std::ranges::any_of(*numbers, covers) != match.negated;
  }
  const auto covers = [&value](const policy::AddressRange& range) {
    return value->address && range.first <= *value->address && *value->address <= range.last;
  };
  return std::ranges::any_of(std::get<Addresses>(match.right), covers) != match.negated;
}

/// The verdict the rule's action comes to; nothing if the next rule follows, and for a map that does not know the
/// packet.
std::optional<Verdict> Simulation::action_of(const Rule& rule) {
  if (const auto* verdict = std::get_if<Verdict>(&rule.action)) return *verdict;
  if (std::holds_alternative<Reject>(rule.action)) return Verdict{Verdict::Code::Drop, {}};
  if (const auto* clear = std::get_if<ClearMark>(&rule.action)) packet_.mark &= ~clear->bits;
  if (const auto* set = std::get_if<SetMark>(&rule.action)) {
    packet_.mark |= set->bits;
    if (set->notrack && !tracking_over_) {
      packet_.ct_state = ct_state::kUntracked;
      untracked_ = true;
    }
    return set->verdict;
  }
  const auto* lookup = std::get_if<VerdictMapLookup>(&rule.action);
  if (lookup == nullptr) return std::nullopt;
  const auto found = look_up(lookup->map, {lookup->field});
  return found && *found != nullptr ? (*found)->verdict : std::nullopt;
}

Simulation::Step Simulation::obey(const Verdict& verdict) {
  switch (verdict.code) {
    case Verdict::Code::Accept:
    case Verdict::Code::Drop:
      return {Flow::LeaveChain, verdict.code};
    case Verdict::Code::Return:
      return {Flow::LeaveChain, std::nullopt};
    case Verdict::Code::Goto:
      return {Flow::LeaveChain, run_chain(verdict.chain)};
    case Verdict::Code::Jump:
      break;
  }
  const Outcome outcome = run_chain(verdict.chain);
  return {outcome ? Flow::LeaveChain : Flow::NextRule, outcome};
}

Simulation::Step Simulation::run_rule(const Chain& chain, const Rule& rule) {
  const bool matched = std::ranges::all_of(rule.matches, [this](const Match& match) { return matches(match); });
  if (!matched) return {};
  const std::optional<Verdict> verdict = action_of(rule);
  if (!verdict && std::holds_alternative<VerdictMapLookup>(rule.action)) return {};
  steps_.push_back({.chain = chain.name, .rule = print(rule), .comment = rule.comment});
  return verdict ? obey(*verdict) : Step{};
}

/// In front of connection tracking a packet belongs to no connection, which reads as invalid.
Simulation::Outcome Simulation::run_base_chain(const Chain& chain) {
  const bool first_hook = packet_.hook == Hook::Prerouting || packet_.hook == Hook::Output;
  tracking_over_ = !first_hook || chain.base->priority > kConntrackPriority;
  const std::uint32_t state = packet_.ct_state;
  if (!tracking_over_ && !untracked_) packet_.ct_state = ct_state::kInvalid;
  const Outcome outcome = run_chain(chain.name);
  if (!untracked_) packet_.ct_state = state;
  return outcome;
}

Simulation::Outcome Simulation::run_chain(const std::string& name) {
  const auto found = ruleset_.chains.find(name);
  TIERWALL_CHECK(found != ruleset_.chains.end());
  for (const Rule& rule : found->second.rules) {
    const Step step = run_rule(found->second, rule);
    if (step.flow == Flow::LeaveChain) return step.outcome;
  }
  return std::nullopt;
}

Walk Simulation::run() {
  std::vector<std::pair<int, std::string>> chains;
  for (const auto& [name, chain] : ruleset_.chains) {
    if (chain.base && chain.base->hook == packet_.hook) chains.emplace_back(chain.base->priority, name);
  }
  std::ranges::sort(chains);
  for (const auto& entry : chains) {
    if (run_base_chain(ruleset_.chains.at(entry.second)) != Verdict::Code::Drop) continue;
    return {.end = Walk::End::Dropped, .steps = std::move(steps_), .mark = packet_.mark, .untracked = untracked_};
  }
  return {.end = Walk::End::Accepted, .steps = std::move(steps_), .mark = packet_.mark, .untracked = untracked_};
}

}  // namespace

Walk simulate(const Ruleset& ruleset, const Packet& packet) {
  TIERWALL_CHECK(packet.source.family == packet.destination.family);
  return Simulation(ruleset, packet).run();
}

namespace {

std::vector<Hook> hooks_of(const Packet& packet) {
  if (packet.in_interface.empty()) return {Hook::Output, Hook::Postrouting};
  if (packet.out_interface.empty()) return {Hook::Prerouting, Hook::Input};
  return {Hook::Prerouting, Hook::Forward, Hook::Postrouting};
}

}  // namespace

Journey travel(const Ruleset& ruleset, Packet packet) {
  Journey journey;
  for (const Hook hook : hooks_of(packet)) {
    Packet here = packet;
    here.hook = hook;
    // A hook knows only the interfaces of its side: prerouting not yet the one it leaves by, postrouting no more the
    // one it came by.
    if (hook == Hook::Prerouting) here.out_interface.clear();
    if (hook == Hook::Postrouting) here.in_interface.clear();
    Walk walk = simulate(ruleset, here);
    packet.mark = walk.mark;
    if (walk.untracked) packet.ct_state = ct_state::kUntracked;
    journey.end = walk.end;
    journey.walks.emplace_back(hook, std::move(walk));
    if (journey.end == Walk::End::Dropped) break;
  }
  return journey;
}

Packet to_packet(const policy::Flow& flow, Hook hook) {
  TIERWALL_CHECK(flow.source && flow.destination);
  Packet packet;
  packet.hook = hook;
  packet.source = *flow.source;
  packet.destination = *flow.destination;
  packet.protocol = flow.protocol;
  packet.source_port = flow.source_port;
  packet.destination_port = flow.destination_port;
  packet.icmp_type = flow.icmp.type.value_or(std::uint8_t{0});
  packet.icmp_code = flow.icmp.code.value_or(std::uint8_t{0});
  return packet;
}

}  // namespace tierwall::nft
