#pragma once
// The sets of the table that hold members of policy sets.

#include <string>
#include <string_view>
#include <vector>

#include "nft/ruleset.h"
#include "policy/node_policy.h"

namespace tierwall::nft {

/// One such set: whose members it holds, of one family.
struct MemberSet {
  enum class Part { Exact, Ranges, Services };

  std::string name;
  policy::Family family = policy::Family::V4;
  Part part = Part::Exact;
  std::vector<policy::SetId> sets = {};  ///< of Services: one, a service set; else address sets
  policy::RangeSet nets = {};            ///< of Ranges: what rules write out, beside the sets'

  friend bool operator==(const MemberSet&, const MemberSet&) = default;
};

/// The elements of the set, sorted.
std::vector<Element> make_elements(const MemberSet& set, const policy::NodePolicy& policy);
/// The set with its elements; `description` is what its members are, in words.
Set make_set(const MemberSet& set, std::string_view description, const policy::NodePolicy& policy);

Element make_element(const policy::Address& address);
Element make_element(const policy::ServiceAddress& service);

}  // namespace tierwall::nft
