#include "nft/compile_host.h"

#include <algorithm>
#include <utility>

#include "nft/compile_chain.h"
#include "nft/names.h"
#include "nft/opening_rules.h"
#include "nft/table_words.h"

namespace tierwall::nft {

namespace {

using policy::Direction;
using policy::Family;
using policy::PolicyClass;

constexpr const char* kNamedInterfaces = "host-interfaces";
constexpr const char* kRejectChain = "host-reject";

Verdict accepted() {
  return {Verdict::Code::Accept, {}};
}

Field interface_name_field(Direction direction) {
  return direction == Direction::Ingress ? Field::IifName : Field::OifName;
}

Field interface_field(Direction direction) {
  return direction == Direction::Ingress ? Field::Iif : Field::Oif;
}

/// The field that holds the address of a pod of this node: the sender of what comes in, the receiver of what goes out.
Field pod_field(Direction direction, Family family) {
  return direction == Direction::Ingress ? source_field(family) : destination_field(family);
}

std::uint32_t nfproto(Family family) {
  return family == Family::V4 ? 2 : 10;
}

std::string describe(PolicyClass policy_class, Direction direction) {
  return std::string(print_class(policy_class)) + " " + std::string(policy::print_direction(direction));
}

Chain reject_chain(const std::optional<DeniedLog>& log) {
  Chain chain{kRejectChain, std::nullopt, "dataplane.deny = reject", {}};
  if (log) chain.rules.push_back(tell_of_denied(*log));
  chain.rules.push_back({{is_number(Field::L4Proto, policy::kTcp.number)}, Reject{.tcp_reset = true}, ""});
  chain.rules.push_back({{}, Reject{}, ""});
  return chain;
}

}  // namespace

HostCompiler::HostCompiler(const policy::NodePolicy& policy, const CompileOptions& options, Ruleset& ruleset,
                           TablePlaces& places)
    : policy_(policy), options_(options), ruleset_(ruleset), places_(places) {
  for (const policy::ResolvedHostEndpoint& endpoint : policy.host_endpoints) {
    if (endpoint.node != options.node) continue;
    endpoints_.push_back(&endpoint);
    has_named_ = has_named_ || !endpoint.interfaces.empty();
    has_rest_ = has_rest_ || endpoint.all_interfaces;
  }
  marks_on_entry_ = has(PolicyClass::Untracked, Direction::Ingress) || has(PolicyClass::PreDnat, Direction::Ingress);
}

bool HostCompiler::has(PolicyClass policy_class, Direction direction) const {
  return std::ranges::any_of(endpoints_, [&](const policy::ResolvedHostEndpoint* endpoint) {
    return policy_.treatment(*endpoint, policy_class, direction) != nullptr;
  });
}

bool HostCompiler::rejects() const {
  return options_.host_deny == CompileOptions::HostDeny::Reject;
}

// ---- chains of treatments and the maps that lead to them -----------------------------------------------------

std::string HostCompiler::map_name(PolicyClass policy_class, Direction direction, Family family,
                                   bool may_reject) const {
  constexpr const char* kClasses[] = {"untracked", "pre-dnat", "normal", "forward"};
  const bool quiet = rejects() && policy_class == PolicyClass::Normal && !may_reject;
  return std::string("host-") + kClasses[static_cast<std::size_t>(policy_class)] +
         (direction == Direction::Ingress ? "-in" : "-out") + (quiet ? "-nat" : "") + family_suffix(family);
}

Result<void> HostCompiler::compile_treatments(SetUnions& unions) {
  if (rejects() && governs()) ruleset_.chains.try_emplace(kRejectChain, reject_chain(options_.denied_log));
  for (const policy::ResolvedHostEndpoint* endpoint : endpoints_) {
    for (const bool may_reject : {true, false}) {
      if (Result<void> compiled = compile_endpoint(*endpoint, unions, may_reject); !compiled) return compiled;
    }
  }
  return {};
}

/// Prerouting and postrouting cannot reject, and the kernel refuses a chain they lead to that does.
Result<void> HostCompiler::compile_endpoint(const policy::ResolvedHostEndpoint& endpoint, SetUnions& unions,
                                            bool may_reject) {
  const Family family = unions.family();
  const Verdict deny =
      may_reject && rejects() ? Verdict{Verdict::Code::Goto, kRejectChain} : denial(options_.denied_log);
  ChainCompiler compiler(policy_, {.of_host = true, .deny = deny, .mark = options_.mark}, options_.flattening, unions,
                         ruleset_, places_);
  for (const std::size_t index : endpoint.treatments) {
    const policy::Treatment& treatment = policy_.treatments[index];
    const bool of_prerouting =
        treatment.policy_class == PolicyClass::Untracked || treatment.policy_class == PolicyClass::PreDnat;
    const bool of_postrouting =
        rejects() && treatment.policy_class == PolicyClass::Normal && treatment.direction == Direction::Egress;
    if (may_reject ? of_prerouting : !of_prerouting && !of_postrouting) continue;
    const std::string chain = compiler.compile(treatment);
    if (compiler.error()) return compiler.error()->in("HostEndpoint " + endpoint.name);
    if (chain.empty()) continue;
    if (endpoint.all_interfaces) {
      rest_.push_back({treatment.policy_class, treatment.direction, family, may_reject, chain});
      continue;
    }
    const std::string name = map_name(treatment.policy_class, treatment.direction, family, may_reject);
    Set& map = ruleset_.sets.try_emplace(name, Set{name, {FieldType::IfName}, false, true, "", {}}).first->second;
    for (const std::string& interface : endpoint.interfaces) {
      map.elements.push_back({make_interface_key(interface),
                              {},
                              Verdict{Verdict::Code::Jump, chain},
                              to_comment("HostEndpoint " + endpoint.name)});
    }
    std::ranges::sort(map.elements);
  }
  return {};
}

// ---- dispatch ------------------------------------------------------------------------------------------------

void HostCompiler::dispatch(Chain& chain, PolicyClass policy_class, Direction direction, Pods pods,
                            bool may_reject) const {
  if (policy_class == PolicyClass::Normal && !rejects()) may_reject = true;  // one sort of chain serves both
  for (const Family family : policy::kFamilies) {
    const std::string map = map_name(policy_class, direction, family, may_reject);
    if (ruleset_.sets.count(map) == 0) continue;
    chain.rules.push_back({{is_number(Field::NfProto, nfproto(family))},
                           VerdictMapLookup{interface_name_field(direction), map},
                           describe(policy_class, direction) + " policy of host endpoints"});
  }
  for (const Rest& rest : rest_) {
    const bool asked =
        rest.policy_class == policy_class && rest.direction == direction && rest.may_reject == may_reject;
    if (asked) append_rest(chain, rest, pods);
  }
}

void HostCompiler::append_rest(Chain& chain, const Rest& rest, Pods pods) const {
  Rule rule{{is_number(interface_field(rest.direction), kLoopbackInterface, true)},
            Verdict{Verdict::Code::Jump, rest.chain},
            describe(rest.policy_class, rest.direction) + " policy of the host endpoint of all interfaces"};
  if (has_named_) rule.matches.push_back(in_set(interface_name_field(rest.direction), kNamedInterfaces, true));
  if (pods == Pods::LeftAlone) {
    rule.matches.push_back(in_set(pod_field(rest.direction, rest.family), pods_set(rest.family), true));
  } else {
    rule.matches.push_back(is_number(Field::NfProto, nfproto(rest.family)));
  }
  chain.rules.push_back(std::move(rule));
}

/// Appends the rules of `entry` so that marked packets pass them by.
void HostCompiler::append_unless_marked(Chain& chain, Chain entry) const {
  for (Rule& rule : entry.rules) {
    if (marks_on_entry_) rule.matches.insert(rule.matches.begin(), {{Field::Mark}, true, Bits{options_.mark}});
    chain.rules.push_back(std::move(rule));
  }
}

void HostCompiler::append_to_forward_on_entry(Chain& forward) const {
  Chain entry;
  dispatch(entry, PolicyClass::Forward, Direction::Ingress, Pods::Judged);
  append_unless_marked(forward, std::move(entry));
}

void HostCompiler::append_to_forward_on_exit(Chain& forward) const {
  dispatch(forward, PolicyClass::Forward, Direction::Egress, Pods::Judged);
}

void HostCompiler::append_to_input(Chain& input) const {
  if (!governs()) return;
  Chain entry;
  dispatch(entry, PolicyClass::Normal, Direction::Ingress, Pods::LeftAlone);
  if (entry.rules.empty()) return;
  if (marks_on_entry_) input.rules.push_back(marked_rule("allowed before translation"));
  input.rules.push_back(dhcpv6_rule(Way::In));
  append_failsafes(input, Way::In);
  for (Rule& rule : entry.rules) input.rules.push_back(std::move(rule));
}

void HostCompiler::append_failsafes(Chain& chain, Way way) const {
  for (const policy::Failsafe& failsafe : way == Way::In ? options_.failsafes.inbound : options_.failsafes.outbound) {
    chain.rules.push_back(failsafe_rule(failsafe, way));
  }
}

/// Accepts what earlier policy allowed.
Rule HostCompiler::marked_rule(std::string why) const {
  return {{{{Field::Mark}, false, Bits{options_.mark}}}, accepted(), std::move(why)};
}

Rule HostCompiler::unmark_rule() const {
  return {{}, ClearMark{options_.mark}, "no policy has allowed it here yet"};
}

/// What the node sends to its own pods is never judged.
void HostCompiler::append_exempt_destinations(Chain& chain) const {
  for (const Family family : policy::kFamilies) {
    chain.rules.push_back(
        {{in_set(destination_field(family), pods_set(family))}, accepted(), "a node always reaches its own pods"});
    if (options_.pod_cidrs.empty()) continue;
    chain.rules.push_back(
        {{in_set(destination_field(family), pod_cidrs_set(family))}, accepted(), "a node always reaches its own pods"});
  }
}

// ---- base chains of their own --------------------------------------------------------------------------------

Chain HostCompiler::raw_in() const {
  Chain chain{"raw-in",
              BaseChain{Hook::Prerouting, kRawPriority},
              "",
              {unmark_rule(), neighbour_discovery_rule(), dhcpv6_rule(Way::In)}};
  append_failsafes(chain, Way::In);
  for (const policy::Failsafe& failsafe : options_.failsafes.outbound) {
    chain.rules.push_back(failsafe_rule(failsafe, Way::In, FailsafePort::Source));
  }
  dispatch(chain, PolicyClass::Untracked, Direction::Ingress, Pods::LeftAlone, false);
  return chain;
}

Chain HostCompiler::raw_out() const {
  Chain chain{"raw-out",
              BaseChain{Hook::Output, kRawPriority},
              "",
              {unmark_rule(), neighbour_discovery_rule(), dhcpv6_rule(Way::Out)}};
  append_exempt_destinations(chain);
  append_failsafes(chain, Way::Out);
  for (const policy::Failsafe& failsafe : options_.failsafes.inbound) {
    chain.rules.push_back(failsafe_rule(failsafe, Way::Out, FailsafePort::Source));
  }
  dispatch(chain, PolicyClass::Untracked, Direction::Egress, Pods::Judged, false);
  return chain;
}

Chain HostCompiler::pre_dnat() const {
  Chain chain{"pre-dnat", BaseChain{Hook::Prerouting, kManglePriority}, "", opening_rules(options_)};
  if (has(PolicyClass::Untracked, Direction::Ingress)) {
    chain.rules.push_back(marked_rule("allowed by untracked policy"));
  } else {
    chain.rules.insert(chain.rules.begin(), unmark_rule());
  }
  chain.rules.push_back(dhcpv6_rule(Way::In));
  append_failsafes(chain, Way::In);
  dispatch(chain, PolicyClass::PreDnat, Direction::Ingress, Pods::Judged, false);
  return chain;
}

void HostCompiler::append_normal_egress(Chain& chain, bool may_reject) const {
  append_exempt_destinations(chain);
  if (has(PolicyClass::Untracked, Direction::Egress)) {
    chain.rules.push_back(marked_rule("allowed by untracked policy"));
  }
  chain.rules.push_back(dhcpv6_rule(Way::Out));
  append_failsafes(chain, Way::Out);
  dispatch(chain, PolicyClass::Normal, Direction::Egress, Pods::Judged, may_reject);
}

Chain HostCompiler::output() const {
  Chain chain{"output", BaseChain{Hook::Output, kFilterPriority}, "", opening_rules(options_)};
  chain.rules.push_back(
      {{{{Field::CtStatus}, false, Bits{ct_status::kDnat}}}, accepted(), "translated: judged where it leaves"});
  append_normal_egress(chain, true);
  return chain;
}

Chain HostCompiler::postrouting() const {
  Chain chain{"postrouting", BaseChain{Hook::Postrouting, kFilterPriority}, "", opening_rules(options_)};
  constexpr std::uint32_t kNoConnection = ct_state::kInvalid | ct_state::kUntracked;
  chain.rules.push_back(
      {{{{Field::CtState}, false, Bits{kNoConnection}}}, accepted(), "never translated: judged in output or forward"});
  chain.rules.push_back(
      {{{{Field::CtStatus}, true, Bits{ct_status::kDnat}}}, accepted(), "judged in output or forward"});
  chain.rules.push_back({{is_number(Field::FibSaddrType, kLocalAddress, true)}, accepted(), "forwarded: judged there"});
  append_normal_egress(chain, false);
  return chain;
}

void HostCompiler::add_base_chain(Chain chain) {
  const std::string name = chain.name;
  ruleset_.chains.emplace(name, std::move(chain));
}

void HostCompiler::add_base_chains() {
  if (!governs()) return;
  add_failsafe_sets(ruleset_, options_.failsafes.inbound);
  add_failsafe_sets(ruleset_, options_.failsafes.outbound);
  if (has_named_ && has_rest_) {
    Set named{kNamedInterfaces, {FieldType::IfName}, false, false, "interfaces with a host endpoint of their own", {}};
    for (const policy::ResolvedHostEndpoint* endpoint : endpoints_) {
      for (const std::string& interface : endpoint->interfaces) {
        named.elements.push_back({make_interface_key(interface), {}, std::nullopt, {}});
      }
    }
    std::ranges::sort(named.elements);
    ruleset_.sets.emplace(kNamedInterfaces, std::move(named));
  }
  if (has(PolicyClass::Untracked, Direction::Ingress)) add_base_chain(raw_in());
  if (has(PolicyClass::Untracked, Direction::Egress)) add_base_chain(raw_out());
  if (has(PolicyClass::PreDnat, Direction::Ingress)) add_base_chain(pre_dnat());
  Chain normal_egress;
  dispatch(normal_egress, PolicyClass::Normal, Direction::Egress, Pods::Judged);
  if (normal_egress.rules.empty()) return;  // it allows everything
  add_base_chain(output());
  add_base_chain(postrouting());
}

}  // namespace tierwall::nft
