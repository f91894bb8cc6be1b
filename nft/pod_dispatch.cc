#include "nft/pod_dispatch.h"

#include <algorithm>

#include "nft/compile_chain.h"
#include "nft/member_sets.h"
#include "nft/names.h"
#include "nft/table_words.h"

namespace tierwall::nft {

namespace {

using policy::Direction;
using policy::Family;

/// Calls `visit` with every pod and address of the family.
template <typename Visit>
void for_each_address(const policy::NodePolicy& policy, Family family, Visit visit) {
  for (const policy::ResolvedEndpoint& endpoint : policy.endpoints) {
    for (const policy::Address& address : endpoint.addresses) {
      if (address.family == family) visit(endpoint, address);
    }
  }
}

}  // namespace

Result<void> compile_pods(const policy::NodePolicy& policy, const CompileOptions& options, SetUnions& unions,
                          Ruleset& ruleset, TablePlaces& places, TreatmentChains& chains) {
  ChainCompiler compiler(policy, {.deny = denial(options.denied_log)}, options.flattening, unions, ruleset, places);
  TreatmentChains needed;
  for (const policy::ResolvedEndpoint& endpoint : policy.endpoints) {
    const auto is_of_family = [&](const policy::Address& address) { return address.family == unions.family(); };
    if (std::ranges::none_of(endpoint.addresses, is_of_family)) continue;
    for (const Direction direction : policy::kDirections) {
      const policy::Treatment& treatment = policy.treatment(endpoint, direction);
      const auto [chain, added] = needed.try_emplace({unions.family(), treatment});
      if (!added) continue;
      const auto known = chains.find(chain->first);
      chain->second = known != chains.end() ? known->second : compiler.compile(treatment);
      if (compiler.error()) return compiler.error()->in(policy::print_key(endpoint.pod));
    }
  }
  std::erase_if(chains, [&](const auto& entry) { return entry.first.first == unions.family(); });
  chains.merge(needed);
  return {};
}

std::string dispatch_map_name(Direction direction, Family family) {
  return std::string(policy::print_direction(direction)) + family_suffix(family);
}

Set make_dispatch_map(Direction direction, Family family, const policy::NodePolicy& policy,
                      const TreatmentChains& chains) {
  Set map{dispatch_map_name(direction, family), {address_type(family)}, false, true, "", {}};
  for_each_address(policy, family, [&](const policy::ResolvedEndpoint& endpoint, const policy::Address& address) {
    const std::string& chain = chains.at({family, policy.treatment(endpoint, direction)});
    if (chain.empty()) return;
    map.elements.push_back({make_key(address),
                            {},
                            Verdict{Verdict::Code::Jump, chain},
                            to_comment("pod " + policy::print_name(endpoint.pod))});
  });
  std::ranges::sort(map.elements);
  return map;
}

Set make_pods_set(Family family, const policy::NodePolicy& policy) {
  Set pods{pods_set(family), {address_type(family)}, false, false, "addresses of this node's pods", {}};
  for_each_address(policy, family, [&](const policy::ResolvedEndpoint&, const policy::Address& address) {
    pods.elements.push_back(make_element(address));
  });
  std::ranges::sort(pods.elements);
  return pods;
}

}  // namespace tierwall::nft
