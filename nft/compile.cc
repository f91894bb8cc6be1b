#include "nft/compile.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "nft/compile_chain.h"
#include "nft/compile_host.h"
#include "nft/names.h"
#include "nft/opening_rules.h"
#include "nft/table_words.h"

namespace tierwall::nft {

namespace {

using policy::Direction;
using policy::Family;

FieldType address_type(Family family) {
  return family == Family::V4 ? FieldType::Ipv4Addr : FieldType::Ipv6Addr;
}

std::string dispatch_map(Direction direction, Family family) {
  return std::string(policy::print_direction(direction)) + family_suffix(family);
}

// ---- sets ----------------------------------------------------------------------------------------------------

Set range_set(std::string name, std::string_view comment, const policy::RangeSet& nets, Family family) {
  Set set{std::move(name), {address_type(family)}, true, false, to_comment(comment), {}};
  const policy::RangeSet of_family = nets.only(family);
  for (const policy::AddressRange& range : of_family.ranges()) {
    set.elements.push_back({make_key(range.first), make_key(range.last), std::nullopt, {}});
  }
  return set;
}

std::vector<FieldType> type_of(const MemberSet& set) {
  const FieldType address = address_type(set.family);
  if (set.part != MemberSet::Part::Services) return {address};
  return {address, FieldType::InetProto, FieldType::InetService};
}

Set make_set(const MemberSet& set, std::string_view description, const policy::NodePolicy& policy) {
  const bool interval = set.part == MemberSet::Part::Ranges;
  return {set.name, type_of(set), interval, false, to_comment(description), make_elements(set, policy)};
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

// ---- the table -----------------------------------------------------------------------------------------------

class TableCompiler {
 public:
  TableCompiler(const policy::NodePolicy& policy, const CompileOptions& options)
      : policy_(policy), options_(options), host_(policy, options, ruleset_, places_) {}

  Result<CompiledTable> run() {
    for (const Family family : policy::kFamilies) {
      const SetNames names = name_sets(policy_, family);
      SetUnions unions(policy_, family, names);
      for (const Direction direction : policy::kDirections) {
        if (Result<void> compiled = add_dispatch(direction, unions); !compiled) return compiled.error();
      }
      if (Result<void> compiled = host_.compile_treatments(unions); !compiled) return compiled.error();
      add_meaning_sets(family, names);
      for (const auto& [name, united] : unions.all()) add_union(name, united);
      add_endpoint_sets(family);
    }
    add_base_chains();
    if (options_.denied_log) ruleset_.chains.emplace(kDeniedChain, denied_chain(*options_.denied_log));
    return CompiledTable{std::move(ruleset_), MemberSets(std::move(members_)), std::move(places_)};
  }

 private:
  Result<void> add_dispatch(Direction direction, SetUnions& unions) {
    const Family family = unions.family();
    ChainCompiler compiler(policy_, {.deny = denial(options_.denied_log)}, options_.flattening, unions, ruleset_,
                           places_);
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
  void add_meaning_sets(Family family, const SetNames& names) {
    using Part = MemberSet::Part;
    const std::set<std::string> named = named_sets();
    const auto add_if_named = [&](const std::string& name, Part part, policy::SetId id, std::string_view description) {
      if (named.count(name) == 0) return;
      const MemberSet& set =
          members_.emplace_back(MemberSet{.name = name, .family = family, .part = part, .sets = {id}});
      add_set(make_set(set, description, policy_));
    };
    for (policy::SetId id = 0; id < policy_.address_sets.size(); ++id) {
      const std::string& description = policy_.address_sets[id].description;
      add_if_named(names.address_sets[id].exact, Part::Exact, id, description);
      if (!names.address_sets[id].ranges.empty()) {
        add_if_named(names.address_sets[id].ranges, Part::Ranges, id, description);
      }
    }
    for (policy::SetId id = 0; id < policy_.service_sets.size(); ++id) {
      add_if_named(names.service_sets[id], Part::Services, id, policy_.service_sets[id].description);
    }
  }

  void add_union(const std::string& name, const SetUnion& united) {
    members_.push_back({.name = name,
                        .family = united.family,
                        .part = united.interval ? MemberSet::Part::Ranges : MemberSet::Part::Exact,
                        .sets = united.address_sets,
                        .nets = united.nets});
    add_set(make_union_set(name, united, policy_));
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
    if (judges_unknown_pods() || (host_.governs() && !options_.pod_cidrs.empty())) {
      add_set(
          range_set(pod_cidrs_set(family), "this node's pod CIDRs", policy::RangeSet::of(options_.pod_cidrs), family));
    }
    const bool tells_pods_apart =
        judges_unknown_pods() || host_.governs() || options_.endpoint_to_host == CompileOptions::EndpointToHost::Drop;
    if (!tells_pods_apart) return;
    Set pods{pods_set(family), {address_type(family)}, false, false, "addresses of this node's pods", {}};
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
    Chain forward{"forward", BaseChain{Hook::Forward, kFilterPriority}, "", opening_rules(options_)};
    Chain input{"input", BaseChain{Hook::Input, kFilterPriority}, "", opening_rules(options_)};
    host_.append_to_forward_on_entry(forward);
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
        input.rules.push_back({{{{source_field(family)}, false, InSet{pods_set(family)}}},
                               denial(options_.denied_log),
                               "pod to its own host: endpoint_to_host = drop"});
      }
    }
    host_.append_to_forward_on_exit(forward);
    host_.append_to_input(input);
    host_.add_base_chains();
    ruleset_.chains.emplace("forward", std::move(forward));
    ruleset_.chains.emplace("input", std::move(input));
  }

  void append_unknown_pod_rules(Chain& chain, Family family) const {
    for (const Field field : {source_field(family), destination_field(family)}) {
      chain.rules.push_back({{{{field}, false, InSet{pod_cidrs_set(family)}}, {{field}, true, InSet{pods_set(family)}}},
                             denial(options_.denied_log),
                             "pod address of this node that belongs to no known pod: unknown_pod = drop"});
    }
  }

  /// The node's own address on a pod bridge lies in its pod CIDRs, and what it sends to itself comes in by lo.
  [[nodiscard]] Rule unknown_source_rule(Family family) const {
    const Field source = source_field(family);
    return {{{{Field::Iif}, true, Numbers{{kLoopbackInterface, kLoopbackInterface}}},
             {{source}, false, InSet{pod_cidrs_set(family)}},
             {{source}, true, InSet{pods_set(family)}}},
            denial(options_.denied_log),
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
  TablePlaces places_;
  std::vector<MemberSet> members_;
  HostCompiler host_;
};

}  // namespace

Result<CompiledTable> compile_table(const policy::NodePolicy& policy, const CompileOptions& options) {
  return TableCompiler(policy, options).run();
}

Result<Ruleset> compile(const policy::NodePolicy& policy, const CompileOptions& options) {
  Result<CompiledTable> table = compile_table(policy, options);
  if (!table) return table.error();
  return std::move(table->ruleset);
}

}  // namespace tierwall::nft
