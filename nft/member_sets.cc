#include "nft/member_sets.h"

#include <algorithm>
#include <utility>

#include "nft/names.h"
#include "nft/table_words.h"

namespace tierwall::nft {

namespace {

std::vector<Element> make_ranges(const MemberSet& set, const policy::NodePolicy& policy) {
  policy::RangeSet nets = set.nets;
  for (const policy::SetId id : set.sets) {
    for (const policy::AddressRange& range : policy.address_sets[id].nets.ranges()) nets.insert(range);
  }
  std::vector<Element> elements;
  const policy::RangeSet of_family = nets.only(set.family);
  for (const policy::AddressRange& range : of_family.ranges()) {
    elements.push_back(
        {.key = make_key(range.first), .last = make_key(range.last), .verdict = std::nullopt, .comment = {}});
  }
  std::ranges::sort(elements);
  return elements;
}

std::vector<FieldType> type_of(const MemberSet& set) {
  const FieldType address = address_type(set.family);
  if (set.part != MemberSet::Part::Services) return {address};
  return {address, FieldType::InetProto, FieldType::InetService};
}

}  // namespace

Element make_element(const policy::Address& address) {
  return {.key = make_key(address), .last = {}, .verdict = std::nullopt, .comment = {}};
}

Element make_element(const policy::ServiceAddress& service) {
  return {.key = make_key(service.address, service.protocol, service.port),
          .last = {},
          .verdict = std::nullopt,
          .comment = {}};
}

std::vector<Element> make_elements(const MemberSet& set, const policy::NodePolicy& policy) {
  if (set.part == MemberSet::Part::Ranges) return make_ranges(set, policy);
  std::vector<Element> elements;
  for (const policy::SetId id : set.sets) {
    if (set.part == MemberSet::Part::Services) {
      for (const policy::ServiceAddress& service : policy.service_sets[id].members) {
        if (service.address.family == set.family) elements.push_back(make_element(service));
      }
      continue;
    }
    for (const policy::Address& address : policy.address_sets[id].addresses) {
      if (address.family == set.family) elements.push_back(make_element(address));
    }
  }
  std::ranges::sort(elements);
  elements.erase(std::unique(elements.begin(), elements.end()), elements.end());
  return elements;
}

Set make_set(const MemberSet& set, std::string_view description, const policy::NodePolicy& policy) {
  return {.name = set.name,
          .type = type_of(set),
          .interval = set.part == MemberSet::Part::Ranges,
          .verdict_map = false,
          .comment = to_comment(description),
          .elements = make_elements(set, policy)};
}

}  // namespace tierwall::nft
