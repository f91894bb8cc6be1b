#include "nft/set_unions.h"

#include <algorithm>
#include <utility>

#include "nft/names.h"
#include "nft/table_words.h"

namespace tierwall::nft {

namespace {

/// So many nets are written into the rule itself.
constexpr std::size_t kNetsInRule = 8;

std::string meaning_of(const SetUnion& united, const policy::NodePolicy& policy) {
  std::string meaning = "union\n";
  for (const policy::SetId id : united.address_sets) meaning += policy.address_sets[id].meaning + "\n";
  for (const policy::AddressRange& range : united.nets.ranges()) {
    meaning += policy::print_address(range.first) + "-" + policy::print_address(range.last) + "\n";
  }
  return meaning;
}

}  // namespace

std::optional<MemberSet> SetUnions::find_members(const std::string& set) const {
  if (const auto meaning = names_.find(set)) {
    return MemberSet{.name = set, .family = family_, .part = meaning->part, .sets = {meaning->set}};
  }
  const auto united = unions_.find(set);
  if (united == unions_.end()) return std::nullopt;
  return MemberSet{.name = set,
                   .family = family_,
                   .part = united->second.interval ? MemberSet::Part::Ranges : MemberSet::Part::Exact,
                   .sets = united->second.address_sets,
                   .nets = united->second.nets};
}

std::string SetUnions::describe(const MemberSet& set) const {
  if (set.part == MemberSet::Part::Services) return policy_.service_sets[set.sets.front()].description;
  if (const auto meaning = names_.find(set.name)) return policy_.address_sets[meaning->set].description;
  std::string words = "any of " + std::to_string(set.sets.size() + set.nets.ranges().size());
  const char* before = ": ";
  for (const policy::SetId id : set.sets) {
    words += before + policy_.address_sets[id].description;
    before = "; ";
  }
  return words;
}

Match SetUnions::match(Field field, SetUnion united) {
  united.family = family_;
  std::ranges::sort(united.address_sets);
  united.address_sets.erase(std::unique(united.address_sets.begin(), united.address_sets.end()),
                            united.address_sets.end());
  const std::vector<policy::AddressRange>& nets = united.nets.ranges();
  if (united.address_sets.empty() && nets.size() <= kNetsInRule) return {{field}, false, Addresses(nets)};
  if (united.address_sets.size() == 1 && nets.empty()) {
    const SetNames::OfAddressSet& only = names_.address_set(united.address_sets.front());
    return in_set(field, united.interval ? only.ranges : only.exact);
  }
  return in_set(field, add(std::move(united)));
}

std::string SetUnions::add(SetUnion&& united) {
  std::string name =
      (united.interval ? "nets" : "addr") + family_suffix(family_) + "-" + fingerprint(meaning_of(united, policy_));
  unions_.try_emplace(name, std::move(united));
  return name;
}

}  // namespace tierwall::nft
