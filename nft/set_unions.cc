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

std::string describe(const SetUnion& united, const policy::NodePolicy& policy) {
  std::string words = "any of " + std::to_string(united.address_sets.size() + united.nets.ranges().size());
  const char* before = ": ";
  for (const policy::SetId id : united.address_sets) {
    words += before + policy.address_sets[id].description;
    before = "; ";
  }
  return words;
}

}  // namespace

SetUnions::SetUnions(const policy::NodePolicy& policy, policy::Family family, const SetNames& names)
    : policy_(policy), family_(family), names_(names) {
  for (policy::SetId id = 0; id < names.address_sets.size(); ++id) {
    members_.emplace(names.address_sets[id].exact, Member{id, false});
    if (!names.address_sets[id].ranges.empty()) members_.emplace(names.address_sets[id].ranges, Member{id, true});
  }
}

std::optional<SetUnions::Member> SetUnions::find(const std::string& set) const {
  const auto found = members_.find(set);
  return found == members_.end() ? std::nullopt : std::optional(found->second);
}

Match SetUnions::match(Field field, SetUnion united) {
  united.family = family_;
  std::ranges::sort(united.address_sets);
  united.address_sets.erase(std::unique(united.address_sets.begin(), united.address_sets.end()),
                            united.address_sets.end());
  const std::vector<policy::AddressRange>& nets = united.nets.ranges();
  if (united.address_sets.empty() && nets.size() <= kNetsInRule) return {{field}, false, Addresses(nets)};
  if (united.address_sets.size() == 1 && nets.empty()) {
    const SetNames::AddressSetNames& only = names_.address_sets[united.address_sets.front()];
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

Set make_union_set(const std::string& name, const SetUnion& united, const policy::NodePolicy& policy) {
  Set set{name,
          {united.family == policy::Family::V4 ? FieldType::Ipv4Addr : FieldType::Ipv6Addr},
          united.interval,
          false,
          to_comment(describe(united, policy)),
          {}};
  policy::RangeSet nets = united.nets.only(united.family);
  for (const policy::SetId id : united.address_sets) {
    const policy::AddressSet& part = policy.address_sets[id];
    if (united.interval) {
      const policy::RangeSet of_family = part.nets.only(united.family);
      for (const policy::AddressRange& range : of_family.ranges()) nets.insert(range);
      continue;
    }
    for (const policy::Address& address : part.addresses) {
      if (address.family == united.family) set.elements.push_back({make_key(address), {}, std::nullopt, {}});
    }
  }
  for (const policy::AddressRange& range : nets.ranges()) {
    set.elements.push_back({make_key(range.first), make_key(range.last), std::nullopt, {}});
  }
  std::ranges::sort(set.elements);
  set.elements.erase(std::unique(set.elements.begin(), set.elements.end()), set.elements.end());
  return set;
}

}  // namespace tierwall::nft
