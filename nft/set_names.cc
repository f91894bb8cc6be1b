#include "nft/set_names.h"

#include <utility>

#include "nft/names.h"
#include "nft/table_words.h"

namespace tierwall::nft {

namespace {

using policy::Family;
using policy::NodePolicy;
using policy::SetId;

std::vector<SetNames::OfAddressSet> name_address_sets(const NodePolicy& policy, Family family) {
  std::vector<SetNames::OfAddressSet> names;
  names.reserve(policy.address_sets.size());
  for (const policy::AddressSet& set : policy.address_sets) {
    const std::string tail = family_suffix(family) + "-" + fingerprint(set.meaning);
    names.push_back({"addr" + tail, set.nets.empty(family) ? "" : "nets" + tail});
  }
  return names;
}

std::vector<std::string> name_service_sets(const NodePolicy& policy, Family family) {
  std::vector<std::string> names;
  names.reserve(policy.service_sets.size());
  for (const policy::ServiceSet& set : policy.service_sets) {
    names.push_back("svc" + family_suffix(family) + "-" + fingerprint(set.meaning));
  }
  return names;
}

}  // namespace

SetNames::SetNames(std::vector<OfAddressSet> address_sets, std::vector<std::string> service_sets)
    : address_sets_(std::move(address_sets)), service_sets_(std::move(service_sets)) {
  for (SetId id = 0; id < address_sets_.size(); ++id) {
    const OfAddressSet& names = address_sets_[id];
    meanings_.emplace(names.exact, Meaning{id, MemberSet::Part::Exact});
    if (!names.ranges.empty()) meanings_.emplace(names.ranges, Meaning{id, MemberSet::Part::Ranges});
  }
  for (SetId id = 0; id < service_sets_.size(); ++id) {
    meanings_.emplace(service_sets_[id], Meaning{id, MemberSet::Part::Services});
  }
}

SetNames::SetNames(const NodePolicy& policy, Family family)
    : SetNames(name_address_sets(policy, family), name_service_sets(policy, family)) {}

std::optional<SetNames::Meaning> SetNames::find(const std::string& name) const {
  const auto found = meanings_.find(name);
  return found == meanings_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace tierwall::nft
