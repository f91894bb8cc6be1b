#include "nft/compile.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "nft/compile_rule.h"
#include "nft/names.h"
#include "nft/opening_rules.h"
#include "nft/print.h"
#include "policy/evaluate.h"

namespace tierwall::nft {

namespace {

using policy::Action;
using policy::Direction;
using policy::Family;

/// The kernel follows 16 levels of jump and goto, the base chain included (NFT_JUMP_STACK_SIZE); it counts both when
/// it validates a table.
constexpr std::size_t kMaxNesting = 15;

std::string family_suffix(Family family) {
  return family == Family::V4 ? "4" : "6";
}

FieldType address_type(Family family) {
  return family == Family::V4 ? FieldType::Ipv4Addr : FieldType::Ipv6Addr;
}

std::string dispatch_map(Direction direction, Family family) {
  return std::string(policy::print_direction(direction)) + family_suffix(family);
}

// ---- sets ----------------------------------------------------------------------------------------------------

Set exact_set(const policy::AddressSet& meaning, Family family) {
  Set set{"addr" + family_suffix(family) + "-" + fingerprint(meaning.meaning),
          {address_type(family)},
          false,
          false,
          to_comment(meaning.description),
          {}};
  for (const policy::Address& address : meaning.addresses) {
    if (address.family == family) set.elements.push_back({make_key(address), {}, std::nullopt, {}});
  }
  return set;
}

Set range_set(std::string name, std::string_view comment, const policy::RangeSet& nets, Family family) {
  Set set{std::move(name), {address_type(family)}, true, false, to_comment(comment), {}};
  const policy::RangeSet of_family = nets.only(family);
  for (const policy::AddressRange& range : of_family.ranges()) {
    set.elements.push_back({make_key(range.first), make_key(range.last), std::nullopt, {}});
  }
  return set;
}

Set service_set(const policy::ServiceSet& meaning, Family family) {
  Set set{"svc" + family_suffix(family) + "-" + fingerprint(meaning.meaning),
          {address_type(family), FieldType::InetProto, FieldType::InetService},
          false,
          false,
          to_comment(meaning.description),
          {}};
  for (const policy::ServiceAddress& member : meaning.members) {
    if (member.address.family != family) continue;
    set.elements.push_back({make_key(member.address, member.protocol, member.port), {}, std::nullopt, {}});
  }
  return set;
}

SetNames name_sets(const policy::NodePolicy& policy, Family family) {
  SetNames names;
  for (const policy::AddressSet& set : policy.address_sets) {
    const std::string tail = family_suffix(family) + "-" + fingerprint(set.meaning);
    names.address_sets.push_back({"addr" + tail, set.nets.empty(family) ? "" : "nets" + tail});
  }
  for (const policy::ServiceSet& set : policy.service_sets) {
    names.service_sets.push_back("svc" + family_suffix(family) + "-" + fingerprint(set.meaning));
  }
  return names;
}

// ---- chains --------------------------------------------------------------------------------------------------

/// Compiles the chains of one direction and family. Chains are added to the ruleset as they turn out to be needed.
class ChainCompiler {
 public:
  ChainCompiler(const policy::NodePolicy& policy, Direction direction, Family family, const SetNames& sets,
                Ruleset& ruleset)
      : policy_(policy), direction_(direction), family_(family), sets_(sets), ruleset_(ruleset) {}

  /// The name of the chain for a treatment; empty if it lets everything return.
  std::string compile(const policy::Treatment& treatment) { return chain_from(treatment, 0, 1); }

  /// Set when a treatment could not be compiled; the names given out since are of no use.
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  /// The chain of the tiers from `step` on and of the profile.
  std::string chain_from(const policy::Treatment& treatment, std::size_t step, std::size_t nesting) {
    Chain chain;
    std::vector<std::string> tier_names;
    bool open_end = true;
    for (; open_end && step < treatment.steps.size(); ++step) {
      const policy::TierStep& tier = treatment.steps[step];
      tier_names.push_back(policy_.tiers[tier.tier].name);
      const bool passes = has_pass(tier);
      const Verdict pass = passes ? to_next(treatment, step + 1, nesting) : Verdict{};
      open_end = append_tier(chain, tier, pass);
      if (open_end && passes) {
        append(chain, {{}, pass, to_comment("tier " + tier_names.back() + ": passed on")});
        open_end = false;
      }
    }
    if (open_end) append_profile(chain, policy_.profiles[treatment.profiles.front()]);  // pods have one
    return add_chain(std::move(chain), tier_names, nesting);
  }

  /// How a packet gets from a tier to what follows it: everything behind returns, or the chain of the rest decides.
  Verdict to_next(const policy::Treatment& treatment, std::size_t step, std::size_t nesting) {
    const std::string rest = chain_from(treatment, step, nesting + 1);
    return rest.empty() ? Verdict{Verdict::Code::Return, {}} : Verdict{Verdict::Code::Goto, rest};
  }

  [[nodiscard]] bool has_pass(const policy::TierStep& step) const {
    return std::ranges::any_of(step.policies, [&](std::size_t index) {
      const auto& rules = policy_.tiers[step.tier].policies[index].rules(direction_);
      return std::ranges::any_of(
          rules, [](const policy::ResolvedRule& rule) { return policy::effective_action(rule) == Action::Pass; });
    });
  }

  /// False if nothing reaches the end of the tier.
  bool append_tier(Chain& chain, const policy::TierStep& step, const Verdict& pass) {
    const policy::ResolvedTier& tier = policy_.tiers[step.tier];
    for (const std::size_t index : step.policies) {
      const policy::ResolvedPolicy& policy = tier.policies[index];
      const std::string words = "tier " + tier.name + ", " + policy::print_key(policy.key);
      if (!append_rules(chain, policy.rules(direction_), words, pass)) return false;
    }
    if (tier.default_action == policy::TierDefault::Pass) return true;
    append(chain,
           {{}, Verdict{Verdict::Code::Drop, {}}, to_comment("tier " + tier.name + ": no rule matched, default Deny")});
    return false;
  }

  void append_profile(Chain& chain, const policy::ResolvedProfile& profile) {
    if (profile.implicit) return;  // allows everything: the chain's end returns
    const Verdict drop{Verdict::Code::Drop, {}};
    if (!append_rules(chain, profile.rules(direction_), "Profile " + profile.name, drop)) return;
    append(chain, {{}, drop, to_comment("Profile " + profile.name + ": no rule matched")});
  }

  /// False if a rule without conditions ends the chain.
  bool append_rules(Chain& chain, const std::vector<policy::ResolvedRule>& rules, const std::string& words,
                    const Verdict& pass) {
    for (const policy::ResolvedRule& rule : rules) {
      if (!rule.understood && (rule.action == Action::Allow || rule.action == Action::Log)) continue;
      const std::string comment = to_comment(words + ", rule " + std::to_string(rule.number));
      for (std::vector<Match>& matches : compile_matches(rule, family_, sets_)) {
        const bool always = matches.empty();
        append(chain, {std::move(matches), action_of(rule, comment, pass), comment});
        if (always && rule.action != Action::Log) return false;
      }
    }
    return true;
  }

  static std::variant<Verdict, VerdictMapLookup, Log> action_of(const policy::ResolvedRule& rule,
                                                                const std::string& comment, const Verdict& pass) {
    switch (policy::effective_action(rule)) {
      case Action::Allow:
        return Verdict{Verdict::Code::Return, {}};
      case Action::Deny:
        return Verdict{Verdict::Code::Drop, {}};
      case Action::Pass:
        return pass;
      case Action::Log:
        return Log{"tierwall: " + comment.substr(0, 115) + ": "};
    }
    TIERWALL_CHECK(false);
  }

  static void append(Chain& chain, Rule rule) { chain.rules.push_back(std::move(rule)); }

  /// Names the chain by its content and adds it; nothing is added for a chain that only returns.
  std::string add_chain(Chain chain, const std::vector<std::string>& tier_names, std::size_t nesting) {
    const Verdict returns{Verdict::Code::Return, {}};
    while (!chain.rules.empty() && chain.rules.back().action == decltype(Rule::action){returns}) chain.rules.pop_back();
    if (chain.rules.empty()) return {};
    if (nesting > kMaxNesting) {
      error_ = Error{ErrorKind::Unsupported,
                     "more than " + std::to_string(kMaxNesting) +
                         " tiers with Pass rules follow each other, which is deeper than the kernel follows"};
    }
    std::string words;
    for (const std::string& name : tier_names) words += (words.empty() ? "" : ", ") + name;
    chain.comment = to_comment(std::string(policy::print_direction(direction_)) + ", tiers: " + words);
    std::string content = chain.comment + "\n";
    for (const Rule& rule : chain.rules) content += print(rule) + "\n";
    chain.name = (direction_ == Direction::Egress ? "eg" : "in") + family_suffix(family_) + "-" + fingerprint(content);
    const auto [entry, added] = ruleset_.chains.try_emplace(chain.name, chain);
    if (!added && entry->second != chain) {
      error_ = Error{ErrorKind::Unsupported, "two different chains have the fingerprint " + chain.name};
    }
    return chain.name;
  }

  const policy::NodePolicy& policy_;
  Direction direction_;
  Family family_;
  const SetNames& sets_;
  Ruleset& ruleset_;
  std::optional<Error> error_;
};

// ---- the table -----------------------------------------------------------------------------------------------

class TableCompiler {
 public:
  TableCompiler(const policy::NodePolicy& policy, const CompileOptions& options) : policy_(policy), options_(options) {}

  Result<Ruleset> run() {
    for (const Family family : policy::kFamilies) {
      const SetNames names = name_sets(policy_, family);
      for (const Direction direction : policy::kDirections) {
        if (Result<void> compiled = add_dispatch(direction, family, names); !compiled) return compiled.error();
      }
      add_meaning_sets(family);
      add_endpoint_sets(family);
    }
    add_base_chains();
    return std::move(ruleset_);
  }

 private:
  Result<void> add_dispatch(Direction direction, Family family, const SetNames& names) {
    ChainCompiler compiler(policy_, direction, family, names, ruleset_);
    std::map<std::size_t, std::string> chain_of;  // by treatment
    Set map{dispatch_map(direction, family), {address_type(family)}, false, true, "", {}};
    for (const policy::ResolvedEndpoint& endpoint : policy_.endpoints) {
      for (const policy::Address& address : endpoint.addresses) {
        if (address.family != family) continue;
        const std::size_t treatment = direction == Direction::Ingress ? endpoint.ingress : endpoint.egress;
        const auto [chain, added] = chain_of.try_emplace(treatment);
        if (added) chain->second = compiler.compile(policy_.treatments[treatment]);
        if (compiler.error()) return compiler.error()->in(policy::print_key(endpoint.pod));
        if (chain->second.empty()) continue;
        map.elements.push_back({make_key(address),
                                {},
                                Verdict{Verdict::Code::Jump, chain->second},
                                to_comment("pod " + policy::print_name(endpoint.pod))});
      }
    }
    add_set(std::move(map));
    return {};
  }

  /// The sets that rules of this family name; a set no chain looks into is not made.
  void add_meaning_sets(Family family) {
    const std::set<std::string> named = named_sets();
    const auto add_if_named = [&](Set set) {
      if (named.count(set.name) != 0) add_set(std::move(set));
    };
    for (const policy::AddressSet& set : policy_.address_sets) {
      add_if_named(exact_set(set, family));
      if (set.nets.empty(family)) continue;
      add_if_named(range_set("nets" + family_suffix(family) + "-" + fingerprint(set.meaning), set.description, set.nets,
                             family));
    }
    for (const policy::ServiceSet& set : policy_.service_sets) add_if_named(service_set(set, family));
  }

  [[nodiscard]] std::set<std::string> named_sets() const {
    std::set<std::string> names;
    for (const auto& [name, chain] : ruleset_.chains) {
      for (const Rule& rule : chain.rules) {
        for (const Match& match : rule.matches) {
          if (const auto* set = std::get_if<InSet>(&match.right)) names.insert(set->set);
        }
      }
    }
    return names;
  }

  /// The addresses of this node's pods and its pod CIDRs, where something asks for them.
  void add_endpoint_sets(Family family) {
    if (judges_unknown_pods()) {
      add_set(range_set("pod-cidrs" + family_suffix(family), "this node's pod CIDRs",
                        policy::RangeSet::of(options_.pod_cidrs), family));
    }
    if (!judges_unknown_pods() && options_.endpoint_to_host != CompileOptions::EndpointToHost::Drop) return;
    Set pods{"pods" + family_suffix(family), {address_type(family)}, false, false, "addresses of this node's pods", {}};
    for (const policy::ResolvedEndpoint& endpoint : policy_.endpoints) {
      for (const policy::Address& address : endpoint.addresses) {
        if (address.family == family) pods.elements.push_back({make_key(address), {}, std::nullopt, {}});
      }
    }
    add_set(std::move(pods));
  }

  void add_set(Set set) {
    std::ranges::sort(set.elements);
    const std::string name = set.name;
    ruleset_.sets.emplace(name, std::move(set));
  }

  [[nodiscard]] bool judges_unknown_pods() const {
    return !options_.pod_cidrs.empty() && options_.unknown_pod == CompileOptions::UnknownPod::Drop;
  }

  void add_base_chains() {
    Chain forward{"forward", BaseChain{Hook::Forward, kFilterPriority}, "", opening_rules()};
    Chain input{"input", BaseChain{Hook::Input, kFilterPriority}, "", opening_rules()};
    for (const Family family : policy::kFamilies) {
      if (!judges_unknown_pods()) continue;
      append_unknown_pod_rules(forward, family);
      input.rules.push_back(unknown_source_rule(family));
    }
    for (const Family family : policy::kFamilies) {
      const Rule egress = dispatch_rule(Direction::Egress, family);
      forward.rules.push_back(egress);
      input.rules.push_back(egress);
      forward.rules.push_back(dispatch_rule(Direction::Ingress, family));
    }
    if (options_.endpoint_to_host == CompileOptions::EndpointToHost::Drop) {
      for (const Family family : policy::kFamilies) {
        input.rules.push_back({{{{source_field(family)}, false, InSet{"pods" + family_suffix(family)}}},
                               Verdict{Verdict::Code::Drop, {}},
                               "pod to its own host: endpoint_to_host = drop"});
      }
    }
    ruleset_.chains.emplace("forward", std::move(forward));
    ruleset_.chains.emplace("input", std::move(input));
  }

  static Field source_field(Family family) { return family == Family::V4 ? Field::IpSaddr : Field::Ip6Saddr; }
  static Field destination_field(Family family) { return family == Family::V4 ? Field::IpDaddr : Field::Ip6Daddr; }

  static void append_unknown_pod_rules(Chain& chain, Family family) {
    const std::string suffix = family_suffix(family);
    for (const Field field : {source_field(family), destination_field(family)}) {
      chain.rules.push_back({{{{field}, false, InSet{"pod-cidrs" + suffix}}, {{field}, true, InSet{"pods" + suffix}}},
                             Verdict{Verdict::Code::Drop, {}},
                             "pod address of this node that belongs to no known pod: unknown_pod = drop"});
    }
  }

  /// The node's own address on a pod bridge lies in its pod CIDRs, and what it sends to itself comes in by lo.
  static Rule unknown_source_rule(Family family) {
    const std::string suffix = family_suffix(family);
    const Field source = source_field(family);
    return {{{{Field::Iif}, true, Numbers{{kLoopbackInterface, kLoopbackInterface}}},
             {{source}, false, InSet{"pod-cidrs" + suffix}},
             {{source}, true, InSet{"pods" + suffix}}},
            Verdict{Verdict::Code::Drop, {}},
            "pod address of this node that belongs to no known pod, to its own host: unknown_pod = drop"};
  }

  static Rule dispatch_rule(Direction direction, Family family) {
    const Field field = direction == Direction::Egress ? source_field(family) : destination_field(family);
    return {{},
            VerdictMapLookup{field, dispatch_map(direction, family)},
            std::string(policy::print_direction(direction)) + " policy of this node's pods"};
  }

  const policy::NodePolicy& policy_;
  const CompileOptions& options_;
  Ruleset ruleset_;
};

}  // namespace

Result<Ruleset> compile(const policy::NodePolicy& policy, const CompileOptions& options) {
  return TableCompiler(policy, options).run();
}

}  // namespace tierwall::nft
