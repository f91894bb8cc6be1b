#pragma once
// Which parts of the table follow which parts of the policy: what becomes of it when only members of sets come and go,
// or pods of this node, which is what most events amount to. Every other chain and set stays as it is then.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "nft/change_set.h"
#include "nft/member_sets.h"
#include "nft/pod_dispatch.h"
#include "nft/references.h"
#include "nft/rule_place.h"
#include "nft/ruleset.h"
#include "policy/node_policy.h"
#include "policy/policy_change.h"

namespace tierwall::nft {

class TableParts {
 public:
  TableParts() = default;
  TableParts(std::vector<MemberSet> sets, TreatmentChains chains, std::map<policy::Family, SetNames> names);

  struct Step {
    ChangeSet changes = {};
    std::map<std::string, CountedRules> counted = {};  ///< what the counters that come will count
  };
  /// What leads from `applied` to the table of `policy`, which is ahead of it by this change; equals what diff() makes
  /// of the two tables. Absent if the table has to be compiled. From then on the parts are those of the new table: if
  /// the changes do not come into force they are of no use any more.
  [[nodiscard]] std::optional<Step> follow(const policy::NodePolicy& policy, const policy::PolicyChange& change,
                                           const CompileOptions& options, const Ruleset& applied);

  [[nodiscard]] const std::map<std::string, MemberSet>& member_sets() const { return sets_; }
  [[nodiscard]] const TreatmentChains& chains() const { return chains_; }

 private:
  /// What of the table is different: as it is, and as it will be.
  struct Difference {
    Ruleset before = {};
    Ruleset after = {};
  };

  void add(MemberSet set);
  void remove(const std::string& set);
  bool follow_members(const policy::NodePolicy& policy, const policy::PolicyChange& change, const Ruleset& applied,
                      Difference& difference) const;
  bool follow_pods(const policy::NodePolicy& policy, const CompileOptions& options, const Ruleset& applied,
                   Difference& difference, Step& step);
  bool compile_treatments(const policy::NodePolicy& policy, const CompileOptions& options, const Ruleset& applied,
                          Difference& difference, Step& step);
  bool take_in(Ruleset compiled, const policy::NodePolicy& policy, const SetUnions& unions, const Ruleset& applied,
               Difference& difference);
  void remove_unused(std::vector<PartName> unused, const Ruleset& applied, Difference& difference);

  std::map<std::string, MemberSet> sets_;               // by name
  std::vector<std::set<std::string>> of_address_sets_;  // by policy::SetId: names of sets that hold its members
  std::vector<std::set<std::string>> of_service_sets_;
  TreatmentChains chains_;
  std::map<policy::Family, SetNames> names_;
  std::optional<References> references_;  // absent: not counted yet
};

}  // namespace tierwall::nft
