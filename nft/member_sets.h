#pragma once
// The sets of the table that hold members of policy sets: what becomes of them when only members come and go, which is
// what most events amount to. Chains, maps and every other set stay as they are then.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nft/change_set.h"
#include "nft/ruleset.h"
#include "policy/node_policy.h"
#include "policy/policy_change.h"

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

class MemberSets {
 public:
  MemberSets() = default;
  explicit MemberSets(std::vector<MemberSet> sets);

  /// What leads from `applied` to the table of `policy`, which is ahead of it by this change; equals what diff() makes
  /// of the two tables. Absent if more than members changed, so that the table has to be compiled.
  [[nodiscard]] std::optional<ChangeSet> follow(const policy::NodePolicy& policy, const policy::PolicyChange& change,
                                                const Ruleset& applied) const;

  [[nodiscard]] const std::vector<MemberSet>& all() const { return sets_; }

 private:
  std::vector<MemberSet> sets_;                            // by name
  std::vector<std::vector<std::size_t>> of_address_sets_;  // by policy::SetId: positions in sets_
  std::vector<std::vector<std::size_t>> of_service_sets_;
};

/// The elements of the set, sorted.
std::vector<Element> make_elements(const MemberSet& set, const policy::NodePolicy& policy);

}  // namespace tierwall::nft
