#include "nft/compile.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "nft/compile_host.h"
#include "nft/names.h"
#include "nft/opening_rules.h"
#include "nft/pod_dispatch.h"
#include "nft/set_unions.h"
#include "nft/table_words.h"

namespace tierwall::nft {

namespace {

using policy::Direction;
using policy::Family;

// ---- sets ----------------------------------------------------------------------------------------------------

Set range_set(std::string name, std::string_view comment, const policy::RangeSet& nets, Family family) {
  Set set{std::move(name), {address_type(family)}, true, false, to_comment(comment), {}};
  const policy::RangeSet of_family = nets.only(family);
  for (const policy::AddressRange& range : of_family.ranges()) {
    set.elements.push_back({make_key(range.first), make_key(range.last), std::nullopt, {}});
  }
  return set;
}

// ---- the table -----------------------------------------------------------------------------------------------

class TableCompiler {
 public:
  TableCompiler(const policy::NodePolicy& policy, const CompileOptions& options)
      : policy_(policy), options_(options), host_(policy, options, ruleset_, places_) {}

  Result<CompiledTable> run() {
    std::map<Family, SetNames> names;
    for (const Family family : policy::kFamilies) {
      SetUnions unions(policy_, family, names.try_emplace(family, policy_, family).first->second);
      if (Result<void> done = compile_pods(policy_, options_, unions, ruleset_, places_, chains_); !done) {
        return done.error();
      }
      for (const Direction direction : policy::kDirections) {
        add_set(make_dispatch_map(direction, family, policy_, chains_));
      }
      if (Result<void> compiled = host_.compile_treatments(unions); !compiled) return compiled.error();
      add_member_sets(unions);
      add_endpoint_sets(family);
    }
    add_base_chains();
    if (options_.denied_log) ruleset_.chains.emplace(kDeniedChain, denied_chain(*options_.denied_log));
    return CompiledTable{std::move(ruleset_), TableParts(std::move(members_), std::move(chains_), std::move(names)),
                         std::move(places_)};
  }

 private:
  /// The sets that rules of this family name; a set no chain looks into is not made.
  void add_member_sets(const SetUnions& unions) {
    for (const std::string& name : named_sets()) {
      const std::optional<MemberSet> set = unions.find_members(name);
      if (!set) continue;
      add_set(make_set(*set, unions.describe(*set), policy_));
      members_.push_back(*set);
    }
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
    add_set(make_pods_set(family, policy_));
  }

  void add_set(Set set) {
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
            VerdictMapLookup{field, dispatch_map_name(direction, family)},
            std::string(policy::print_direction(direction)) + " policy of this node's pods"};
  }

  const policy::NodePolicy& policy_;
  const CompileOptions& options_;
  Ruleset ruleset_;
  TablePlaces places_;
  std::vector<MemberSet> members_;
  TreatmentChains chains_;
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
